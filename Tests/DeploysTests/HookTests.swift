import Deploys
import Foundation
import Model
import Pool
import Synchronization
import Testing

/// Which hooks run when, and that nothing hangs on those that come after the fact.
struct HookTests {
    private func fixture(_ adjust: (inout DeploySettings) -> Void = { _ in }) throws -> Fixture {
        let fixture = try Fixture()
        var deploy = DeploySettings()
        deploy.bake = .seconds(10)
        deploy.beforeBoot = ["migrate"]
        deploy.beforeSwitch = ["warm caches"]
        deploy.afterSwitch = ["purge"]
        deploy.afterStable = ["tell"]
        deploy.afterDrain = ["sweep"]
        deploy.onFailure = ["mourn"]
        deploy.onRollback = ["restore"]
        adjust(&deploy)
        let settings = deploy
        fixture.settings.change { $0.settings.deploy = settings }
        return fixture
    }

    private var bad: TrafficCounts {
        var counts = TrafficCounts()
        (counts.requests, counts.appErrors) = (100, 60)
        return counts
    }

    @Test func `a deploy runs its hooks in the order of its journey, and its journal has them`() async throws {
        let fixture = try fixture()
        #expect(try await fixture.deploy().result == .done)
        #expect(fixture.commands.ran == ["migrate", "warm caches", "purge", "tell"])
        let record = try #require(await fixture.operations.deploy(DeployNumber(1)))
        let hooks = record.steps.filter { $0.output.contains("$ ") }
        #expect(hooks.map(\.step) == [.beforeBoot, .beforeSwitch, .afterSwitch, .afterStable])
        #expect(hooks.allSatisfy { $0.result == .done && $0.end != nil })
    }

    @Test func `hooks are told the release, the one before, and the deploy`() async throws {
        let fixture = try fixture()
        try await fixture.deploy("a")
        try await fixture.deploy("b")
        let first = try #require(fixture.commands.environments["purge"]?.first)
        #expect(first["PASSENGER_PREVIOUS_RELEASE"] == nil && first["PASSENGER_DEPLOY"] == "1")
        let second = try #require(fixture.commands.environments["purge"]?.last)
        #expect(second["PASSENGER_RELEASE"] == "2-bbbbbbb" && second["PASSENGER_PREVIOUS_RELEASE"] == "1-aaaaaaa")
        #expect(second["PASSENGER_DEPLOY"] == "2" && second["PASSENGER_REVISION"] == String(repeating: "b", count: 40))
        let migration = try #require(fixture.commands.environments["migrate"]?.last)
        #expect(migration["PASSENGER_PREVIOUS_RELEASE"] == "1-aaaaaaa")
    }

    @Test func `before_switch can still stop the deploy, whose on_failure runs`() async throws {
        let fixture = try fixture()
        try await fixture.deploy("a")
        fixture.commands.end("warm caches", .ended(.exited(1)))
        let outcome = try await fixture.deploy("b")
        #expect(outcome.result == .failed && outcome.failedStep == .beforeSwitch)
        #expect(outcome.liveRelease == "1-aaaaaaa")
        #expect(fixture.commands.ran.suffix(3) == ["migrate", "warm caches", "mourn"])
        #expect(fixture.commands.environments["mourn"]?.last?["PASSENGER_RESULT"] == "failed")
    }

    @Test func `a hook after the switch that fails is a warning, and no more`() async throws {
        let fixture = try fixture()
        fixture.commands.end("purge", .ended(.exited(3)))
        fixture.commands.end("tell", .timedOut)
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        #expect(try await fixture.finish(handle).result == .done)
        let warnings = handle.log.snapshot().compactMap { logged in
            if case .notice(.warning, let text) = logged.event { text } else { nil }
        }
        #expect(warnings.count == 2 && warnings[0].contains("`purge` ended with exit status 3"), "\(warnings)")
        #expect(await fixture.state(of: 1) == .stable)
    }

    @Test func `only its own followers wait for a hook, no other operation, and not the end of the server`()
        async throws
    {
        let fixture = try fixture()
        try await fixture.deploy("a")
        let gate = fixture.commands.hold("tell")
        fixture.builder.change { $0.commit = String(repeating: "b", count: 40) }
        let deploy = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.waitForBake(deploy)
        fixture.clock.advance(.seconds(60))
        await fixture.operations.tick()
        await gate.waitForVisitor()
        #expect(await fixture.state(of: 2) == .stable && deploy.log.outcome == nil)
        // Its own has no hook.
        let restart = try await fixture.operations.restart(restartRequest)
        #expect(await restart.log.waitForOutcome()?.result == .done)
        #expect(deploy.log.outcome == nil)
        await fixture.operations.shutDown()
        #expect(deploy.log.outcome?.result == .done)
    }

