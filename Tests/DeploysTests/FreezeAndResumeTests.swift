import Deploys
import Foundation
import Model
import Pool
import Testing

/// What may not be deployed, what may all the same, and what is gone on with.
@Suite(.timeLimit(.minutes(5))) struct FreezeAndResumeTests {
    @Test func `a locked app is not deployed, but restarted and rolled back`() async throws {
        let fixture = try Fixture()
        for commit in "ab" { try await fixture.deploy(commit) }
        _ = try await fixture.operations.lock("the shop is on television", by: somebody)
        await #expect(throws: OperationRefusal.self) { try await fixture.deploy("c") }
        do { try await fixture.deploy("c") } catch let refusal as OperationRefusal {
            #expect("\(refusal)".contains("ann") && "\(refusal)".contains("the shop is on television"))
        }
        #expect(try await fixture.finish(try await fixture.operations.restart(restartRequest)).result == .done)
        #expect(try await fixture.rollback().liveRelease == "1-aaaaaaa")
        // It outlives the server.
        _ = await fixture.journal.flush()
        let next = try Fixture(continuing: fixture)
        _ = try await next.operations.start(requester: somebody)
        await #expect(throws: OperationRefusal.self) { try await next.deploy("c") }
        #expect(try await next.operations.unlock()?.owner == "ann")
        #expect(try await next.operations.unlock() == nil)
        #expect(try await next.deploy("c").result == .done)
    }

    @Test func `a pending release waits while its app is locked`() async throws {
        let transient = try Fixture(server: false)
        try await transient.deploy()
        _ = try await transient.operations.lock("not now", by: somebody)
        _ = await transient.journal.flush()
        let server = try Fixture(continuing: transient)
        #expect(try await server.operations.start(requester: somebody) == nil)
        #expect(await server.operations.overview().warnings.contains { $0.contains("not now") })
        try await server.operations.unlock()
        let resumed = try await server.operations.resume(DeployNumber(1), by: somebody)
        #expect(try await server.finish(resumed).liveRelease == "1-aaaaaaa")
    }

    @Test func `an older commit needs to be allowed`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("b")
        fixture.builder.change { $0.older = [String(repeating: "a", count: 40)] }
        let refused = try await fixture.deploy("a")
        #expect(refused.failure?.code == .older)
        #expect(refused.failure?.hint?.contains("--allow-older") == true)
        let request = DeployRequest(allowOlder: true, requester: somebody)
        #expect(try await fixture.finish(try await fixture.operations.deploy(request)).liveRelease == "3-aaaaaaa")
    }

    @Test func `a withdrawn release is gone back to by force, and is a good one again`() async throws {
        let fixture = try Fixture()
        for commit in "ab" { try await fixture.deploy(commit) }
        #expect(try await fixture.rollback().liveRelease == "1-aaaaaaa")
        await #expect(throws: OperationRefusal.self) { try await fixture.rollback(to: 2) }
        let request = RollbackRequest(target: DeployNumber(2), force: true, requester: somebody)
        let back = try await fixture.finish(try await fixture.operations.rollback(request))
        #expect(back.liveRelease == "2-bbbbbbb")
        #expect(await fixture.operations.deploy(DeployNumber(2))?.isWithdrawn == false)
        #expect(await fixture.operations.deploy(DeployNumber(1))?.isWithdrawn == true)
    }

    @Test func `of deploys that wait only the latest is done, and a rollback ends them`() async throws {
        let fixture = try Fixture(gates: true)
        let first = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.builder.fetchGate.waitForVisitor()
        let second = try await fixture.operations.deploy(DeployRequest(requester: somebody), replacingQueued: true)
        let third = try await fixture.operations.deploy(DeployRequest(requester: somebody), replacingQueued: true)
        #expect(await second.outcome()?.result == .aborted)
        fixture.builder.fetchGate.open()
        fixture.host.bootGate.open()
        fixture.host.growGate.open()
        #expect(try await fixture.finish(first).result == .done)
        #expect(try await fixture.finish(third).result == .done)
        #expect(await fixture.state(of: 2) == .stable)
        #expect(await fixture.state(of: 3) == nil)
    }

    @Test func `a rollback ends what waits to be deployed`() async throws {
        let fixture = try Fixture(gates: true)
        fixture.builder.fetchGate.open()
        let first = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.host.bootGate.waitForVisitor()
        let second = try await fixture.operations.deploy(DeployRequest(requester: somebody), replacingQueued: true)
        _ = try await fixture.rollback()
        #expect(await first.outcome()?.result == .aborted)
        #expect(await second.outcome()?.result == .aborted)
    }

    @Test func `what was interrupted before it was sealed is made anew under its number`() async throws {
        let first = try Fixture()
        try await first.deploy("a")
        var record = DeployRecord(
            number: DeployNumber(2), request: DeployRequest(requester: somebody), requestedAt: Date())
        record.state = .linked
        record.reached = .linked
        record.commit = ResolvedCommit(id: String(repeating: "b", count: 40), author: "Ann", subject: "B", ref: "main")
        record.release = FakeBuilder.location(2, String(repeating: "b", count: 40))
        first.journal.record(record)
        _ = await first.journal.flush()
        let second = try Fixture(continuing: first)
        _ = try await second.operations.start(requester: somebody)
        #expect(await second.state(of: 2) == .interrupted)
        // The branch has moved on; the deploy names a commit.
        second.builder.change { $0.commit = String(repeating: "c", count: 40) }
        let outcome = try await second.finish(try await second.operations.resume(DeployNumber(2), by: somebody))
        #expect(outcome.liveRelease == "2-bbbbbbb")
        #expect(second.builder.calls.contains("prune 2-bbbbbbb"))
        #expect(second.commands.ran == ["make", "migrate"])
    }

    @Test func `what was not interrupted is not resumed, nor what is older than the live one`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        await #expect(throws: OperationRefusal.self) {
            try await fixture.operations.resume(DeployNumber(1), by: somebody)
        }
        await #expect(throws: OperationRefusal.noSuchDeploy(DeployNumber(9))) {
            try await fixture.operations.resume(DeployNumber(9), by: somebody)
        }
        let ledger = ReleaseLedger(records: [], live: DeployNumber(5))
        var record = DeployRecord(
            number: DeployNumber(4), request: DeployRequest(requester: somebody), requestedAt: Date())
        record.state = .interrupted
        do throws(DeployFailure) { try ledger.checkResumable(record) } catch { #expect(error.code == .older) }
    }

    @Test func `a journal of a version that did not know what can be asked for now is no damage`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        let path = fixture.journal.directory + "/deploys/1.json"
        var record = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
        var request = try #require(record["request"] as? [String: Any])
        #expect(request.removeValue(forKey: "allowOlder") != nil)
        record["request"] = request
        try JSONSerialization.data(withJSONObject: record).write(to: URL(fileURLWithPath: path))
        let next = try Fixture(continuing: fixture)
        #expect(await next.operations.deploy(DeployNumber(1))?.state == .stable)
        #expect(await next.operations.overview().warnings.isEmpty)
    }

    @Test func `a fetch that never ends is given up, and the next deploy can begin`() async throws {
        let fixture = try Fixture(gates: true)
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.builder.fetchGate.waitForVisitor()
        fixture.clock.advance(.seconds(29 * 60))
        await fixture.operations.tick()
        #expect(handle.log.outcome == nil)
        fixture.clock.advance(.seconds(2 * 60))
        await fixture.operations.tick()
        let outcome = try await fixture.finish(handle)
        #expect(outcome.failure?.code == .timedOut && outcome.failedStep == .fetch)
        fixture.host.growGate.open()
        fixture.host.bootGate.open()
        #expect(try await fixture.deploy().result == .done)
    }
}
