import Terminal
import Testing

struct FormatTests {
    @Test(arguments: [
        (0, "0 ms"), (0.0004, "0.4 ms"), (0.0124, "12 ms"), (0.25, "250 ms"), (0.9996, "1.0 s"), (3.24, "3.2 s"),
        (59.96, "1 m 00 s"), (125, "2 m 05 s"), (11_520, "3 h 12 m"), (356_400, "4 d 3 h"), (-1, "-"),
        (.infinity, "-"),
    ])
    func `Durations`(_ seconds: Double, _ text: String) {
        #expect(HumanFormat.duration(seconds: seconds) == text)
    }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (1536, "1.5 KB"), (12 << 20, "12 MB"), (1 << 30, "1.0 GB"),
        (3 << 40, "3.0 TB"), (1_048_575, "1.0 MB"),
    ])
    func `Sizes`(_ bytes: Int, _ text: String) {
        #expect(HumanFormat.size(bytes: bytes) == text)
    }

    @Test func `Nouns follow their number`() {
        #expect(HumanFormat.count(1, "worker") == "1 worker")
        #expect(HumanFormat.count(0, "worker") == "0 workers")
    }

    @Test(arguments: [
        ("plain", "plain"), ("\u{1B}[31mred\u{1B}[0m", "red"), ("a\rb\u{7}", "ab"), ("a\tb", "a    b"),
        ("\u{1B}]0;title\u{7}x", "x"), ("\u{1B}]8;;u\u{1B}\\link", "link"), ("\u{1B}", ""), ("\u{1B}[", ""),
        ("\u{9B}31mx", "31mx"), ("ä✓", "ä✓"),
    ])
    func `What would draw on the screen is taken out`(_ raw: String, _ shown: String) {
        #expect(raw.showable == shown)
    }

    @Test func `Long text is cut to the width with a mark`() {
        #expect("abcdef".fitted(to: 6) == "abcdef")
        #expect("abcdefg".fitted(to: 6) == "abcde…")
        #expect("abcdefg".fitted(to: 6, unicode: false) == "abc...")
        #expect("abcdefg".fitted(to: 1) == "a")
        #expect("abcdefg".fitted(to: 0) == "")
    }
}

struct TerminalTraitsTests {
    private let terminal = ["TERM": "xterm-256color", "LANG": "C.UTF-8"]

    @Test func `A terminal is live, coloured and as wide as it is`() {
        let traits = TerminalTraits(width: 100, environment: terminal)
        #expect(traits == TerminalTraits(isLive: true, hasColour: true, hasUnicode: true, columns: 100))
    }

    @Test func `A pipe is plain`() {
        #expect(TerminalTraits(width: nil, environment: terminal) == .plain)
    }

    @Test func `NO_COLOR, CI and dumb terminals are respected, empty variables are none`() {
        func with(_ name: String, _ value: String) -> TerminalTraits {
            TerminalTraits(width: 80, environment: terminal.merging([name: value]) { $1 })
        }
        #expect(!with("NO_COLOR", "1").hasColour)
        #expect(with("NO_COLOR", "").hasColour)
        #expect(!with("CI", "true").isLive)
        #expect(!with("TERM", "dumb").isLive)
        #expect(!with("TERM", "dumb").hasColour)
        #expect(!with("LANG", "C").hasUnicode)
        #expect(with("LC_ALL", "de_DE.utf8").hasUnicode)
        #expect(TerminalTraits(width: 0, environment: terminal).columns == 80)
    }
}
