import AdminAPI
import Model
import Testing

@testable import Commands

struct LogBlocksTests {
    /// `at`: milliseconds.
    private func line(_ at: Int64, _ source: String, _ text: String, stream: String = "stderr") -> LogLine {
        LogLine(
            time: WallTime(millisecondsSince1970: at), generation: nil, worker: nil, source: source, stream: stream,
            text: text)
    }

    private func shown(_ lines: [LogLine]) -> [String] {
        var blocks = LogBlocks()
        return (lines.flatMap { blocks.feed($0) } + blocks.flush()).map { "\($0.source) \($0.text)" }
    }

    @Test func `A trace that others wrote into is put together again`() {
        let lines = [
            line(0, "w1", "Traceback (most recent call last):"), line(1, "w2", "one"), line(2, "w1", "  File app.py"),
            line(3, "w2", "two"), line(4, "w1", "ValueError: no"), line(5, "w1", "next"),
        ]
        #expect(
            shown(lines) == [
                "w1 Traceback (most recent call last):", "w1   File app.py", "w1 ValueError: no", "w2 one", "w2 two",
                "w1 next",
            ])
    }

    @Test func `Ruby and Node write theirs with from and at`() {
        let lines = [
            line(0, "w1", "app.rb:3:in `x': boom (RuntimeError)"), line(0, "w2", "a"), line(1, "w1", "\tfrom app.rb:9"),
            line(1, "w2", "Error: no"), line(2, "w1", "from config.ru:2"), line(2, "w2", "    at main (app.js:3)"),
            line(2, "w2", "}"),
        ]
        #expect(
            shown(lines) == [
                "w1 app.rb:3:in `x': boom (RuntimeError)", "w1 \tfrom app.rb:9", "w1 from config.ru:2", "w2 a",
                "w2 Error: no", "w2     at main (app.js:3)", "w2 }",
            ])
    }

    @Test func `What comes late or on the other stream stands alone, and nothing waits for ever`() {
        var blocks = LogBlocks()
        #expect(blocks.feed(line(0, "w1", "a")).isEmpty)
        // Far later: whatever was open is complete.
        #expect(blocks.feed(line(1000, "w2", "b")).map(\.text) == ["a"])
        #expect(blocks.feed(line(2000, "w2", " c")).map(\.text) == ["b"])
        #expect(blocks.feed(line(2001, "w2", " d", stream: "stdout")).isEmpty)
        #expect(blocks.flush().map(\.text) == [" c", " d"] && blocks.isEmpty)
    }

    @Test func `No line is lost, doubled, or put before one of its own source`() {
        for seed in 0..<300 {
            var state = UInt64(seed) &* 6_364_136_223_846_793_005 &+ 1
            func random(_ below: UInt64) -> Int64 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int64((state >> 33) % below)
            }
            var time: Int64 = 0
            let lines = (0..<60).map { number in
                time += random(120)
                let text = ["x", " x", "Traceback (most recent call last)", ""][Int(random(4))]
                return line(time, "w\(random(3))", "\(text)#\(number)")
            }
            var blocks = LogBlocks()
            var out: [LogLine] = []
            for line in lines {
                out += blocks.feed(line)
                if random(10) == 0 { out += blocks.flush() }
            }
            out += blocks.flush()
            #expect(out.count == lines.count && Set(out.map(\.text)).count == lines.count, "seed \(seed)")
            for source in ["w0", "w1", "w2"] {
                #expect(out.filter { $0.source == source } == lines.filter { $0.source == source }, "seed \(seed)")
            }
        }
    }
}
