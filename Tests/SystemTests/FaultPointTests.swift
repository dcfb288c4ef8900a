import AdminAPI
import Deploys
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// Whoever is killed at whatever moment of a deploy: traffic goes on as long as there is a server, the next deploy
    /// succeeds, and nothing is left behind, neither a lock, nor a process, nor a release that somebody could take for a good one.
    ///
    /// Some moments; with `PASSENGER_LONG_TESTS=1` at each state of the journal, and between.
    @Suite(.serialized) struct FaultPointTests {
        static let isLong = ProcessInfo.processInfo.environment["PASSENGER_LONG_TESTS"] == "1"
        private static let marker = "fault-point-marker"

        @Test(.timeLimit(.minutes(isLong ? 60 : 9)), arguments: Victim.allCases)
        func `a deploy converges whoever is killed in it`(_ victim: Victim) throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            try slowDown(repository, place)
            var version = 1
            for point in Self.isLong ? victim.allPoints : victim.points {
                try inflict(victim, at: point, on: server, repository, &version)
            }
            try expectOnlyGoodReleases(server)
            let last = try server.version()
            try server.stop()
            try eventually("the end of every process", evidence: { server.log }) {
                processes(mentioning: place.path).isEmpty
            }
            // And what a server that starts boots is what was live.
            try server.start()
            try server.waitUntilServing()
            #expect(try server.version() == last)
            try server.stop()
        }

        /// Steps that last long enough to be killed in the middle.
        private func slowDown(_ repository: TestRepository, _ place: Place) throws {
            let pause = ": \(place.path)/\(Self.marker); sleep"
            try repository.write(
                "Passengerfile.yml",
                repository.passengerfile(
                    deploy:
                        "  build: ['\(pause) 0.2']\n  before_boot: ['\(pause) 0.2']\n  before_switch: ['\(pause) 0.2']"
                ).replacing("bake: 1s", with: "bake: 200ms"))
        }

        private func inflict(
            _ victim: Victim, at point: FaultPoint, on server: TestServer, _ repository: TestRepository,
            _ version: inout Int
        ) throws {
            let what = "\(victim) killed \(point.delay.inMilliseconds) ms after \(point.state)"
            let before = try server.version()
            version += 1
            try repository.commitVersion(version)
            let number = (server.records.map(\.number).max() ?? 0) + 1
            let prober = Prober(port: server.port)
            let command = try server.begin(["deploy", "--root", server.directory])
            try server.waitUntil(deploy: number, is: point)
            let children = server.descendants()
            var killed = server.strike(victim, command: command)
            if killed.isEmpty {
                // On a busy machine it may only be being started.
                try? eventually("one to be killed", within: .seconds(5), each: .milliseconds(1)) {
                    killed = server.strike(victim, command: command)
                    return !killed.isEmpty
                }
            }
            let moment = monotonicNow()
            #expect(!killed.isEmpty, "\(what): nobody was there to be killed")
            _ = try command.wait(within: .seconds(120), "\(what): the end of its command")

            if victim == .supervisor {
                _ = try prober.stop()
                try eventually("\(what): the end of its children", within: .seconds(15)) {
                    !children.contains(where: isRunning)
                }
                _ = try server.program?.wait(within: .seconds(15))
                try server.start()
            }
            try eventually("\(what): the end of the deploy", within: .seconds(120), evidence: { server.log }) {
                guard let app = try? server.appStatus(), try server.workers().count >= 1 else { return false }
                // The last words of the journal come after.
                return app.operation == nil && server.record(number)?.state.isEnd == true
            }
            let after = try server.version()
            #expect(after == before || after == "\(version)", "\(what): \(after) is live")
            if server.record(number)?.wasStable != true { #expect(after == before, "\(what)\n\(server.log)") }

            version += 1
            try repository.commitVersion(version)
            let next = try server.command("deploy", "--wait")
            #expect(next.status == 0, "\(what): \(next.everything)\n\(server.log)")
            #expect(try server.version() == "\(version)", "\(what)")
            if victim != .supervisor {
                let (versions, failures) = try prober.stop(forgiving: victim == .core ? moment : nil)
                #expect(failures.isEmpty, "\(what): \(failures.prefix(3))\n\(server.log)")
                #expect(versions.isSubset(of: [before, "\(version - 1)", "\(version)"]), "\(what): \(versions)")
            }
            try expectNoTraces(of: killed, what, server)
        }

        private func expectNoTraces(of killed: [Int32], _ what: String, _ server: TestServer) throws {
            #expect(!killed.contains(where: isRunning), "\(what)")
            try eventually("\(what): the end of its commands") {
                processes(mentioning: "\(server.place.path)/\(Self.marker)").isEmpty
            }
            // The last words of the journal, and clean-up, come after the deploy is over. A release that was whole when its deploy
            // was cut off may stay as the newest failure, also when the journal does not know its name yet.
            try eventually("\(what): the journal's end, and only releases", evidence: { "\(server.records)" }) {
                let records = server.records
                let numbers = Set(records.map(\.number))
                let names = try FileManager.default.contentsOfDirectory(atPath: "\(server.directory)/releases")
                return !records.contains { !$0.state.isEnd }
                    && names.allSatisfy { name in Int(name.prefix { $0 != "-" }).map(numbers.contains) ?? false }
            }
        }

        /// Where a rollback leads has been stable.
        private func expectOnlyGoodReleases(_ server: TestServer) throws {
            let good = Set(server.records.filter(\.wasStable).compactMap(\.release?.label.name))
            let rollback = try server.command("rollback", "--json")
            #expect(rollback.status == 0, "\(rollback.everything)")
            let live = try #require(try server.appStatus().liveRelease)
            #expect(good.contains(live), "\(live) of \(good)")
            #expect(try server.get("/version").status == 200)
        }
    }
}

extension Victim {
    /// In each run of the tests.
    fileprivate var points: [FaultPoint] {
        switch self {
        case .command: [FaultPoint(state: .built)]
        case .core:
            [
                FaultPoint(state: .fetched), FaultPoint(state: .sealed), FaultPoint(state: .proved, delay: Self.middle),
                FaultPoint(state: .switched),
            ]
        case .builder: [FaultPoint(state: .requested, delay: .milliseconds(10)), FaultPoint(state: .resolved)]
        case .runner: [FaultPoint(state: .proved, delay: Self.middle)]
        case .supervisor: [FaultPoint(state: .linked, delay: Self.middle), FaultPoint(state: .baking)]
        }
    }

    private static let middle = Duration.milliseconds(60)

    /// Every state that they are there to see, and some time after it.
    fileprivate var allPoints: [FaultPoint] {
        let states: [DeployState] =
            switch self {
            case .command, .core, .supervisor:
                [
                    .requested, .fetched, .resolved, .checkedOut, .linked, .built, .sealed, .proved, .beforeBoot,
                    .booted,
                    .healthy, .switched, .baking,
                ]
            case .builder: [.requested, .fetched, .resolved, .checkedOut, .built]
            case .runner: []
            }
        if self == .runner {
            // Build, before_boot, before_switch.
            return [.linked, .proved, .healthy].flatMap { state in
                [30, 60, 150].map { FaultPoint(state: state, delay: .milliseconds($0)) }
            }
        }
        let delays: [Duration] =
            self == .builder ? [.zero, .milliseconds(5)] : [.zero, .milliseconds(20), Self.middle]
        return states.flatMap { state in delays.map { FaultPoint(state: state, delay: $0) } }
    }
}
