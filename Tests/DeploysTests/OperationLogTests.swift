import Deploys
import Foundation
import Testing

@Suite(.timeLimit(.minutes(5))) struct OperationLogTests {
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

    @Test func `long lines are bounded by what they take, however few they are`() async {
        let log = OperationLog(capacity: 10_000, mostBytes: 1 << 20, date: { Date() })
        log.append(.stepStarted(step: .build, title: "build"))
        let line = String(repeating: "x", count: 16 << 10)
        for _ in 0..<1000 { log.append(.output(step: .build, line: line)) }
        log.append(.stepFinished(step: .build, nanoseconds: 1, failure: nil))
        log.append(end)
        let kept = log.snapshot().map(\.event)
        #expect((32...67).contains(kept.count), "\(kept.count)")
        #expect(kept.first == .stepStarted(step: .build, title: "build") && kept.last == end)
    }

    @Test func `a follower that does not follow keeps nothing, and is told what it missed`() async throws {
        let log = log(100)
        var iterator = log.follow { "\($0.event)" }.makeAsyncIterator()
        log.append(.stepStarted(step: .build, title: "build"))
        let first = await iterator.next()
        for line in 0..<5000 { log.append(.output(step: .build, line: "line \(line)")) }
        log.append(end)
        var seen = 0
        var isTold = false
        while let next = await iterator.next() {
            seen += 1
            isTold = isTold || next.contains("skipped")
        }
        #expect(first?.contains("build") == true && isTold)
        #expect(seen <= 101, "\(seen)")
    }

    @Test func `progress has a percentage when there is something to have it of`() {
        func text(_ done: Int, _ total: Int?) -> String { StepProgress(done: done, total: total, unit: "files").text }
        #expect(text(120, 300) == "40% (120 of 300 files)")
        #expect(text(299, 300) == "99% (299 of 300 files)" && text(300, 300) == "100% (300 of 300 files)")
        #expect(text(0, 3) == "0% (0 of 3 files)" && text(4, 3) == "100% (4 of 3 files)")
        #expect(text(7, nil) == "7 files" && text(7, 0) == "7 files")
        #expect(
            text(.max, .max).hasPrefix("100% (") && text(.max / 2, .max).hasPrefix("49% (")
                && text(.min, 1).hasPrefix("0% ("))
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
