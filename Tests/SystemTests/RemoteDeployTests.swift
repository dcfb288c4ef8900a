import AdminAPI
import Foundation
import Glibc
import Model
import Testing

extension SystemTests {
    /// Over OpenSSH's own client and server.
    @Suite(.serialized, .enabled(if: SSHServer.isThere, SSHServer.needed)) struct RemoteDeployTests {
        private func environment(of server: TestServer) -> [String: String] {
            let directory = TestServer.binary[..<(TestServer.binary.lastIndex(of: "/") ?? TestServer.binary.startIndex)]
            return server.environment.merging(["PATH": "\(directory):/usr/bin:/bin"]) { $1 }
        }

        /// As it is called elsewhere: nothing of the host's own environment.
        private func deploy(
            _ arguments: [String], from server: TestServer, by ssh: SSHServer, _ more: [String: String] = [:]
        ) throws -> Program {
            var environment = ProcessInfo.plainEnvironment
            environment["PATH"] = ssh.clientPath
            return try Program(
                [TestServer.binary, "deploy", "--host", SSHServer.host] + arguments,
                environment: environment.merging(more) { $1 }, in: server.place)
        }

        @Test(.timeLimit(.minutes(2)))
        func `a deploy over ssh is shown as one here, and says which pipeline asked`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let ssh = try SSHServer(in: place, environment: environment(of: server))
            let commit = try repository.commitVersion(2)
            let pipeline = ["GITLAB_CI": "true", "CI_COMMIT_SHA": commit, "CI_JOB_URL": "https://ci.example/jobs/7"]
            let end = try deploy(["--app", "root"], from: server, by: ssh, pipeline).wait(within: .seconds(60))
            #expect(end.status == 0, "\(end.everything)")
            #expect(
                end.output.contains("section_start:") && end.output.contains("2-\(commit.prefix(7)) is live"),
                "\(end.everything)")
            #expect(try server.version() == "2")
            let story = try server.command("deploys", "show", "2")
            #expect(story.output.contains("https://ci.example/jobs/7"), "\(story.output)")

            // What the host refuses is refused here, with the same exit status and no shell in between.
            let hostile = try deploy(["--app", "root", "$(touch \(place.path)/pwned); 'x"], from: server, by: ssh)
                .wait(within: .seconds(30))
            #expect(hostile.status == 1 && hostile.errors.contains("$(touch"), "\(hostile.everything)")
            #expect(access("\(place.path)/pwned", F_OK) != 0)
            let unknown = try deploy(["--app", "nowhere"], from: server, by: ssh).wait(within: .seconds(30))
            #expect(unknown.status == 2 && unknown.errors.contains("nowhere"), "\(unknown.everything)")
            let option = try deploy(
                ["--app", "root", "--host=-oProxyCommand=touch \(place.path)/pwned"], from: server, by: ssh
            )
            .wait(within: .seconds(30))
            #expect(option.status == 2, "\(option.everything)")
            #expect(access("\(place.path)/pwned", F_OK) != 0)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(2)))
        func `a lost connection is made again, and nothing is told twice`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let ssh = try SSHServer(in: place, environment: environment(of: server))
            let gate = "\(place.path)/gate"
            try repository.write(
                "Passengerfile.yml",
                repository.passengerfile(
                    deploy: "  build: [\"echo building; until [ -e \(gate) ]; do sleep 0.05; done\"]"))
            try repository.commitVersion(2)

            let command = try deploy(["--app", "root", "--json"], from: server, by: ssh)
            try eventually("the build", evidence: { command.log }) { command.log.contains(#""line":"building""#) }
            #expect(ssh.dropConnections() > 0)
            try eventually("that the loss is noticed", evidence: { command.log }) { command.log.contains("was lost") }
            try Data().write(to: URL(fileURLWithPath: gate))
            let end = try command.wait(within: .seconds(60))
            #expect(end.status == 0, "\(end.everything)")
            let lines = end.output.split(separator: "\n")
            #expect(lines.count { $0.contains(#""event":"accepted""#) } == 1, "\(end.output)")
            #expect(lines.count { $0.contains(#""line":"building""#) } == 1, "\(end.output)")
            #expect(lines.last?.contains(#""outcome":"stable""#) == true, "\(end.output)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(1)))
        func `a host that shows another key is not talked to`() throws {
            let place = try Place()
            let (server, _) = try TestServer.deployed(.python, in: place)
            let ssh = try SSHServer(in: place, environment: environment(of: server))
            try ssh.forgetHost()
            let end = try deploy(["--app", "root"], from: server, by: ssh).wait(within: .seconds(30))
            #expect(
                end.status == 1 && end.errors.lowercased().contains("host key verification failed"), "\(end.everything)"
            )
            #expect(try server.command("deploys").output.split(separator: "\n").count == 2)
            try server.stop()
        }
    }
}
