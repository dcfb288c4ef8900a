import Deploys
import Model
import Pool
import Synchronization
import Testing

/// Companions follow the traffic: quieted right before a switch, replaced right after it, and nothing else.
@Suite struct AppOperationsCompanionTests {
    private let releases = "/srv/app/releases"

    @Test func `a deploy quiets the old ones right before the switch and replaces them right after it`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        #expect(
            fixture.companions.takeCalls() == [
                "quiet while nothing is live", "man 1-aaaaaaa in \(releases)/1-aaaaaaa while g1 is live",
            ])
        try await fixture.deploy("b")
        #expect(
            fixture.companions.takeCalls() == [
                "quiet while g1 is live", "man 2-bbbbbbb in \(releases)/2-bbbbbbb while g2 is live",
            ])
        await fixture.operations.tick()
        #expect(fixture.companions.takeCalls() == [])
    }

    @Test func `a deploy that fails before its switch does not touch them`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        _ = fixture.companions.takeCalls()
        fixture.host.change { $0.bootFailure = noWorker }
        #expect(try await fixture.deploy("b").result == .failed)
        #expect(fixture.companions.takeCalls() == [])
    }

    @Test func `a switch that the pool refuses lets them go on`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        _ = fixture.companions.takeCalls()
        fixture.host.change { $0.refusesSwitch = true }
        #expect(try await fixture.deploy("b").failedStep == .switchTraffic)
        #expect(fixture.companions.takeCalls() == ["quiet while g1 is live", "resume while g1 is live"])
    }

    @Test func `a bake that fails and a rollback by hand bring the old release's back`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        _ = fixture.companions.takeCalls()
        let errors = counts(100, errors: 90)
        #expect(try await fixture.deploy("b", bake: errors).result == .rolledBack)
        let back = ["quiet while g2 is live", "man 1-aaaaaaa in \(releases)/1-aaaaaaa while g1 is live"]
        #expect(fixture.companions.takeCalls().suffix(2) == back)
        try await fixture.deploy("c")
        _ = fixture.companions.takeCalls()
        #expect(try await fixture.rollback().result == .done)
        #expect(fixture.companions.takeCalls().map { $0.replacing("g3", with: "g2") } == back)
    }

    @Test func `a restart replaces them`() async throws {
        let fixture = try Fixture(inPlace: true)
        _ = try await fixture.operations.start(requester: somebody)
        await fixture.operations.tick()
        let request = RestartRequest(reason: "restart.txt", requester: somebody)
        try await fixture.finish(try await fixture.operations.restart(request))
        #expect(
            fixture.companions.takeCalls() == [
                "man in place in /srv/app while g1 is live", "quiet while g1 is live",
                "man in place in /srv/app while g2 is live",
            ])
    }

    @Test func `when a server starts they wait until its app serves`() async throws {
        let fixture = try Fixture(inPlace: true)
        _ = try await fixture.operations.start(requester: somebody)
        let serving = fixture.host.liveGeneration()
        fixture.host.change { $0.live = nil }
        await fixture.operations.tick()
        #expect(fixture.companions.takeCalls() == [])
        fixture.host.change { $0.live = serving }
        for _ in 0..<2 { await fixture.operations.tick() }
        #expect(fixture.companions.takeCalls() == ["man in place in /srv/app while g1 is live"])
    }

    @Test func `one that keeps ending in the bake is told once, and is no reason to switch back`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.builder.change { $0.commit = String(repeating: "b", count: 40) }
        fixture.companions.state.withLock { $0.troubles = ["worker.1": "exit status 1: no such file"] }
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.waitForBake(handle)
        for _ in 0..<3 { await fixture.operations.tick() }
        #expect(try await fixture.finish(handle).result == .done)
        let notices = handle.log.snapshot().filter { event in
            if case .notice(.warning, let text) = event.event { text.contains("worker.1 keeps ending") } else { false }
        }
        #expect(notices.count == 1)
    }
}