    @Test func `after a loss of power an irreversible release is booted once its hooks have run, another is not`()
        async throws
    {
        for (isIrreversible, hasRun, live) in [
            (true, true, "2-bbbbbbb"), (true, false, "1-aaaaaaa"), (false, true, "1-aaaaaaa"),
        ] {
            let first = try fixture()
            try await first.deploy("a")
            var settings = first.settings.state.withLock { $0.settings }
            settings.deploy.irreversible = isIrreversible
            var record = DeployRecord(
                number: DeployNumber(2), request: DeployRequest(requester: somebody), requestedAt: Date())
            record.state = hasRun ? .beforeBoot : .proved
            record.settings = settings
            record.release = ReleaseLocation(
                label: ReleaseLabel(
                    number: DeployNumber(2), name: "2-bbbbbbb", revision: String(repeating: "b", count: 40)),
                directory: "/srv/app/releases/2-bbbbbbb")
            var step = StepRecord(step: .beforeBoot, title: "", start: Date())
            // Without an end it was cut off in the middle.
            if hasRun { (step.result, step.end) = (.done, Date()) }
            record.steps = [step]
            first.journal.record(record)
            _ = await first.journal.flush()
            let second = try Fixture(continuing: first)
            _ = try await second.operations.start(requester: somebody)
            let booted = second.host.calls.filter { $0.hasPrefix("bootLive") }
            #expect(booted.count == 1 && booted[0].hasSuffix(live), "\(booted)")
            #expect(await second.operations.overview().live?.label.name == live)
            #expect(await second.state(of: 2) == .interrupted)
        }
    }

    @Test func `a bad bake and a rollback by hand run on_rollback of what serves again`() async throws {
        let fixture = try fixture()
        try await fixture.deploy("a")
        #expect(try await fixture.deploy("b", bake: bad).result == .rolledBack)
        #expect(fixture.commands.ran.filter { $0 != "sweep" }.suffix(2) == ["purge", "restore"])
        let told = try #require(fixture.commands.environments["restore"]?.last)
        #expect(told["PASSENGER_RELEASE"] == "1-aaaaaaa" && told["PASSENGER_PREVIOUS_RELEASE"] == "2-bbbbbbb")
        try await fixture.deploy("c")
        #expect(try await fixture.rollback().result == .done)
        #expect(fixture.commands.ran.filter { $0 == "restore" }.count == 2)
        #expect(!fixture.commands.ran.contains("mourn"))
    }

    @Test func `an irreversible release is not rolled back by its bake, and says so before it boots`() async throws {
        let fixture = try fixture { $0.irreversible = true }
        try await fixture.deploy("a")
        fixture.builder.change { $0.commit = String(repeating: "b", count: 40) }
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.waitForBake(handle)
        let live = try #require(fixture.host.liveGeneration()).number
        let counts = bad
        fixture.host.change { $0.counts[live] = counts }
        await fixture.operations.tick()
        #expect(fixture.host.liveGeneration()?.number == live)
        fixture.clock.advance(.seconds(60))
        await fixture.operations.tick()
        #expect(await handle.log.waitForOutcome()?.result == .done)
        let events = handle.log.snapshot().map(\.event)
        let announced = events.firstIndex {
            if case .notice(.warning, let text) = $0 { text.contains("irreversible") } else { false }
        }
        let booted = events.firstIndex { if case .stepStarted(.boot, _) = $0 { true } else { false } }
        #expect(try #require(announced) < #require(booted))
        #expect(events.contains { if case .notice(.alarm, _) = $0 { true } else { false } })
    }

    @Test func `after_drain runs when an old release is gone, and not for a restart`() async throws {
        let fixture = try fixture()
        try await fixture.deploy("a")
        _ = try await fixture.finish(try await fixture.operations.restart(restartRequest))
        try await fixture.deploy("b")
        #expect(!fixture.commands.ran.contains("sweep"))
        fixture.clock.advance(.seconds(3600))
        await fixture.operations.tick()
        try await eventually { fixture.commands.ran.contains("sweep") }
        #expect(fixture.commands.environments["sweep"]?.last?["PASSENGER_PREVIOUS_RELEASE"] == "1-aaaaaaa")
    }

    /// Tasks that nobody waits for.
    private func eventually(_ condition: () -> Bool) async throws {
        for _ in 0..<2000 where !condition() { try await Task.sleep(for: .milliseconds(5)) }
        #expect(condition())
    }
}
