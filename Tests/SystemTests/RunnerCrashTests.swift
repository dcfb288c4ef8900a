import AdminAPI
import Deploys
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// The core is killed while a command of a deploy runs.
    @Suite(.serialized) struct RunnerCrashTests {
        private struct Deploy {
            var server: TestServer
            var repository: TestRepository
            var command: Program
            var log: String

            func lines() -> [String] { text(of: log).split(separator: "\n").map(String.init) }
        }

        private static func noting(_ command: String) -> String {
            "['echo begun >> log/commands; echo to be read; \(command); echo well done; echo ended >> log/commands']"
        }

        /// Version 1 serves, and the command of version 2 has begun.
        private func begin(_ key: String, _ command: String, also: String = "", in place: Place) throws -> Deploy {
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let settings = "  shared: [log]\n  \(key): \(Self.noting(command))\n\(also)"
            try repository.write("Passengerfile.yml", repository.passengerfile(deploy: settings))
            try repository.commitVersion(2)
            let deploy = Deploy(
                server: server, repository: repository,
                command: try server.begin(["deploy", "--root", server.directory]),
                log: "\(server.directory)/shared/log/commands")
            try eventually("the command", evidence: { server.log }) { deploy.lines() == ["begun"] }
            return deploy
        }

        private func killCore(_ server: TestServer) throws {
            let before = try server.status().server.corePid
            kill(before, SIGKILL)
            try eventually("another core", evidence: { server.log }) {
                (try? server.status().server.corePid).map { $0 != before } ?? false
            }
        }

        private func waitForEnd(_ server: TestServer) throws -> DeployRecordState {
            try eventually("the end of the deploy", within: .seconds(120), evidence: { server.log }) {
                guard let app = try? server.appStatus() else { return false }
                return app.operation == nil && server.record(2)?.state.isEnd == true
            }
            return try #require(server.record(2))
        }

        private func expectNextDeploy(_ deploy: Deploy) throws {
            let server = deploy.server
            try deploy.repository.write("Passengerfile.yml", deploy.repository.passengerfile())
            try deploy.repository.commitVersion(3)
            let next = try server.command("deploy", "--wait")
            #expect(next.status == 0, "\(next.everything)\n\(server.log)")
            #expect(try server.version() == "3")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)), arguments: ["build", "before_boot", "before_switch"])
        func `a command goes on without a core, is run once, and its deploy ends live`(_ key: String) throws {
            let place = try Place()
            let deploy = try begin(key, "while test ! -e log/end; do sleep 0.1; done", in: place)
            let server = deploy.server
            let workers = try server.workers().compactMap(\.pid)
            for _ in 1...2 {
                try killCore(server)
                #expect(try server.version() == "1", "\(server.log)")
                try eventually("the same workers", evidence: { server.log }) {
                    try server.workers().compactMap(\.pid) == workers
                }
            }
            try "".write(toFile: "\(server.directory)/shared/log/end", atomically: false, encoding: .utf8)
            _ = try deploy.command.wait(within: .seconds(60))
            let record = try waitForEnd(server)
            #expect(record.wasStable, "\(server.log)")
            #expect(try server.version() == "2")
            #expect(deploy.lines() == ["begun", "ended"], "\(server.log)")
            let journal = text(of: "\(server.stateDirectory)/deploys/2.json")
            #expect(journal.contains("to be read\\nwell done"), "\(journal)")
            try expectNextDeploy(deploy)
        }

        @Test(.timeLimit(.minutes(6)))
        func `a hook that ends while there is no core, badly, fails its deploy`() throws {
            let place = try Place()
            let deploy = try begin("before_switch", "while test ! -e log/end; do sleep 0.02; done; exit 7", in: place)
            let server = deploy.server
            // The next core is not there before it has ended.
            let core = try server.status().server.corePid
            let supervisor = try #require(server.program?.pid)
            kill(supervisor, SIGSTOP)
            kill(core, SIGKILL)
            let end = "\(server.directory)/shared/log/end"
            try "".write(toFile: end, atomically: false, encoding: .utf8)
            try eventually("the end of the hook") {
                text(of: "\(server.stateDirectory)/runs/2-beforeSwitch-0.jsonl").contains("\"ended\"")
            }
            kill(supervisor, SIGCONT)
            #expect(try !waitForEnd(server).wasStable)
            let story = try server.command("deploys", "show", "2")
            #expect(story.everything.contains("ended with exit status 7"), "\(story.everything)")
            #expect(deploy.lines() == ["begun"])
            #expect(try server.version() == "1")
            try expectNextDeploy(deploy)
        }

        @Test(.timeLimit(.minutes(6)), arguments: ["build", "before_switch"])
        func `a command whose runner dies with the core stops the deploy, and the old version serves`(
            _ key: String
        ) throws {
            let place = try Place()
            let deploy = try begin(key, "sleep 30", in: place)
            let server = deploy.server
            let core = try server.status().server.corePid
            kill(core, SIGKILL)
            // The core's children are being given to the supervisor meanwhile.
            try eventually("its runner") { server.strike(.runner, command: deploy.command).count == 1 }
            _ = try deploy.command.wait(within: .seconds(60))
            let record = try waitForEnd(server)
            #expect(!record.wasStable)
            #expect(try server.version() == "1", "\(server.log)")
            let story = try server.command("deploys", "show", "2")
            #expect(story.everything.contains("was started, and nothing tells how it ended"), "\(story.everything)")
            #expect(deploy.lines() == ["begun"], "\(server.log)")
            try expectNextDeploy(deploy)
        }

        @Test(.timeLimit(.minutes(6)))
        func `a command that is followed is stopped by an abort, and by its time limit`() throws {
            for limit in [false, true] {
                let place = try Place()
                let also = limit ? "  hook_timeout: 3s\n" : ""
                let deploy = try begin("before_boot", "sleep 60", also: also, in: place)
                let server = deploy.server
                try killCore(server)
                if !limit {
                    try eventually("the deploy goes on", evidence: { server.log }) {
                        try server.appStatus().operation?.step == "before_boot"
                    }
                    _ = try server.command("deploys", "abort", "2")
                }
                #expect(try !waitForEnd(server).wasStable)
                let story = try server.command("deploys", "show", "2")
                let reason = limit ? "took longer than hook_timeout" : "aborted"
                #expect(story.everything.contains(reason), "\(story.everything)")
                #expect(deploy.lines() == ["begun"])
                #expect(try server.version() == "1")
                try expectNextDeploy(deploy)
            }
        }

        @Test(.timeLimit(.minutes(6)))
        func `a hook from after the switch is followed to its end`() throws {
            let place = try Place()
            let deploy = try begin("after_stable", "sleep 2", in: place)
            let server = deploy.server
            try killCore(server)
            #expect(try server.version() == "2", "\(server.log)")
            try eventually("the end of the hook", evidence: { server.log }) { deploy.lines() == ["begun", "ended"] }
            try eventually("its end in the journal") {
                let story = try server.command("deploys", "show", "2", "--json")
                let detail = try WireJSON.decode(DeployDetail.self, from: Array(story.output.utf8))
                return detail.steps.last?.state == "done" && detail.steps.last?.step == "after_stable commands"
            }
            try expectNextDeploy(deploy)
        }
    }
}
