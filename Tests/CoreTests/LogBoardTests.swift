import AdminAPI
import Model
import Spawning
import Testing

@testable import Core

struct LogBoardTests {
    private func line(_ text: String, worker: UInt32 = 1) -> LogLine {
        LogLine(.worker(WorkerNumber(worker), of: GenerationNumber(7)), .stdout, text)
    }

    @Test func `A ring keeps so many lines and so many bytes, and knows what it forgot`() {
        var ring = LogRing()
        for number in 0..<5000 { ring.append(line("\(number)")) }
        #expect(ring.count <= LogRing.mostLines && ring.next == 5000)
        let all = ring.read(from: 0, limit: .max / 2) { _ in true }
        #expect(all.lines.last?.text == "4999" && all.skipped == 5000 - all.lines.count && all.next == 5000)
        #expect(all.lines.first?.text == "\(all.skipped)")
        for _ in 0..<100 { ring.append(line(String(repeating: "x", count: 16 << 10))) }
        #expect(ring.count == 7)
        ring.append(line(String(repeating: "y", count: LogRing.mostBytes * 2)))
        #expect(ring.count == 1)
    }

    @Test func `A reader gets the last lines that it asked for, in pieces, each once`() {
        var ring = LogRing()
        for number in 0..<100 { ring.append(line("\(number)", worker: UInt32(number % 2))) }
        var place = ring.position(ofLast: 10) { $0.source == "w1" }
        var texts: [String] = []
        while place < ring.next {
            let batch = ring.read(from: place, limit: 7) { $0.source == "w1" }
            texts += batch.lines.map(\.text)
            place = batch.next
        }
        #expect(texts == stride(from: 81, through: 99, by: 2).map { "\($0)" })
        #expect(ring.position(ofLast: 0) { _ in true } == 100)
    }

    private func write(_ text: String, to board: LogBoard) {
        board.note(.worker(WorkerNumber(1), of: GenerationNumber(7)), .stdout, text)
    }

    @Test func `Without follow a reader comes to an end, with it it waits for more until the app is gone`() async {
        let board = LogBoard()
        for number in 0..<3 { write("\(number)", to: board) }
        var query = LogQuery()
        query.lines = 2
        var texts: [String] = []
        for await batch in board.read(query) { texts += batch.compactMap(\.text) }
        #expect(texts == ["1", "2"])
        query.follows = true
        let reading = Task {
            var texts: [String] = []
            for await batch in board.read(query) {
                texts += batch.compactMap(\.text)
                if texts.count == 2 { write("3", to: board) }
                if texts.count == 3 { board.close() }
            }
            return texts
        }
        #expect(await reading.value == ["1", "2", "3"])
    }

    @Test func `A slow reader misses lines, and is told how many`() async {
        let board = LogBoard()
        var query = LogQuery()
        query.follows = true
        write("first", to: board)
        var batches = board.read(query).makeAsyncIterator()
        #expect(await batches.next()?.compactMap(\.text) == ["first"])
        for number in 0..<10_000 { write("\(number)", to: board) }
        var (skipped, texts): (Int, [String]) = (0, [])
        while texts.last != "9999", let batch = await batches.next() {
            for case .skipped(let lines) in batch { skipped += lines }
            texts += batch.compactMap(\.text)
        }
        #expect(skipped > 0 && skipped + texts.count == 10_000)
    }

    @Test(.timeLimit(.minutes(5)))
    func `A reader that goes away while nothing happens is let go of`() async {
        let board = LogBoard()
        var query = LogQuery()
        query.follows = true
        for _ in 0..<100 {
            let reading = Task { for await _ in board.read(query) {} }
            if Bool.random() { await Task.yield() }
            reading.cancel()
            await reading.value
        }
    }
}

extension LogEvent {
    fileprivate var text: String? { if case .line(let line) = self { line.text } else { nil } }
}
