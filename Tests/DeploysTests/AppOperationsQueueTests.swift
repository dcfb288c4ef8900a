import Deploys
import Foundation
import Model
import Pool
import Synchronization
import Testing

/// Several wishes at once, and the way back.
@Suite(.timeLimit(.minutes(5))) struct AppOperationsQueueTests {
    @Test func `a second deploy is refused and told who was first`() async throws {
        let fixture = try Fixture(gates: true)
        let first = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.builder.fetchGate.waitForVisitor()
        guard case .busy(let summary)? = await refusal(of: fixture) else {
            Issue.record("a second deploy was accepted")
            return
        }
        #expect(summary.deploy == DeployNumber(1))
        #expect(summary.requester == somebody)
        #expect(summary.step == .fetch)
        _ = try await fixture.operations.abort(nil, by: somebody)
        #expect(try await fixture.finish(first).result == .aborted)
    }

    @Test func `two processes on one state directory: the second is refused with the first one's name`() async throws {
        let fixture = try Fixture(gates: true)
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        let other = try Fixture(server: false, continuing: fixture)
        guard case .locked(let holder)? = await refusal(of: other) else {
            Issue.record("both were accepted")
            return
        }
        #expect(holder.contains("ann"))
        _ = try await fixture.operations.abort(nil, by: somebody)
        try await fixture.finish(handle)
        fixture.builder.fetchGate.open()
        #expect(try await other.deploy().result == .pending)
    }

    @Test func `a rollback during a deploy is its abort`() async throws {
        let fixture = try Fixture(gates: true)
        fixture.builder.fetchGate.open()
        let deploy = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.host.bootGate.waitForVisitor()
        let outcome = try await fixture.rollback()
        #expect(outcome.result == .done)
        #expect(try await fixture.finish(deploy).result == .aborted)
        #expect(!fixture.host.calls.contains { $0.hasPrefix("switch") })
        #expect(fixture.host.calls.last == "discard g1")
    }

    @Test func `a rollback in the bake is the switch back, and withdraws the release`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.builder.change { $0.commit = String(repeating: "b", count: 40) }
        let deploy = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.waitForBake(deploy)
        let outcome = try await fixture.rollback()
        #expect(outcome.result == .done)
        #expect(outcome.liveRelease == "1-aaaaaaa")
        #expect(try await fixture.finish(deploy).result == .rolledBack)
        #expect(await fixture.operations.deploy(DeployNumber(2))?.isWithdrawn == true)
        #expect(try await fixture.deploy("b").failure?.code == .withdrawn)
        let forced = try await fixture.operations.deploy(DeployRequest(force: true, requester: somebody))
        #expect(try await fixture.finish(forced).result == .done)
    }

    @Test func `a rollback to a warm standby grows it and switches, and the second one never goes forward`()
        async throws
    {
        let fixture = try Fixture()
        for commit in "abc" { try await fixture.deploy(commit) }
        fixture.host.change { $0.live?.workers = 4 }
        let outcome = try await fixture.rollback()
        #expect(outcome.result == .done)
        #expect(outcome.liveRelease == "2-bbbbbbb")
        #expect(outcome.switchNanoseconds != nil)
        #expect(fixture.host.calls.suffix(3) == ["scale g2 x4", "switch g2", "drain g3"])
        // Nothing is warm any more: release 1 is booted and proved first.
        let second = try await fixture.rollback()
        #expect(second.liveRelease == "1-aaaaaaa")
        #expect(
            fixture.host.calls.suffix(4) == ["trial 1-aaaaaaa", "boot g4 1-aaaaaaa x1", "switch g4", "drain g2"])
        await #expect(throws: OperationRefusal.self) { try await fixture.rollback() }
    }

    @Test func `a rollback right now does not grow the standby`() async throws {
        let fixture = try Fixture()
        for commit in "ab" { try await fixture.deploy(commit) }
        #expect(try await fixture.rollback(now: true).liveRelease == "1-aaaaaaa")
        #expect(!fixture.host.calls.contains { $0.hasPrefix("scale") })
    }

    @Test func `a rollback uses the configuration of the old deploy when the file is broken now`() async throws {
        let fixture = try Fixture()
        for commit in "abc" { try await fixture.deploy(commit) }
        fixture.settings.change { $0.failure = DeployFailure(.configuration, "broken") }
        #expect(try await fixture.rollback(to: 1).liveRelease == "1-aaaaaaa")
    }

    @Test func `a rollback works while the journal cannot be written, and status says so`() async throws {
        let fixture = try Fixture()
        for commit in "ab" { try await fixture.deploy(commit) }
        try FileManager.default.removeItem(atPath: fixture.directory.path + "/state")
        #expect(try await fixture.rollback().liveRelease == "1-aaaaaaa")
        #expect(await fixture.operations.overview().warnings.contains { $0.contains("could not be written") })
    }

    @Test func `a deploy does not go on without its journal`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        try FileManager.default.removeItem(atPath: fixture.directory.path + "/state")
        let outcome = try await fixture.deploy("b")
        #expect(outcome.failure?.summary.contains("could not be written") == true)
        #expect(outcome.liveRelease == "1-aaaaaaa")
    }

    @Test func `a restart before the boot of a deploy joins it`() async throws {
        let fixture = try Fixture(gates: true)
        let deploy = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.builder.fetchGate.waitForVisitor()
        let restart = try await fixture.operations.restart(restartRequest)
        #expect(restart.operation == deploy.operation)
        fixture.builder.fetchGate.open()
        fixture.host.bootGate.open()
        fixture.host.growGate.open()
        #expect(try await fixture.finish(deploy).result == .done)
        #expect(await fixture.operations.overview().running == nil)
    }

    @Test func `a restart that joined a deploy which failed comes all the same`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        let gated = try Fixture(gates: true, continuing: fixture)
        gated.builder.change { $0.failures["checkout"] = DeployFailure(.treeRefused, "../x") }
        gated.host.bootGate.open()
        gated.host.growGate.open()
        _ = try await gated.operations.start(requester: somebody)
        let deploy = try await gated.operations.deploy(DeployRequest(requester: somebody))
        _ = try await gated.operations.restart(restartRequest)
        #expect(try await gated.finish(deploy).result == .failed)
        while await gated.operations.overview().running != nil { await Task.yield() }
        #expect(gated.host.calls.suffix(3) == ["boot g2 1-aaaaaaa x1", "switch g2", "drain g1"])
    }

    @Test func `before another core takes over, what that one sees by itself is left to it`() async throws {
        let fixture = try Fixture(gates: true, inPlace: true)
        _ = try await fixture.operations.start(requester: somebody)
        var touch = restartRequest
        touch.isSeenByTheNextCore = true
        let first = try await fixture.operations.restart(touch)
        await fixture.host.bootGate.waitForVisitor()
        await fixture.operations.hold()
        let second = try await fixture.operations.restart(touch)
        #expect(await fixture.operations.work != nil, "the one that runs is waited for")
        fixture.host.bootGate.open()
        fixture.host.growGate.open()
        #expect(try await fixture.finish(first).result == .done)
        #expect(await fixture.operations.work == nil)
        fixture.host.bootGate.close()
        // Who asked this core has it from this core, and what waits with it.
        let asked = try await fixture.operations.restart(restartRequest)
        #expect(asked.operation == second.operation)
        #expect(await fixture.operations.work != nil)
        fixture.host.bootGate.open()
        #expect(try await fixture.finish(second).result == .done)

        let third = try await fixture.operations.restart(touch)
        #expect(await fixture.operations.work == nil)
        await fixture.operations.holdNoMore()
        #expect(try await fixture.finish(third).result == .done)
        await fixture.operations.hold()
        let fourth = try await fixture.operations.restart(touch)
        await fixture.operations.shutDown()
        #expect(await fourth.outcome()?.result == .interrupted)
        #expect(fixture.host.calls.filter { $0.hasPrefix("switch") } == ["switch g2", "switch g3", "switch g4"])
    }

    @Test func `while one restart runs one is pending, and the latest wins`() async throws {
        let fixture = try Fixture(gates: true, inPlace: true)
        _ = try await fixture.operations.start(requester: somebody)
        let first = try await fixture.operations.restart(restartRequest)
        await fixture.host.bootGate.waitForVisitor()
        let second = try await fixture.operations.restart(restartRequest)
        let third = try await fixture.operations.restart(restartRequest)
        #expect(first.operation != second.operation)
        #expect(second.operation == third.operation)
        fixture.host.bootGate.open()
        fixture.host.growGate.open()
        #expect(try await fixture.finish(first).result == .done)
        #expect(try await fixture.finish(third).result == .done)
        #expect(
            fixture.host.calls == [
                "bootLive g1 in place", "boot g2 in place x1", "switch g2", "drain g1", "boot g3 in place x1",
                "switch g3", "drain g2",
            ])
    }

    @Test func `a restart that fails leaves the old generation serving and says why`() async throws {
        let fixture = try Fixture(inPlace: true)
        _ = try await fixture.operations.start(requester: somebody)
        fixture.host.change { $0.bootFailure = noWorker }
        let outcome = try await fixture.finish(try await fixture.operations.restart(restartRequest))
        #expect(outcome.result == .failed)
        #expect(outcome.failure?.outputTail == noWorker.outputTail)
        #expect(fixture.host.liveGeneration()?.number == GenerationNumber(1))
        #expect(await fixture.operations.overview().lastOutcome == outcome)
    }

    private func worksOn(_ change: (inout sending FakeSettings.State) -> Void) async throws -> Fixture {
        let fixture = try Fixture(inPlace: true)
        fixture.settings.change {
            $0.settings.environment = "development"
            $0.settings.friendlyErrorPages = true
            change(&$0)
        }
        _ = try await fixture.operations.start(requester: somebody)
        return fixture
    }

    @Test func `in development a restart that fails is shown to whoever asks, whatever it failed at`() async throws {
        let fixture = try await worksOn { _ in }
        fixture.host.change { $0.bootFailure = noWorker }
        var outcome = try await fixture.finish(try await fixture.operations.restart(restartRequest))
        #expect(outcome.result == .failed)
        #expect(fixture.host.calls.last == "shows \(noWorker.step): \(noWorker.summary)")
        fixture.settings.change { $0.failure = DeployFailure(.configuration, "Passengerfile.yml:3:1: no such key") }
        outcome = try await fixture.finish(try await fixture.operations.restart(restartRequest))
        #expect(outcome.result == .failed)
        #expect(fixture.host.calls.last == "shows inspect: Passengerfile.yml:3:1: no such key")
        fixture.settings.change { $0.failure = nil }
        fixture.host.change { $0.bootFailure = nil }
        outcome = try await fixture.finish(try await fixture.operations.restart(restartRequest))
        #expect(outcome.result == .done)
        #expect(fixture.host.calls.count { $0.hasPrefix("shows") } == 2)
    }

    @Test func `elsewhere the version before serves on`() async throws {
        let changes: [@Sendable (inout sending FakeSettings.State) -> Void] = [
            { $0.settings.environment = "production" }, { $0.settings.friendlyErrorPages = false },
        ]
        for change in changes {
            let fixture = try await worksOn(change)
            fixture.host.change { $0.bootFailure = noWorker }
            try await fixture.finish(try await fixture.operations.restart(restartRequest))
            #expect(!fixture.host.calls.contains { $0.hasPrefix("shows") })
        }
        let root = try Fixture()
        root.settings.change {
            $0.settings.environment = "development"
            $0.settings.friendlyErrorPages = true
        }
        try await root.deploy()
        root.host.change { $0.bootFailure = noWorker }
        #expect(try await root.finish(try await root.operations.restart(restartRequest)).result == .failed)
        #expect(!root.host.calls.contains { $0.hasPrefix("shows") })
    }

    @Test func `an app in place refuses deploys and rollbacks`() async throws {
        let fixture = try Fixture(inPlace: true)
        await #expect(throws: OperationRefusal.notADeployRoot) { try await fixture.deploy() }
        await #expect(throws: OperationRefusal.notADeployRoot) { try await fixture.rollback() }
    }

    @Test func `whoever follows may leave and come back, and sees everything from the start`() async throws {
        let fixture = try Fixture(gates: true)
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.builder.fetchGate.waitForVisitor()
        let follower = Task { for await _ in handle.events() {} }
        follower.cancel()
        await follower.value
        for gate in [fixture.builder.fetchGate, fixture.host.bootGate, fixture.host.growGate] { gate.open() }
        let again = try await fixture.operations.attach(DeployNumber(1))
        #expect(try await fixture.finish(again).result == .done)
        let sequences = again.log.snapshot().map(\.sequence)
        #expect(sequences == Array(0..<sequences.count))
    }

    private func refusal(of fixture: Fixture) async -> OperationRefusal? {
        do throws(OperationRefusal) {
            _ = try await fixture.operations.deploy(DeployRequest(requester: somebody))
            return nil
        } catch {
            return error
        }
    }
}
