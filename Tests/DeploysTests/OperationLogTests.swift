import Deploys
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1))) struct OperationLogTests {
    private func log(_ capacity: Int = 1000) -> OperationLog { OperationLog(capacity: capacity, date: { Date() }) }
    private let end = OperationEvent.finished(OperationOutcome(.done, summary: "done"))

    @Test func `followers that come early, late and after the end see the same`() async {
        let log = log()
        let early = Task { await Array(log.follow()).map(\.event) }
        log.append(.notice(.info, "one"))
        let late = Task { await Array(log.follow()).map(\.event) }
        log.append(.notice(.info, "two"))
        log.append(end)
        log.append(.notice(.info, "never"))
        let expected: [OperationEvent] = [.notice(.info, "one"), .notice(.info, "two"), end]
        #expect(await early.value == expected)
        #expect(await late.value == expected)
        #expect(await Array(log.follow()).map(\.event) == expected)
    }

    @Test func `a flood of output is bounded, steps survive it, and a late follower is told what is missing`() async {
        let log = log(100)
        log.append(.stepStarted(step: .build, title: "build"))
        for line in 0..<10_000 { log.append(.output(step: .build, line: "\(line)")) }
        log.append(end)
        #expect(log.snapshot().count <= 100)
        let seen = await Array(log.follow()).map(\.event)
        #expect(seen.first == .stepStarted(step: .build, title: "build"))
        #expect(seen.last == end)
        guard case .skipped(let count) = seen[1] else {
            Issue.record("nothing tells of the gap")
            return
        }
        #expect(count + seen.count - 1 == 10_002)
    }

    @Test func `several requests that are answered with one operation have one report of it`() {
        let log = log()
        #expect((0..<3).map { _ in log.claimReport() } == [true, false, false])
    }

    @Test func `a follower that goes away does not wait for ever`() async {
        let log = log()
        let follower = Task { await Array(log.follow()).count }
        follower.cancel()
        #expect(await follower.value == 0)
    }

    @Test func `events survive JSON`() throws {
        let events: [OperationEvent] = [
            .stepStarted(step: .fetch, title: "t"), .output(step: .build, line: "l"), .skipped(events: 3),
            .stepFinished(step: .boot, nanoseconds: 1, failure: "f"), .switched(release: nil, nanoseconds: 5), end,
        ]
        let data = try JSONEncoder().encode(events)
        #expect(try JSONDecoder().decode([OperationEvent].self, from: data) == events)
    }
}

extension Array {
    fileprivate init(_ stream: AsyncStream<Element>) async {
        self = []
        for await element in stream { append(element) }
    }
}
