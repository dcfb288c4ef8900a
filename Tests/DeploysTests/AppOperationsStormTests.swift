import Deploys
import Foundation
import Model
import Pool
import Synchronization
import Testing

/// Many wishes in random order, none of them waiting for another. The fake pool stops the test when a live generation is
/// ended; here it is checked that every accepted operation comes to one end, and what is left over.
@Suite(.timeLimit(.minutes(5))) struct AppOperationsStormTests {
    @Test func `a storm of deploys, rollbacks, restarts and aborts ends every operation and keeps one generation live`()
        async throws
    {
        let seed = UInt64.random(in: 0 ... .max)
        print("operations storm test, seed \(seed)")
        var random = SeededRandom(state: seed)
        let fixture = try Fixture()
        try await fixture.deploy("a")
        var handles: [OperationHandle] = []
        for round in 0..<60 {
            fixture.builder.change { $0.commit = String(repeating: String(round % 10), count: 40) }
            let fails = Int.random(in: 0..<6, using: &random) == 0
            fixture.host.change { $0.bootFailure = fails ? noWorker : nil }
            if let handle = await wish(fixture, &random) { handles.append(handle) }
            // A deploy takes a flush for each of its eleven steps: some wishes come in the middle, some in the bake.
            for _ in 0..<Int.random(in: 0..<30, using: &random) {
                _ = await fixture.journal.flush()
                fixture.clock.advance(.milliseconds(Int64.random(in: 0..<1500, using: &random)))
                await fixture.operations.tick()
            }
        }
        // The bakes that are still going on end.
        while await fixture.operations.overview().running != nil {
            fixture.clock.advance(.seconds(4))
            await fixture.operations.tick()
        }
        for handle in handles {
            _ = await handle.outcome()
            let ends = handle.log.snapshot().filter { if case .finished = $0.event { true } else { false } }
            #expect(ends.count == 1, "seed \(seed): \(handle.kind) \(handle.operation)")
        }
        await fixture.operations.waitForCleanUp()
        fixture.clock.advance(.seconds(3600))
        await fixture.operations.tick()
        let live = try #require(fixture.host.liveGeneration()?.number)
        #expect(fixture.host.state.withLock { $0.whole } == [live], "seed \(seed)")
        let overview = await fixture.operations.overview()
        #expect(overview.liveGeneration == live)
        #expect(overview.live?.label.name == fixture.builder.current, "seed \(seed)")
        let unfinished = await fixture.operations.deploys().filter { !$0.state.isEnd }
        #expect(unfinished.isEmpty, "seed \(seed)")
    }

    /// A refusal is an answer.
    private func wish(
        _ fixture: Fixture, _ random: inout SeededRandom
    ) async -> OperationHandle? {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: try? await fixture.operations.deploy(DeployRequest(force: true, requester: somebody))
        case 4..<7: try? await fixture.operations.restart(restartRequest)
        case 7..<9: try? await fixture.operations.rollback(RollbackRequest(requester: somebody))
        default: try? await fixture.operations.abort(nil, by: somebody)
        }
    }
}
