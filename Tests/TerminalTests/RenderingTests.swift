import Model
import Terminal
import Testing

private let colourless = TerminalTraits(isLive: true, hasColour: false, hasUnicode: true, columns: 60)

private func seconds(_ value: Double) -> Instant { Instant(nanoseconds: Int64(value * 1e9)) }

struct TableTests {
    private func table() -> Table {
        var table = Table([.init("NAME"), .init("PID", .right), .init("STATE")])
        table.add(["w1", "7", StyledText("ready", .good)])
        table.add(["worker2", "12345"])
        return table
    }

    @Test func `Columns are as wide as their widest cell, and no line ends in blanks`() {
        #expect(table().lines(.plain) == ["NAME       PID  STATE", "w1           7  ready", "worker2  12345"])
    }

    @Test func `Styles do not count as width`() {
        let traits = TerminalTraits(isLive: true, hasColour: true, hasUnicode: true, columns: 80)
        #expect(table().lines(traits)[1] == "w1           7  \u{1B}[32mready\u{1B}[0m")
    }

    @Test func `No line is wider than the terminal`() {
        for columns in 0...30 {
            let traits = TerminalTraits(isLive: true, hasColour: false, hasUnicode: true, columns: columns)
            for line in table().lines(traits) { #expect(line.count <= max(columns, 0)) }
        }
    }

    @Test func `Characters are counted, and not their bytes`() {
        var table = Table([.init("A"), .init("B")])
        table.add(["äöü€", "x"])
        table.add(["1234", "e\u{301}  "])
        #expect(table.lines(.plain) == ["A     B", "äöü€  x", "1234  e\u{301}"])
    }

    @Test func `Cells cannot bring their own escape sequences`() {
        var table = Table([.init("A")])
        table.add(["\u{1B}[2Jx\ny"])
        #expect(table.lines(.plain)[1] == "xy")
    }
}

struct LiveStepsTests {
    @Test func `A running step turns and counts, a finished one stays`() {
        var steps = LiveSteps(colourless)
        #expect(steps.show(.started(title: "fetch"), at: seconds(1)).hasPrefix("\r\u{1B}[K  ⠋ fetch"))
        #expect(steps.tick(at: seconds(2.24)).hasSuffix("1.2 s"))
        #expect(steps.show(.progress(text: "3 objects"), at: seconds(3)).hasSuffix("2.0 s  3 objects"))
        let done = steps.show(.finished(seconds: 2.5, failure: nil), at: seconds(3.5))
        #expect(done.hasPrefix("\r\u{1B}[K  ✓ fetch "))
        #expect(done.hasSuffix("2.5 s\n"))
        #expect(steps.tick(at: seconds(4)) == "")
    }

    @Test func `Output goes above the running step`() {
        var steps = LiveSteps(colourless)
        _ = steps.show(.started(title: "build"), at: seconds(0))
        let text = steps.show(.output(line: "\u{1B}[1mcompiling\u{1B}[0m"), at: seconds(1))
        #expect(text.hasPrefix("\r\u{1B}[K    compiling\n\r\u{1B}[K  ⠋ build"))
    }

    @Test func `A failed step says why`() {
        var steps = LiveSteps(colourless)
        _ = steps.show(.started(title: "build"), at: seconds(0))
        let text = steps.show(.finished(seconds: 1, failure: "exit status 2"), at: seconds(1))
        #expect(text.contains("✗ build"))
        #expect(text.hasSuffix("exit status 2\n"))
    }

    @Test func `The moving line never wraps, however narrow the terminal is`() {
        for columns in 1...60 {
            let traits = TerminalTraits(isLive: true, hasColour: false, hasUnicode: true, columns: columns)
            var steps = LiveSteps(traits)
            _ = steps.show(.started(title: "a title that is longer than most of them are"), at: seconds(0))
            let line = steps.show(.progress(text: String(repeating: "x", count: 200)), at: seconds(1))
            #expect(line.dropFirst("\r\u{1B}[K".count).count < max(columns, 5))
        }
    }

    @Test func `The end leaves no half line`() {
        var steps = LiveSteps(colourless)
        #expect(steps.end(at: seconds(9)) == "")
        _ = steps.show(.started(title: "build"), at: seconds(0))
        #expect(steps.end(at: seconds(9)) == "\r\u{1B}[K")
        #expect(steps.end(at: seconds(9)) == "")
    }

    @Test func `Without Unicode there is still a spinner`() {
        var steps = LiveSteps(TerminalTraits(isLive: true, hasColour: false, hasUnicode: false, columns: 80))
        #expect(steps.show(.started(title: "fetch"), at: seconds(0)).contains("  | fetch"))
        #expect(steps.show(.finished(seconds: 1, failure: nil), at: seconds(1)).contains("  + fetch"))
    }
}

struct PlainStepsTests {
    @Test func `One line a step, and no control characters`() {
        var steps = PlainSteps(.plain)
        var text = steps.show(.started(title: "fetch"), at: seconds(0))
        text += steps.show(.progress(text: "1 of 3"), at: seconds(0))
        text += steps.show(.finished(seconds: 0.5, failure: nil), at: seconds(1))
        text += steps.show(.started(title: "build"), at: seconds(1))
        text += steps.show(.output(line: "hello"), at: seconds(1))
        text += steps.show(.finished(seconds: 2, failure: "exit status 2"), at: seconds(3))
        text += steps.show(.note(StyledText("live: 41-abc", .strong)), at: seconds(3))
        #expect(text == "ok      fetch (500 ms)\nfailed  build (2.0 s): exit status 2\nlive: 41-abc\n")
    }

    @Test func `A long step is heard of now and then`() {
        var steps = PlainSteps(.plain, reminder: .seconds(30))
        _ = steps.show(.started(title: "build"), at: seconds(0))
        #expect(steps.tick(at: seconds(29)) == "")
        #expect(steps.tick(at: seconds(30)) == "...     build (30.0 s)\n")
        #expect(steps.tick(at: seconds(31)) == "")
        #expect(steps.tick(at: seconds(60)) == "...     build (1 m 00 s)\n")
    }

    @Test func `A long step says how far it is`() {
        var steps = PlainSteps(.plain, reminder: .seconds(30))
        _ = steps.show(.started(title: "fetch"), at: seconds(0))
        #expect(steps.show(.progress(text: "40% (2 of 5 objects)"), at: seconds(1)) == "")
        #expect(steps.tick(at: seconds(30)) == "...     fetch (30.0 s, 40% (2 of 5 objects))\n")
        _ = steps.show(.started(title: "build"), at: seconds(31))
        #expect(steps.tick(at: seconds(61)) == "...     build (30.0 s)\n")
    }

    @Test func `Output is shown when asked for`() {
        var steps = PlainSteps(.plain, showsOutput: true)
        #expect(steps.show(.started(title: "build"), at: seconds(0)) == "build ...\n")
        #expect(steps.show(.output(line: "hello"), at: seconds(0)) == "        hello\n")
    }
}

struct ExplanationTests {
    @Test func `A failure is told with step, cause, evidence and hint`() {
        let explanation = Explanation(
            headline: "Deploy 43 failed; 42-9be0d13 stays live.", step: "build", exit: "exit status 1",
            details: ["first\nsecond"], outputTail: ["\u{1B}[31mnpm ERR!"], hint: "Run npm ci.")
        #expect(
            explanation.lines(.plain) == [
                "error: Deploy 43 failed; 42-9be0d13 stays live.", "  step: build", "  ended with: exit status 1",
                "  first", "  second", "  last output:", "    npm ERR!", "  hint: Run npm ci.",
            ])
    }
}
