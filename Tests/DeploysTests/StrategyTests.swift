import Deploys
import Foundation
import Model
import Pool
import Testing

/// How the traffic comes to the new version, and back.
@Suite(.timeLimit(.minutes(5))) struct StrategyTests {
    /// One that serves release 1 with four workers.
    private func fixture(_ strategy: DeployStrategy, _ change: (inout DeploySettings) -> Void = { _ in }) async throws
        -> Fixture
    {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.host.change { state in
            state.live?.workers = 4
            state.calls = []
        }
        var deploy = DeploySettings()
        deploy.bake = .milliseconds(30)
        deploy.strategy = strategy
        deploy.surge = .count(2)
        change(&deploy)
        let settings = deploy
        fixture.settings.change { $0.settings.deploy = settings }
        fixture.builder.change { $0.commit = String(repeating: "b", count: 40) }
        return fixture
    }

    private func begin(_ fixture: Fixture, canary: Double? = nil) async throws -> OperationHandle {
        try await fixture.operations.deploy(DeployRequest(canary: canary, requester: somebody))
    }

    private func wait(for step: DeployStep, _ handle: OperationHandle) async {
        for await logged in handle.events() {
            if case .stepStarted(step, _) = logged.event { return }
        }
    }

    private func bad(_ requests: UInt64, _ errors: UInt64) -> TrafficCounts {
        var counts = TrafficCounts()
        counts.requests = requests
        counts.appErrors = errors
        return counts
    }

    @Test func `a canary gets its part, is compared, grown, and gets the rest`() async throws {
        let fixture = try await fixture(.canary) { $0.canary.percent = 20 }
        let handle = try await begin(fixture)
        await wait(for: .canary, handle)
        #expect(fixture.host.calls == ["trial 2-bbbbbbb", "boot g2 2-bbbbbbb x1", "share g2 20.0"])
        await fixture.operations.tick()
        #expect(handle.log.outcome == nil)
        fixture.clock.advance(.seconds(301))
        await fixture.operations.tick()
        #expect(try await fixture.finish(handle).liveRelease == "2-bbbbbbb")
        #expect(Array(fixture.host.calls.dropFirst(3)) == ["scale g2 x4", "switch g2"])
        let steps = try #require(await fixture.operations.deploy(DeployNumber(2))).steps
        #expect(steps.contains { $0.step == .canary && $0.result == .done })
    }

    @Test func `a bad canary is taken back, and its release failed with what was seen`() async throws {
        let fixture = try await fixture(.canary)
        let handle = try await begin(fixture)
        await wait(for: .canary, handle)
        fixture.host.change { state in
            state.counts[GenerationNumber(2)] = bad(60, 30)
            state.routes[GenerationNumber(1)] = [RouteTraffic(name: "POST /orders", requests: 610, errors: 0)]
            state.routes[GenerationNumber(2)] = [RouteTraffic(name: "POST /orders", requests: 52, errors: 30)]
        }
        await fixture.operations.tick()
        let outcome = try await fixture.finish(handle)
        #expect(outcome.failure?.details == "POST /orders: 0 of 610 before, 30 of 52 now")
        #expect(outcome.failure?.outputTail == ["a line of g2"])
        #expect(outcome.result == .rolledBack && outcome.liveRelease == "1-aaaaaaa")
        #expect(outcome.failure?.summary.contains("30 of 60") == true)
        #expect(fixture.host.calls.suffix(2) == ["share g1 -", "drain g2"])
        #expect(!fixture.host.calls.contains("switch g2"))
        #expect(await fixture.operations.deploy(DeployNumber(2))?.isWithdrawn == false)
    }

    @Test func `--canary takes the place of the strategy, and a person ends it`() async throws {
        let fixture = try await fixture(.blueGreen)
        let handle = try await begin(fixture, canary: 50)
        await wait(for: .canary, handle)
        #expect(fixture.host.calls.contains("boot g2 2-bbbbbbb x2"))
        _ = try await fixture.operations.approve(DeployNumber(2), by: somebody)
        #expect(try await fixture.finish(handle).liveRelease == "2-bbbbbbb")

        fixture.builder.change { $0.commit = String(repeating: "c", count: 40) }
        let next = try await begin(fixture, canary: 1)
        await wait(for: .canary, next)
        _ = try await fixture.operations.abort(nil, by: somebody)
        #expect(try await fixture.finish(next).result == .rolledBack)
        #expect(await fixture.operations.deploy(DeployNumber(3))?.isWithdrawn == true)
    }

    @Test func `a rolling deploy never has more than a batch above what serves`() async throws {
        let fixture = try await fixture(.rolling) { $0.surge = .count(2) }
        let handle = try await begin(fixture)
        #expect(try await fixture.finish(handle).liveRelease == "2-bbbbbbb")
        #expect(
            fixture.host.calls == [
                "trial 2-bbbbbbb", "boot g2 2-bbbbbbb x2", "share g2 50.0", "scale g1 x2", "scale g2 x4", "switch g2",
            ])
    }

    @Test func `a rolling deploy whose workers do not come up gives the old one its size back first`() async throws {
        let fixture = try await fixture(.rolling) { $0.surge = .percent(25) }
        fixture.settings.change { $0.settings.pool.startTimeout = .milliseconds(1) }
        let handle = try await begin(fixture)
        await wait(for: .roll, handle)
        fixture.host.change { $0.isReady = false }
        let outcome = try await fixture.finish(handle)
        #expect(outcome.result == .rolledBack && outcome.liveRelease == "1-aaaaaaa")
        #expect(fixture.host.calls.suffix(3) == ["scale g1 x4", "share g1 -", "drain g2"])
    }

    @Test func `a bad bake after a rolling deploy grows the old one before it switches back`() async throws {
        let fixture = try await fixture(.rolling)
        let outcome = try await fixture.finish(try await begin(fixture), bake: bad(100, 90))
        #expect(outcome.result == .rolledBack)
        #expect(fixture.host.calls.suffix(4) == ["switch g2", "scale g1 x4", "switch g1", "drain g2"])
    }

    @Test func `what cannot run twice is stopped first, while requests are held`() async throws {
        let fixture = try await fixture(.replace)
        #expect(try await fixture.finish(try await begin(fixture)).liveRelease == "2-bbbbbbb")
        let calls = fixture.host.calls
        #expect(calls.first?.hasPrefix("pause ") == true && calls.first != "pause -")
        #expect(
            Array(calls.dropFirst()) == [
                "scale g1 x0", "empty g1", "boot g2 2-bbbbbbb x4", "switch g2", "pause -", "drain g1",
            ])
        #expect(await fixture.operations.overview().standby == nil)
    }

    @Test func `when the new one does not boot the old one is booted again, and requests go on`() async throws {
        let fixture = try await fixture(.replace)
        fixture.host.change { $0.bootFailure = noWorker }
        let outcome = try await fixture.finish(try await begin(fixture))
        #expect(outcome.result == .failed && outcome.liveRelease == "1-aaaaaaa")
        #expect(fixture.host.calls.suffix(2) == ["scale g1 x4", "pause -"])
    }

    @Test func `a bad bake of what cannot run twice stops it before the old one boots`() async throws {
        let fixture = try await fixture(.replace)
        let outcome = try await fixture.finish(try await begin(fixture), bake: bad(100, 90))
        #expect(outcome.result == .rolledBack)
        let calls = fixture.host.calls.dropLast().suffix(6)
        #expect(calls.first?.hasPrefix("pause ") == true)
        #expect(Array(calls.dropFirst()) == ["scale g2 x0", "empty g2", "scale g1 x4", "switch g1", "pause -"])
    }

    @Test func `a switch waits for a person, who may have said so before`() async throws {
        let fixture = try await fixture(.blueGreen) { $0.approve = true }
        let handle = try await begin(fixture)
        await wait(for: .approve, handle)
        await fixture.operations.tick()
        #expect(fixture.host.calls == ["trial 2-bbbbbbb", "boot g2 2-bbbbbbb x4"])
        _ = try await fixture.operations.approve(DeployNumber(2), by: somebody)
        #expect(try await fixture.finish(handle).liveRelease == "2-bbbbbbb")

        fixture.builder.change { $0.commit = String(repeating: "c", count: 40) }
        let next = try await begin(fixture)
        _ = try await fixture.operations.approve(DeployNumber(3), by: somebody)
        #expect(try await fixture.finish(next).liveRelease == "3-ccccccc")
        await #expect(throws: OperationRefusal.self) {
            try await fixture.operations.approve(DeployNumber(3), by: somebody)
        }
    }

    @Test func `what nobody approves ends by itself`() async throws {
        let fixture = try await fixture(.blueGreen) { $0.approve = true }
        let handle = try await begin(fixture)
        await wait(for: .approve, handle)
        fixture.clock.advance(DeployStateMachine.patience + .seconds(1))
        await fixture.operations.tick()
        let outcome = try await fixture.finish(handle)
        #expect(outcome.failure?.code == .notApproved)
        #expect(fixture.host.calls.last == "discard g2")
    }

    // MARK: Memory

    @Test func `what does not fit beside the live one goes in batches that do`() async throws {
        let fixture = try await fixture(.blueGreen)
        fixture.host.change { state in
            state.perWorker = 100 << 20
            state.available = (64 + 250) << 20
        }
        let handle = try await begin(fixture)
        #expect(try await fixture.finish(handle).liveRelease == "2-bbbbbbb")
        #expect(fixture.host.calls.contains("boot g2 2-bbbbbbb x2") && fixture.host.calls.contains("scale g1 x2"))
        let warnings = handle.log.snapshot().compactMap { logged in
            if case .notice(.warning, let text) = logged.event { text } else { nil }
        }
        #expect(warnings.contains { $0.contains("100 MiB") && $0.contains("314 MiB") })
    }

    @Test(arguments: [DeployStrategy.blueGreen, .rolling, .canary])
    func `without room for one worker a deploy is refused with both numbers`(strategy: DeployStrategy) async throws {
        let fixture = try await fixture(strategy)
        fixture.host.change { state in
            state.perWorker = 100 << 20
            state.available = 120 << 20
        }
        let outcome = try await fixture.finish(try await begin(fixture))
        #expect(outcome.failure?.code == .memoryShort)
        #expect(outcome.failure?.summary.contains("100 MiB") == true)
        #expect(outcome.failure?.summary.contains("120 MiB") == true)
        #expect(!fixture.host.calls.contains { $0.hasPrefix("boot") })
    }

    @Test func `a surge in bytes is as many workers as fit`() {
        #expect(Surge.bytes(250 << 20).batch(of: 8, perWorker: 100 << 20) == 2)
        #expect(Surge.bytes(1).batch(of: 8, perWorker: 100 << 20) == 1)
        #expect(Surge.bytes(1 << 40).batch(of: 8, perWorker: 100 << 20) == 8)
        #expect(Surge.bytes(1 << 30).batch(of: 8, perWorker: nil) == 1)
        #expect(Surge.percent(30).batch(of: 8, perWorker: nil) == 3)
        #expect(Surge.count(20).batch(of: 8, perWorker: nil) == 8)
    }

    // MARK: Generations

    @Test func `the oldest generations make room for one more`() async throws {
        let fixture = try await fixture(.blueGreen) { $0.maxGenerations = 3 }
        fixture.host.change { $0.draining = [GenerationNumber(70), GenerationNumber(71)] }
        #expect(try await fixture.finish(try await begin(fixture)).liveRelease == "2-bbbbbbb")
        #expect(fixture.host.calls.prefix(2) == ["trial 2-bbbbbbb", "hurry g70"])
        #expect(!fixture.host.calls.contains("hurry g71"))
    }

    // MARK: The migration guard

    @Test(arguments: [true, false])
    func `a migration that the old version cannot live with stops the deploy`(crashes: Bool) async throws {
        let fixture = try await fixture(.blueGreen) { $0.beforeBoot = ["migrate"] }
        let gate = fixture.commands.hold("migrate")
        let handle = try await begin(fixture)
        await gate.waitForVisitor()
        fixture.host.change { state in
            var counts = bad(crashes ? 1 : 100, crashes ? 0 : 20)
            counts.crashes = crashes ? 3 : 0
            state.counts[GenerationNumber(1)] = counts
        }
        await fixture.operations.tick()
        #expect(handle.log.outcome == nil, "half a migration is worse than a whole one")
        gate.open()
        let outcome = try await fixture.finish(handle)
        #expect(outcome.failure?.code == .oldVersionFails && outcome.failedStep == .beforeBoot)
        #expect(outcome.liveRelease == "1-aaaaaaa")
        #expect(!fixture.host.calls.contains { $0.hasPrefix("boot ") })
        #expect(fixture.commands.ran.last == "migrate")
    }

    @Test func `errors from before a migration are not its own`() {
        let guardian = MigrationGuard(limits: AutoRollbackSettings(), before: bad(1000, 300))
        #expect(guardian.complaint(now: bad(1100, 330)) == nil)
        #expect(guardian.complaint(now: bad(1040, 340)) == nil, "too few to tell")
        #expect(guardian.complaint(now: bad(1100, 380)) != nil)
        #expect(guardian.complaint(now: TrafficCounts()) == nil)
    }
}
