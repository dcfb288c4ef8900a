import AdminAPI
import Model
import Terminal
import Testing

@testable import Commands

struct TopTests {
    private func report(
        _ uptime: Double, core: Int = 1, requests: UInt64 = 0, errors: UInt64 = 0, milliseconds: [Int] = [],
        cpu: Double? = nil, generations: [(UInt32, GenerationStatus.State)] = [(1, .live)]
    ) -> MetricsReport {
        var report = MetricsReport(
            version: "1.0", core: core, at: WallTime(millisecondsSince1970: Int64(uptime * 1000)),
            uptimeSeconds: uptime)
        var app = AppMetrics(name: AppName("blog")!)
        app.answers = ["worker": ["2xx": requests, "5xx": errors], "file": ["2xx": 0]]
        app.queueLength = 3
        for milliseconds in milliseconds { app.duration.add(.milliseconds(milliseconds)) }
        app.generations = generations.map { number, state in
            var generation = GenerationMetrics(number: GenerationNumber(number), release: "42-9be0d13", state: state)
            generation.answers = ["2xx": requests, "5xx": errors]
            generation.duration = app.duration
            generation.workers = ["idle": 2, "busy": 1, "booting": 0]
            generation.cpuSeconds = cpu
            generation.memory = MemoryStatus(
                privateBytes: 1, swapBytes: 0, sharedBytes: 1, pssBytes: 240 << 20, processes: 3, isExact: true)
            return generation
        }
        report.apps = [app]
        return report
    }

    @Test func `rates and quantiles are those of the last five seconds`() throws {
        var history = TopHistory()
        #expect(history.current == nil)
        history.add(report(0))
        #expect(history.current == nil)
        history.add(report(1, requests: 10, milliseconds: [1000]))
        #expect(history.current?.apps[0].figures.requestsPerSecond == 10)
        for second in 2...6 {
            history.add(report(Double(second), requests: 10, errors: 5, milliseconds: [1000, 40, 40, 40]))
        }
        let current = try #require(history.current)
        #expect(current.seconds == 5)
        let figures = current.apps[0].figures
        #expect(figures.requestsPerSecond == 1 && figures.errorsPerSecond == 1)
        #expect(figures.p99.map { $0 > 0.03 && $0 <= 0.05 } ?? false, "\(figures)")
        #expect(figures.workers == 3 && figures.busy == 1 && figures.memoryBytes == 240 << 20)
        #expect(current.apps[0].queue == 3 && current.apps[0].generations[0].figures.requestsPerSecond == 1)
    }

    @Test func `another core counts anew`() {
        var history = TopHistory()
        history.add(report(100, requests: 1000))
        history.add(report(1, core: 2, requests: 3))
        #expect(history.current == nil)
        history.add(report(2, core: 2, requests: 5))
        #expect(history.current?.apps[0].figures.requestsPerSecond == 2)
    }

    @Test func `processor time is known from one look at it to another`() throws {
        var history = TopHistory()
        for second in 0...4 { history.add(report(Double(second), cpu: 10)) }
        #expect(history.current?.apps[0].figures.cpuPercent == nil)
        for second in 5...9 { history.add(report(Double(second), cpu: 12.5)) }
        let busy = try #require(history.current?.apps[0].figures.cpuPercent)
        #expect(abs(busy - 50) < 1, "\(busy)")
        for second in 10...60 { history.add(report(Double(second), cpu: 12.5)) }
        let idle = try #require(history.current?.apps[0].figures.cpuPercent)
        #expect(idle < 6, "\(idle)")
    }

    private func screen(_ columns: Int, _ rows: Int, offset: Int = 0) -> TopScreen {
        let traits = TerminalTraits(isLive: true, hasColour: false, hasUnicode: true, columns: columns)
        return TopScreen(traits: traits, size: ScreenSize(columns: columns, rows: rows), offset: offset)
    }

    private func sample(apps: Int, generations: [(UInt32, GenerationStatus.State)]) throws -> TopReport {
        var history = TopHistory()
        for uptime in [1.0, 2.0] {
            var report = report(
                uptime, requests: UInt64(uptime * 100), milliseconds: uptime > 1 ? [4, 4, 120] : [],
                generations: generations)
            report.apps = (0..<apps).map { number in
                var app = report.apps[0]
                app.name = AppName("app\(number)")!
                app.answers["file"] = ["2xx": UInt64(uptime) * UInt64(1000 - number)]
                return app
            }
            history.add(report)
        }
        return try #require(history.current)
    }

