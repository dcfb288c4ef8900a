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

        @Test(.timeLimit(.minutes(6)))
        func `a deploy over ssh is shown as one here, and says which pipeline asked`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let ssh = try SSHServer(in: place, environment: environment(of: server))
            let commit = try repository.commitVersion(2)
            let pipeline = ["GITLAB_CI": "true", "CI_COMMIT_SHA": commit, "CI_JOB_URL": "https://ci.example/jobs/7"]
            let end = try deploy(["--app", "root"], from: server, by: ssh, pipeline).wait(within: .seconds(180))
            #expect(end.status == 0, "\(end.everything)")
            #expect(
                end.output.contains("section_start:") && end.output.contains("2-\(commit.prefix(7)) is live"),
                "\(end.everything)")
            #expect(try server.version() == "2")
            let story = try server.command("deploys", "show", "2")
            #expect(story.output.contains("https://ci.example/jobs/7"), "\(story.output)")

            // What the host refuses is refused here, with the same exit status and no shell in between.
            let hostile = try deploy(["--app", "root", "$(touch \(place.path)/pwned); 'x"], from: server, by: ssh)
                .wait(within: .seconds(90))
            #expect(hostile.status == 1 && hostile.errors.contains("$(touch"), "\(hostile.everything)")
            #expect(access("\(place.path)/pwned", F_OK) != 0)
            let unknown = try deploy(["--app", "nowhere"], from: server, by: ssh).wait(within: .seconds(90))
            #expect(unknown.status == 2 && unknown.errors.contains("nowhere"), "\(unknown.everything)")
            let option = try deploy(
                ["--app", "root", "--host=-oProxyCommand=touch \(place.path)/pwned"], from: server, by: ssh
            )
            .wait(within: .seconds(90))
            #expect(option.status == 2, "\(option.everything)")
            #expect(access("\(place.path)/pwned", F_OK) != 0)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
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
            let end = try command.wait(within: .seconds(180))
            #expect(end.status == 0, "\(end.everything)")
            let lines = end.output.split(separator: "\n")
            #expect(lines.count { $0.contains(#""event":"accepted""#) } == 1, "\(end.output)")
            #expect(lines.count { $0.contains(#""line":"building""#) } == 1, "\(end.output)")
            #expect(lines.last?.contains(#""outcome":"stable""#) == true, "\(end.output)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a host that shows another key is not talked to`() throws {
            let place = try Place()
            let (server, _) = try TestServer.deployed(.python, in: place)
            let ssh = try SSHServer(in: place, environment: environment(of: server))
            try ssh.forgetHost()
            let end = try deploy(["--app", "root"], from: server, by: ssh).wait(within: .seconds(90))
            #expect(
                end.status == 1 && end.errors.lowercased().contains("host key verification failed"), "\(end.everything)"
            )
            #expect(try server.command("deploys").output.split(separator: "\n").count == 2)
            try server.stop()
        }

        /// As sshd starts the gate: by the login shell, with the key's line instead of what was asked for.
        private func gate(_ role: String, in place: Place, of server: TestServer) throws -> SSHServer {
            try SSHServer(
                in: place, environment: environment(of: server),
                forced: "\(TestServer.binary) ssh-gate --app root --role \(role)")
        }

        private func ssh(_ arguments: [String], by ssh: SSHServer, in place: Place) throws -> Program.End {
            var environment = ProcessInfo.plainEnvironment
            environment["PATH"] = ssh.clientPath
            return try Program(
                ["\(ssh.clientPath.prefix { $0 != ":" })/ssh", "-T", SSHServer.host] + arguments,
                environment: environment, in: place
            ).wait(within: .seconds(90))
        }

        @Test(.timeLimit(.minutes(6)))
        func `a key behind the gate deploys its app, and can do nothing else`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let gate = try gate("deploy", in: place, of: server)
            try repository.commitVersion(2)
            // Without --app, the key says which.
            let end = try deploy([], from: server, by: gate).wait(within: .seconds(180))
            #expect(end.status == 0, "\(end.everything)")
            #expect(try server.version() == "2")
            #expect(try ssh(["passenger", "rollback"], by: gate, in: place).status == 0)
            #expect(try server.version() == "1")

            let mark = "\(place.path)/pwned"
            for words in [
                [], ["sh", "-c", "touch \(mark)"], ["touch", mark], ["passenger", "deploys;", "touch", mark],
                ["passenger", "stop"], ["passenger", "deploy", "--root", server.directory],
                ["passenger", "deploy", "--repo", repository.path], ["passenger", "scale", "2"],
            ] {
                let refused = try ssh(words, by: gate, in: place)
                #expect(refused.status == 4, "\(words): \(refused.everything)")
                #expect(refused.errors.contains("This key"), "\(words): \(refused.everything)")
            }
            #expect(access(mark, F_OK) != 0)
            let other = try deploy(["--app", "shop"], from: server, by: gate).wait(within: .seconds(90))
            #expect(other.status == 4 && other.errors.contains("This key is for app root"), "\(other.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `an archive is deployed here, and through the gate from its standard input`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            func pack(_ version: Int) throws -> String {
                try repository.write("version.txt", "\(version)\n")
                let path = "\(place.path)/\(version).tgz"
                let end = try Program(
                    ["tar", "-czf", path, "--exclude=.git", "-C", repository.path, "."],
                    environment: ProcessInfo.plainEnvironment, in: place
                ).wait(within: .seconds(60))
                try #require(end.status == 0, "\(end.everything)")
                return path
            }
            let end = try server.command("deploy", "--archive", pack(2))
            #expect(end.status == 0, "\(end.everything)")
            #expect(try server.version() == "2")

            let gate = try gate("deploy", in: place, of: server)
            let remote = try deploy(["--archive", pack(3), "--json"], from: server, by: gate).wait(
                within: .seconds(180))
            #expect(remote.status == 0, "\(remote.everything)")
            #expect(try server.version() == "3")
            let file = try ssh(["passenger", "deploy", "--archive", "/etc/passwd"], by: gate, in: place)
            #expect(file.status == 4, "\(file.everything)")

            // The next commit is deployed as if nothing had been in between; the archive's contents are no secret way in.
            try repository.commitVersion(4)
            let commit = try server.command("deploy")
            #expect(commit.status == 0, "\(commit.everything)")
            #expect(try server.version() == "4")
            let evil = "\(place.path)/evil.tar"
            try FileManager.default.createSymbolicLink(atPath: "\(repository.path)/evil", withDestinationPath: "/etc")
            let packed = try Program(
                ["tar", "-cf", evil, "-C", repository.path, "evil"], environment: ProcessInfo.plainEnvironment,
                in: place
            ).wait(within: .seconds(60))
            #expect(packed.status == 0)
            let refused = try server.command("deploy", "--archive", evil)
            #expect(refused.status == 1 && refused.errors.contains("evil in the archive"), "\(refused.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)), arguments: ["github", "gitlab"])
        func `the printed pipelines deploy through the gate, and know their host`(_ system: String) throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let gate = try gate("deploy", in: place, of: server)
            let commit = try repository.commitVersion(2)
            let printed = try server.run("integrate", system)
            #expect(printed.status == 0, "\(printed.everything)")
            let pipeline = "\(place.path)/pipeline.yml"
            try printed.output.write(toFile: pipeline, atomically: false, encoding: .utf8)

            let script = try pipelineScript(pipeline, in: place)
            let home = "\(place.path)/home"
            // ssh(1) takes the home directory of the user database; a pipeline's is the same as its HOME.
            try FileManager.default.createDirectory(atPath: "\(home)/bin", withIntermediateDirectories: true)
            let client = """
                #!/bin/sh
                exec /usr/bin/ssh -F "$HOME/.ssh/config" -p \(gate.port) -o IdentityFile="$HOME/.ssh/deploy_key" \\
                  -o UserKnownHostsFile="$HOME/.ssh/known_hosts" -o GlobalKnownHostsFile=/dev/null "$@"
                """
            try client.write(toFile: "\(home)/bin/ssh", atomically: false, encoding: .utf8)
            chmod("\(home)/bin/ssh", 0o755)
            let folder = TestServer.binary[..<(TestServer.binary.lastIndex(of: "/") ?? TestServer.binary.startIndex)]
            var environment = [
                "HOME": home, "PATH": "\(home)/bin:\(folder):/usr/bin:/bin", "DEPLOY_HOST": gate.address,
                "DEPLOY_APP": "root",
                "DEPLOY_SSH_KEY": gate.key, "DEPLOY_KNOWN_HOSTS": gate.knownHosts,
            ]
            if system == "gitlab" {
                // Variables of type File.
                for name in ["DEPLOY_SSH_KEY", "DEPLOY_KNOWN_HOSTS"] {
                    try environment[name]?.write(toFile: "\(home)/\(name)", atomically: false, encoding: .utf8)
                    environment[name] = "\(home)/\(name)"
                }
                environment.merge(["GITLAB_CI": "true", "CI_COMMIT_SHA": commit]) { $1 }
            } else {
                environment.merge(["GITHUB_ACTIONS": "true", "GITHUB_SHA": commit]) { $1 }
            }
            let end = try Program(["bash", "-euo", "pipefail", "-c", script], environment: environment, in: place)
                .wait(within: .seconds(180))
            #expect(end.status == 0, "\(script)\n\(end.everything)")
            #expect(try server.version() == "2")

            // Somebody else answers for the host: the key is not shown to him.
            let file = system == "gitlab" ? "\(home)/DEPLOY_KNOWN_HOSTS" : nil
            try gate.forgetHost()
            if let file {
                try gate.knownHosts.write(toFile: file, atomically: false, encoding: .utf8)
            } else {
                environment["DEPLOY_KNOWN_HOSTS"] = gate.knownHosts
            }
            let fooled = try Program(["bash", "-euo", "pipefail", "-c", script], environment: environment, in: place)
                .wait(within: .seconds(180))
            #expect(fooled.status == 1 && fooled.errors.lowercased().contains("host key"), "\(fooled.everything)")
            try server.stop()
        }

        /// The steps that need no network, in one script; fails when the pipeline has more rights than it needs.
        private func pipelineScript(_ path: String, in place: Place) throws -> String {
            let program = #"""
                pipeline = YAML.safe_load_file(ARGV[0])
                job = pipeline.dig("jobs", "deploy") || pipeline["deploy"]
                if job.key?("steps")
                  raise "permissions" unless pipeline["permissions"] == {}
                  raise "concurrency" unless pipeline.dig("concurrency", "cancel-in-progress") == false
                  raise "foreign code" if job["steps"].any? { |step| step.key?("uses") }
                  raise "interpolation" if job["steps"].any? { |step| step["run"].include?("${{") }
                  puts job["steps"].select { |step| ["Key and known hosts", "Deploy"].include?(step["name"]) }.map { |s| s["run"] }
                else
                  raise "concurrency" unless job["resource_group"] && job["interruptible"] == false
                  puts job["script"]
                end
                """#
            let end = try Program(
                ["ruby", "-ryaml", "-e", program, path], environment: ProcessInfo.plainEnvironment, in: place
            ).wait(within: .seconds(60))
            try #require(end.status == 0, "\(end.everything)")
            return end.output
        }
    }
}
