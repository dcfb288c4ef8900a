import AdminAPI
import Deploys
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// What was on disk at a moment of a deploy, less what nobody had flushed: a server that starts there serves the last good
    /// version, and the next deploy succeeds.
    ///
    /// Some moments; with `PASSENGER_LONG_TESTS=1` at each state of the journal.
    @Suite(.serialized) struct PowerCutTests {
        /// What a file system may have lost that was not told to keep it, and more.
        enum Loss: String, CaseIterable {
            case nothing
            /// The journal of the deploy is empty.
            case journal
            /// `live.json` is empty.
            case live
            /// Every file of the release that is being made is empty.
            case release
        }

        private static let states: [DeployState] = [
            .requested, .fetched, .resolved, .checkedOut, .linked, .built, .sealed, .proved, .beforeBoot, .booted,
            .healthy,
            .switched, .baking,
        ]

        private static let cuts: [(DeployState, Loss)] =
            FaultPointTests.isLong
            ? states.flatMap { state in
                Loss.allCases.filter { $0 != .release || state.position < DeployState.sealed.position }.map {
                    (state, $0)
                }
            }
            : [
                (.resolved, .nothing), (.linked, .release), (.beforeBoot, .journal), (.baking, .nothing),
                (.baking, .live),
            ]

        @Test(.timeLimit(.minutes(FaultPointTests.isLong ? 30 : 6)))
        func `a server starts from what was on disk at any moment of a deploy`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let pause = "sleep 0.1"
            try repository.write(
                "Passengerfile.yml",
                repository.passengerfile(
                    deploy: "  build: ['\(pause)']\n  before_boot: ['\(pause)']\n  before_switch: ['\(pause)']"))
            try repository.commitVersion(2)
            // Long enough to be found in its bake.
            let command = try server.begin(["deploy", "--root", server.directory, "--bake", "6s"])
            var snapshots: [DeployState: String] = [:]
            for state in Self.states where Self.cuts.contains(where: { $0.0 == state }) {
                try server.waitUntil(deploy: 2, is: FaultPoint(state: state))
                snapshots[state] = try snapshot(server, "\(place.path)/at-\(state.rawValue)")
            }
            let end = try command.wait()
            #expect(end.status == 0, "\(end.everything)")
            try server.stop()
            for (index, (state, loss)) in Self.cuts.enumerated() {
                let from = try #require(snapshots[state])
                try cut(server, repository, from, loss, version: 3 + index, "\(loss.rawValue) lost at \(state)")
            }
        }

        /// All that is on disk, while nobody writes.
        private func snapshot(_ server: TestServer, _ path: String) throws -> String {
            let writers = server.descendants()
            for pid in writers { kill(pid, SIGSTOP) }
            defer { for pid in writers { kill(pid, SIGCONT) } }
            try shell("mkdir \"$0\" && cp -a \"$1/state\" \"$1/root\" \"$0\"", path, server)
            return path
        }

        private func shell(_ script: String, _ path: String, _ server: TestServer) throws {
            let command = ["sh", "-c", script, path, server.place.path]
            let end = try Program(command, environment: ProcessInfo.plainEnvironment, in: server.place).wait()
            try #require(end.status == 0, "\(end.everything)")
        }

        private func cut(
            _ server: TestServer, _ repository: TestRepository, _ from: String, _ loss: Loss, version: Int,
            _ what: String
        ) throws {
            try shell("cd \"$1\" && rm -rf state root && cp -a \"$0/state\" \"$0/root\" .", from, server)
            let record = server.record(2)
            switch loss {
            case .nothing: break
            case .journal: truncate("\(server.stateDirectory)/deploys/2.json", 0)
            case .live: truncate("\(server.stateDirectory)/live.json", 0)
            case .release:
                try shell("find \"$1\"/root/releases/*2-* -type f -exec truncate -s 0 {} +; true", from, server)
            }
            try server.start()
            try eventually("\(what): a version that serves", within: .seconds(120), evidence: { server.log }) {
                guard let app = try? server.appStatus(), try server.workers().count >= 1 else { return false }
                return app.operation == nil
            }
            // One that was sealed, and whose hooks had not begun, is gone on with.
            let goesOn = [.sealed, .proved].contains(record?.state) && loss != .journal
            // Without its journal nothing says that the live release was not yet stable.
            let isOnlyLive = loss == .journal && [.switched, .baking].contains(record?.state)
            #expect(try server.version() == (goesOn || isOnlyLive ? "2" : "1"), "\(what)\n\(server.log)")
            try repository.commitVersion(version)
            let next = try server.command("deploy", "--wait")
            #expect(next.status == 0, "\(what): \(next.everything)\n\(server.log)")
            #expect(try server.version() == "\(version)", "\(what)")
            let rollback = try server.command("rollback")
            #expect(rollback.status == 0, "\(what): \(rollback.everything)")
            #expect(try server.version() == (goesOn ? "2" : "1"), "\(what)")
            try server.stop()
        }
    }
}
