import Model
import Pool
import Testing

@testable import Core

@Suite struct WorkerLoadsTests {
    private let tags = [WorkerNumber(1): ChildTag(11), WorkerNumber(2): ChildTag(12)]

    @Test func `only what has changed since it was told is told`() {
        var loads = WorkerLoads(tags: tags, known: [WorkerNumber(1): WorkerShare(requests: 1)])
        var now: [WorkerNumber: WorkerShare] = [WorkerNumber(1): WorkerShare(requests: 1)]
        #expect(loads.changes { now[$0] ?? .none }.isEmpty, "the snapshot has said it")
        now = [WorkerNumber(2): WorkerShare(requests: 2, streams: 3)]
        #expect(
            loads.changes { now[$0] ?? .none } == [
                WorkerLoad(tag: ChildTag(11), requests: 0, streams: 0),
                WorkerLoad(tag: ChildTag(12), requests: 2, streams: 3),
            ])
        #expect(loads.changes { now[$0] ?? .none }.isEmpty)
        now[WorkerNumber(9)] = WorkerShare(requests: 1)
        #expect(loads.changes { now[$0] ?? .none }.isEmpty, "none that was handed over")
    }
}
