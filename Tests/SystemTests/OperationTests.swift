import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct OperationTests {
        /// A repository whose build goes on until the file is there.
        private func gated(_ repository: TestRepository, _ gate: String) throws {
            try repository.write(
                "Passengerfile.yml",
                repository.passengerfile(
                    deploy: "  build: [\"echo building; until [ -e \(gate) ]; do sleep 0.05; done\"]"))
        }

        private func waitForStep(_ step: String, _ server: TestServer) throws -> OperationStatus {
            var found: OperationStatus?
            try eventually("step \(step)", evidence: { server.log }) {
                found = try server.appStatus().operation
                return found?.step == step
            }
            return try #require(found)
        }

        @Test(.timeLimit(.minutes(3)))
        func `a killed command changes nothing, a second deploy is refused and names the first`() throws {
            let place = try Place()
            let gate = "\(place.path)/gate"
            let (server, repository) = try TestServer.deployed(.ruby, in: place)
            try gated(repository, gate)
            try repository.commitVersion(2)

            let first = try server.begin(["deploy", "--root", server.directory])
            let operation = try waitForStep("build", server)
            let second = try server.command("deploy")
            #expect(second.status == 4, "\(second.everything)")
            #expect(second.errors.contains("deploy 2"), "\(second.everything)")
            #expect(second.errors.contains(operation.by), "\(second.everything)")

            first.signal(SIGKILL)
            _ = try first.wait()
            try Data().write(to: URL(fileURLWithPath: gate))
            try server.waitUntilServing(release: "2-")
            #expect(try server.version() == "2")
            let deploys = try server.command("deploys", "--json")
            #expect(deploys.output.contains("stable"), "\(deploys.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a repository that is gone is named, and what was fetched before is deployed only when asked`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            try FileManager.default.moveItem(atPath: repository.path, toPath: "\(repository.path).away")
            let refused = try server.command("deploy")
            #expect(refused.status != 0)
            #expect(refused.errors.contains("there is no git repository at"), "\(refused.everything)")
            #expect(refused.errors.contains("--mirrored"), "\(refused.everything)")
            let deployed = try server.command("deploy", "--mirrored")
            #expect(deployed.status == 0, "\(deployed.everything)")
            #expect(deployed.everything.contains("what was fetched before"), "\(deployed.everything)")
            try server.waitUntilServing(release: "3-")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `an app in a subdirectory of its repository is deployed, built there and served from there`() throws {
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            try repository.git("rm", "-q", "--cached", "-r", ".")
            let files = FileManager.default
            let inner = "\(repository.path)/services/web"
            try files.createDirectory(atPath: inner, withIntermediateDirectories: true)
            for name in try files.contentsOfDirectory(atPath: repository.path)
            where ![".git", "services", "Passengerfile.yml"].contains(name) {
                try files.moveItem(atPath: "\(repository.path)/\(name)", toPath: "\(inner)/\(name)")
            }
            try files.createDirectory(atPath: "\(repository.path)/other", withIntermediateDirectories: true)
            try repository.write("other/README", "another part of the same repository\n")
            try repository.write(
                "Passengerfile.yml",
                "subdir: services/web\n"
                    + repository.passengerfile(deploy: "  build: [\"pwd > built-in\"]\n  shared: [services/web/data]"))
            try repository.commit("a monorepo")
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let end = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(end.status == 0, "\(end.everything)")
            try server.start([])
            try server.waitUntilServing(release: "1-")
            #expect(try server.version() == "1")
            let releases = "\(server.directory)/releases"
            let release = "\(releases)/\(try #require(files.contentsOfDirectory(atPath: releases).first))"
            let built = try String(contentsOfFile: "\(release)/services/web/built-in", encoding: .utf8).trimmed
            #expect(built.hasSuffix("/services/web"))
            #expect(files.fileExists(atPath: "\(release)/other/README"))
            #expect(try files.destinationOfSymbolicLink(atPath: "\(release)/services/web/data").hasPrefix("../"))
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `Ctrl-C detaches, attach returns, abort stops`() throws {
            let place = try Place()
            let gate = "\(place.path)/gate"
            let (server, repository) = try TestServer.deployed(.python, in: place)
            try gated(repository, gate)
            try repository.commitVersion(2)

            let command = try server.begin(["deploy", "--root", server.directory])
            _ = try waitForStep("build", server)
            command.signal(SIGINT)
            let end = try command.wait(within: .seconds(30))
            #expect(end.output.contains("attach 2") || end.errors.contains("attach 2"), "\(end.everything)")
            #expect(try server.appStatus().operation?.deploy == DeployNumber(2))

            let attached = try server.begin(["deploys", "attach", "2", "--root", server.directory])
            let abort = try server.command("deploys", "abort", "2")
            #expect(abort.status == 0, "\(abort.everything)")
            let outcome = try attached.wait(within: .seconds(60), "the attached command")
            #expect(outcome.status == 1 && outcome.errors.contains("aborted"), "\(outcome.everything)")
            #expect(try server.version() == "1")
            // The build's processes are gone too.
            try eventually("the end of the build") { try server.appStatus().operation == nil }
            try eventually("the end of its processes") { processes(mentioning: gate).isEmpty }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `rollback switches back in no time, and never forward to what was withdrawn`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.node, in: place)
            for version in 2...3 {
                try repository.commitVersion(version)
                let end = try server.command("deploy")
                try #require(end.status == 0, "\(end.everything)")
            }
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .upload])
            try load.waitForTraffic()
            let whole = try server.appStatus().generations.filter { $0.release?.hasPrefix("2-") == true }
                .flatMap(\.workers).compactMap(\.pid)
            let back = try server.command("rollback", "--json")
            #expect(back.status == 0, "\(back.everything)")
            let result = try #require(
                try events(back).compactMap { event -> AdminAPI.OperationResult? in
                    if case .finished(let result) = event { result } else { nil }
                }.last)
            // The standby is still whole: only the table changes. Generous, for a machine that is busy.
            #expect(try #require(result.switchMilliseconds) < 500)
            #expect(try !whole.isEmpty && Set(server.workers().compactMap(\.pid)).isSuperset(of: whole))
            #expect(try server.version() == "2")

            let again = try server.command("rollback")
            #expect(again.status == 0 && again.output.contains("switch"), "\(again.everything)")
            #expect(try server.version() == "1")
            let third = try server.command("rollback")
            #expect(third.status == 4, "\(third.everything)")
            #expect(try server.version() == "1")
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)")
            // A withdrawn commit is not deployed by accident.
            let deploy = try server.command("deploy")
            #expect(deploy.status == 1 && deploy.errors.contains("--force"), "\(deploy.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `JSON output parses line by line, events first and the result last`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.ruby, in: place)
            try repository.commitVersion(2)
            let end = try server.command("deploy", "--json")
            let events = try events(end)
            let steps = events.compactMap { if case .stepFinished(let step, _, nil) = $0 { step } else { nil } }
            #expect(steps.prefix(3) == ["fetch", "resolve", "checkout"], "\(steps)")
            guard case .finished(let result)? = events.last else {
                Issue.record("no result: \(end.everything)")
                return
            }
            #expect(result.outcome == .stable && result.deploy == DeployNumber(2))
            let status = try server.command("status", "--json")
            #expect(throws: Never.self) { try WireJSON.decode(StatusReport.self, from: Array(status.output.utf8)) }
            let raw = try server.command("api", "GET", "/status")
            #expect(throws: Never.self) { try WireJSON.decode(StatusReport.self, from: Array(raw.output.utf8)) }
            try server.stop()
        }

        private func events(_ end: Program.End) throws -> [OperationEvent] {
            try end.output.split(separator: "\n").map { line in
                try WireJSON.decode(OperationEvent.self, from: Array(line.utf8))
            }
        }
    }
}

/// Pids of processes whose command line has this in it.
func processes(mentioning text: String) -> [Int32] {
    processNumbers().filter { pid in
        guard let line = try? readFile("/proc/\(pid)/cmdline") else { return false }
        return String(decoding: line, as: UTF8.self).contains(text) && isRunning(pid)
    }
}
