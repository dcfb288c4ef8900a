import AdminAPI

/// The last lines that an app wrote, by number and by size. Each has a number of its own, so that a reader knows what it missed.
struct LogRing {
    static let mostLines = 2000
    static let mostBytes = 128 << 10

    struct Batch: Equatable {
        var lines: [LogLine]
        /// Were forgotten before the reader came to them.
        var skipped: Int
        /// Where to go on.
        var next: UInt64
    }

    /// Those before `start` are forgotten, and removed when there are as many of them as of the others.
    private var lines: [LogLine] = []
    private var start = 0
    private var bytes = 0
    /// Number of the next line.
    private(set) var next: UInt64 = 0
    var count: Int { lines.count - start }
    private var first: UInt64 { next - UInt64(count) }

    mutating func append(_ line: LogLine) {
        lines.append(line)
        bytes += Self.size(line)
        next += 1
        while count > Self.mostLines || bytes > Self.mostBytes && count > 1 {
            bytes -= Self.size(lines[start])
            start += 1
        }
        if start > count {
            lines.removeFirst(start)
            start = 0
        }
    }

    /// The number of the line from which on there are `count` that match.
    func position(ofLast wanted: Int, where matches: (LogLine) -> Bool) -> UInt64 {
        var (left, index) = (wanted, lines.count)
        while index > start, left > 0 {
            index -= 1
            if matches(lines[index]) { left -= 1 }
        }
        return first + UInt64(index - start)
    }

    /// At most `limit` lines are looked at, from number `position` on.
    func read(from position: UInt64, limit: Int, where matches: (LogLine) -> Bool) -> Batch {
        let skipped = position < first ? Int(first - position) : 0
        let begin = start + Int(max(position, first) - first)
        let end = min(begin + limit, lines.count)
        return Batch(
            lines: lines[begin..<end].filter(matches), skipped: skipped, next: first + UInt64(end - start))
    }

    private static func size(_ line: LogLine) -> Int { line.text.utf8.count + 64 }
}