    @Test func `on 80 by 24 everything has its column`() throws {
        let sample = try sample(apps: 1, generations: [(6, .draining), (7, .live)])
        let lines = screen(80, 24).lines(sample, title: "passenger 1.0", note: nil)
        #expect(lines.count == 24 && lines.allSatisfy { $0.count <= 79 })
        #expect(
            Array(lines.prefix(7)) == [
                "passenger 1.0", "1 app, 2 of 6 workers busy, 1100 requests/s, 0.0 errors/s, 3 waiting", "",
                "APP                    REQ/S   P50   P95   P99  ERR/S QUEUE    BUSY  CPU%   MEM",
                "app0                    1100 4.5ms 143ms 148ms    0.0     3     2/6     -  480M",
                "  g6 draining 42-9b…     100 4.5ms 143ms 148ms    0.0           1/3     -  240M",
                "  g7 live 42-9be0d13     100 4.5ms 143ms 148ms    0.0           1/3     -  240M",
            ], "\(lines.prefix(7).joined(separator: "\n"))")
        #expect(lines.last == "q ends, arrows scroll")
    }

    @Test func `the line of sums is told in fewer words where there is no room`() throws {
        var sample = try sample(apps: 200, generations: [(7, .live)])
        sample.connections = 1234
        let line = screen(80, 24).lines(sample, title: "passenger", note: nil)[1]
        #expect(
            line.hasPrefix("200 apps, 200/600 busy, ") && line.hasSuffix(" err/s, 600 waiting, 1234 connections"),
            "\(line)")
    }

    @Test(arguments: [(80, 24), (40, 10), (20, 6), (10, 3), (1, 1), (200, 60)])
    func `no size of terminal is written beyond`(_ columns: Int, _ rows: Int) throws {
        let sample = try sample(apps: 50, generations: [(1, .live)])
        for offset in [0, 5, 1000] {
            for note in [nil, "the server does not answer"] {
                let lines = screen(columns, rows, offset: offset).lines(sample, title: "passenger", note: note)
                #expect(lines.count <= rows && lines.allSatisfy { $0.count <= max(1, columns - 1) }, "\(lines)")
            }
        }
        #expect(screen(columns, rows).lines(nil, title: "passenger", note: nil).allSatisfy { $0.count <= columns })
    }

    @Test func `the busiest app comes first, and what does not fit can be scrolled to`() throws {
        let sample = try sample(apps: 50, generations: [(1, .live)])
        let first = screen(80, 24).lines(sample, title: "passenger", note: nil)
        #expect(first[4].hasPrefix("app0 g1 live") && first[22].hasPrefix("app18 "))
        #expect(first[23].hasPrefix("31 more below"))
        let view = screen(80, 24, offset: 1000)
        #expect(view.lastOffset(sample) == 31)
        let last = view.lines(sample, title: "passenger", note: nil)
        #expect(last[4].hasPrefix("app31 ") && last[22].hasPrefix("app49 ") && last[23].hasPrefix("q ends"))
        #expect(TopScreen.plain(sample, title: "passenger").count == 54)
    }

    @Test func `numbers stay within five characters`() {
        #expect(
            [0, 0.01, 9.96, 99.94, 99.96, 12_345, 123_456].map(TopScreen.rate) == [
                "0.0", "<0.1", "10.0", "99.9", "100", "12345", "123k",
            ])
        #expect(
            [nil, 0.0005, 0.00994, 0.01, 0.9994, 1, 59.96, 600].map(TopScreen.time) == [
                "-", "0.5ms", "9.9ms", "10ms", "999ms", "1.0s", "60.0s", "600s",
            ])
        #expect([1 << 10, 240 << 20, 1536 << 20, 5 << 40].map(TopScreen.size) == ["1.0K", "240M", "1.5G", "5.0T"])
    }

    @Test func `keys end and scroll`() {
        for keys in ["q", "Q", "\u{3}", "\u{1B}[Aq"] { #expect(TopKey(Array(keys.utf8)) == .end) }
        #expect(TopKey(Array("\u{1B}[A".utf8)) == .up && TopKey(Array("j".utf8)) == .down)
        #expect(TopKey([]) == nil && TopKey(Array("x".utf8)) == nil)
    }
}
