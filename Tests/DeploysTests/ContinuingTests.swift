import Foundation
import Model
import Pool
import Synchronization
import Testing

@testable import Deploys

/// A core dies in the middle of a deploy, and its runners do not.
@Suite(.timeLimit(.minutes(5))) struct ContinuingTests {
    /// Version a is live; of the deploy of b these steps are over, and the last one is not.
    private func crashed(
        in step: DeployStep, reached: DeployState, _ adjust: (inout DeploySettings) -> Void = { _ in }
    ) async throws -> Fixture {
        let first = try Fixture()
        try await first.deploy("a")
        first.settings.change { settings in
            settings.settings.deploy.build = ["make", "make assets"]
            settings.settings.deploy.beforeSwitch = ["warm"]
            settings.settings.deploy.afterStable = ["tell", "tell again"]
        }
        var settings = first.settings.state.withLock { $0.settings }
        adjust(&settings.deploy)
        let adjusted = settings
        first.settings.change { $0.settings = adjusted }
        let commit = String(repeating: "b", count: 40)
        var record = DeployRecord(
            number: DeployNumber(2), request: DeployRequest(requester: somebody), requestedAt: Date())
        record.state = reached
        record.reached = reached
        record.commit = ResolvedCommit(id: commit, author: "Ann", subject: "B", ref: "main")
        record.release = FakeBuilder.location(2, commit)
        record.settings = settings
        let steps: [DeployStep] = [
            .fetch, .resolve, .checkout, .link, .build, .seal, .prove, .beforeBoot, .boot, .health,
        ]
        for done in steps.prefix(while: { $0 != step }) {
            var over = StepRecord(step: done, title: done.rawValue, start: Date())
            (over.end, over.result) = (Date(), .done)
            record.steps.append(over)
        }
        record.steps.append(StepRecord(step: step, title: step.rawValue, start: Date()))
        first.journal.record(record)
        _ = await first.journal.flush()
        first.builder.change { $0.calls = [] }
        return first
    }

    private func next(
        after first: Fixture, isSuccessor: Bool = true, _ left: (FakeCommands) -> Void = { _ in }
    ) throws -> Fixture {
        let next = try Fixture(continuing: first, isSuccessor: isSuccessor)
        let settings = first.settings.state.withLock { $0.settings }
        next.settings.change { $0.settings = settings }
        left(next.commands)
        return next
    }

    @Test func `a build that runs on is followed, what comes after it is run, and the deploy ends live`() async throws {
        let first = try await crashed(in: .build, reached: .linked)
        var gate = Gate()
        let core = try next(after: first) { gate = $0.inherit("2-build-0") }
        let handle = try #require(try await core.operations.start(requester: somebody))
        #expect(core.commands.state.withLock { $0.ended }.isEmpty)
        gate.open()
        let outcome = try await core.finish(handle)
        #expect(outcome.result == .done && outcome.liveRelease == "2-bbbbbbb")
        #expect(core.commands.ran == ["make assets", "migrate", "warm", "tell", "tell again"])
        #expect(!core.builder.calls.contains { $0 == "checkout" || $0 == "fetch" || $0 == "prune 2-bbbbbbb" })
        let record = try #require(await core.operations.deploy(DeployNumber(2)))
        #expect(record.steps.count { $0.step == .build } == 1 && !record.steps.contains { $0.end == nil })
    }

    @Test func `a build that failed meanwhile fails the deploy, and is not tried again`() async throws {
        let first = try await crashed(in: .build, reached: .linked)
        let core = try next(after: first) { $0.inherit("2-build-1", endingWith: .ended(.exited(3))).open() }
        core.commands.state.withLock { $0.recorded["2-build-0"] = .ended(.exited(0)) }
        let handle = try #require(try await core.operations.start(requester: somebody))
        let outcome = try await core.finish(handle)
        #expect(outcome.result == .failed && outcome.failure?.code == .commandFailed)
        #expect(outcome.liveRelease == "1-aaaaaaa" && core.commands.ran.isEmpty)
    }

    @Test func `a hook that runs on is followed, once, by whichever core there is`() async throws {
        let first = try await crashed(in: .beforeSwitch, reached: .healthy)
        first.commands.state.withLock { $0.ran = [] }
        // It has come as far as to look, and dies.
        let second = try next(after: first) { _ = $0.inherit("2-beforeSwitch-0") }
        #expect(await second.state(of: 2) == .healthy)
        _ = await second.journal.flush()
        var gate = Gate()
        let third = try next(after: second) { commands in
            commands.state.withLock { $0.recorded["2-beforeBoot-0"] = .ended(.exited(0)) }
            gate = commands.inherit("2-beforeSwitch-0")
        }
        let handle = try #require(try await third.operations.start(requester: somebody))
        gate.open()
        #expect(try await third.finish(handle).liveRelease == "2-bbbbbbb")
        #expect(third.commands.ran == ["tell", "tell again"])
        #expect(!third.host.calls.contains("trial 2-bbbbbbb"), "its hooks have begun")
        #expect(third.commands.state.withLock { $0.followed } == ["2-beforeBoot-0", "2-beforeSwitch-0"])
    }

    @Test func `a lock that came meanwhile is for new deploys`() async throws {
        let first = try await crashed(in: .beforeBoot, reached: .proved)
        _ = try await first.operations.lock("not now", by: somebody)
        _ = await first.journal.flush()
        let core = try next(after: first) { $0.inherit("2-beforeBoot-0").open() }
        let handle = try #require(try await core.operations.start(requester: somebody))
        #expect(try await core.finish(handle).result == .done)
    }

    @Test(arguments: [
        (DeployStep.build, DeployState.linked, "2-build-1"), (.beforeBoot, .proved, "2-beforeBoot-0"),
        (.beforeSwitch, .healthy, "2-beforeSwitch-0"),
    ])
    func `a command of which nothing tells how it ended stops the deploy for a person`(
        _ step: DeployStep, _ reached: DeployState, _ record: String
    ) async throws {
        let first = try await crashed(in: step, reached: reached)
        let core = try next(after: first) { commands in
            commands.state.withLock { $0.recorded = ["2-build-0": .ended(.exited(0)), record: .unknown] }
        }
        #expect(try await core.operations.start(requester: somebody) == nil)
        let stopped = try #require(await core.operations.deploy(DeployNumber(2)))
        #expect(stopped.state == .interrupted && stopped.failedStep == step && stopped.failure?.code == .commandUnknown)
        #expect(await core.operations.overview().warnings.contains { $0.contains("nothing tells how it ended (") })
        #expect(core.commands.ran.isEmpty && core.host.calls == ["bootLive g1 1-aaaaaaa"])
        // A release that was not sealed can be made anew; what a hook has done nobody knows.
        let handle = try await core.operations.resume(DeployNumber(2), by: somebody)
        let outcome = try await core.finish(handle)
        #expect(outcome.result == (step == .build ? .done : .failed))
        if step != .build { #expect(outcome.failure?.code == .commandUnknown) }
        #expect(core.commands.ran.count { $0 == "make assets" } == (step == .build ? 1 : 0))
    }

    @Test func `a lost hook that may be run twice is`() async throws {
        let first = try await crashed(in: .beforeBoot, reached: .proved) { $0.idempotent = true }
        let core = try next(after: first) { commands in
            commands.state.withLock { $0.recorded["2-beforeBoot-0"] = .unknown }
        }
        let handle = try #require(try await core.operations.start(requester: somebody))
        #expect(try await core.finish(handle).result == .done)
        #expect(core.commands.ran.first == "migrate")
    }

    @Test func `a new server goes on with nothing, and a core without a server ends what it finds`() async throws {
        let first = try await crashed(in: .build, reached: .linked)
        let server = try next(after: first, isSuccessor: false)
        #expect(try await server.operations.start(requester: somebody) == nil)
        #expect(await server.state(of: 2) == .interrupted)
        let other = try await crashed(in: .build, reached: .linked)
        let transient = try Fixture(server: false, continuing: other, isSuccessor: true)
        _ = transient.commands.inherit("2-build-0")
        #expect(await transient.state(of: 2) == .interrupted)
        #expect(transient.commands.state.withLock { $0.ended } == ["2-build-0"])
    }

    @Test func `what no operation claims is ended, at once or when its operation is over`() async throws {
        let first = try await crashed(in: .beforeSwitch, reached: .healthy)
        let core = try next(after: first) { commands in
            for record in ["2-beforeSwitch-0", "1-build-0", "nonsense", "2-bake-0"] { _ = commands.inherit(record) }
            commands.state.withLock { $0.recorded["2-beforeBoot-0"] = .ended(.exited(1)) }
        }
        let handle = try #require(try await core.operations.start(requester: somebody))
        #expect(try await core.finish(handle).result == .failed)
        #expect(
            core.commands.state.withLock { $0.ended } == ["1-build-0", "2-bake-0", "nonsense", "2-beforeSwitch-0"])
    }

    @Test func `a rollback does not wait for a command that is followed`() async throws {
        let first = try await crashed(in: .beforeBoot, reached: .proved)
        let core = try next(after: first) { _ = $0.inherit("2-beforeBoot-0", endingWith: .ended(.exited(9))) }
        let handle = try #require(try await core.operations.start(requester: somebody))
        for await logged in handle.events() {
            if case .stepStarted(.beforeBoot, _) = logged.event { break }
        }
        #expect(try await core.rollback().liveRelease == "1-aaaaaaa")
        #expect(await handle.log.waitForOutcome()?.result == .aborted)
    }

    @Test func `a hook from after the switch is followed into its journal, and those after it are not run`()
        async throws
    {
        let first = try await crashed(in: .afterStable, reached: .stable)
        let core = try next(after: first) { $0.inherit("2-afterStable-0").open() }
        _ = try await core.operations.start(requester: somebody)
        await core.operations.waitForHooks()
        #expect(core.commands.ran.isEmpty)
        let step = try #require(await core.operations.deploy(DeployNumber(2))?.steps.last)
        #expect(step.step == .afterStable && step.end != nil && step.result == .failed)
        #expect(step.output.contains("$ tell"))
    }
}

extension AppOperations {
    fileprivate func waitForHooks() async { await hookTask?.value }
}
