import AdminAPI

/// Puts the lines of a trace together again that others wrote into. A line that goes on with the one before of its source, and
/// comes soon after it, belongs to its block; blocks come out in the order of their first lines. Times are the lines' own.
struct LogBlocks {
    private struct Block {
        var lines: [LogLine]
        var isOver = false
        var last: LogLine { lines[lines.count - 1] }
    }

    /// Between two lines of one block.
    static let patience = Duration.milliseconds(250)
    private static let mostLines = 1000
    private var open: [Block] = []

    /// What is complete now.
    mutating func feed(_ line: LogLine) -> [LogLine] {
        for index in open.indices where !open[index].isOver {
            let block = open[index]
            let isSoon = line.time - block.last.time <= Self.patience && block.lines.count < Self.mostLines
            guard block.last.source == line.source, block.last.stream == line.stream else {
                if !isSoon { open[index].isOver = true }
                continue
            }
            if isSoon, Self.goesOn(line.text, after: block.lines) {
                open[index].lines.append(line)
                return complete()
            }
            open[index].isOver = true
        }
        open.append(Block(lines: [line]))
        return complete()
    }

    /// Nothing more has come for as long as a block may take.
    mutating func flush() -> [LogLine] {
        defer { open = [] }
        return open.flatMap(\.lines)
    }

    var isEmpty: Bool { open.isEmpty }

    private mutating func complete() -> [LogLine] {
        let done = open.prefix { $0.isOver }
        open.removeFirst(done.count)
        return done.flatMap(\.lines)
    }

    /// As Ruby, Python and Node.js write their traces.
    private static func goesOn(_ text: String, after block: [LogLine]) -> Bool {
        if text.isEmpty || text.hasPrefix(" ") || text.hasPrefix("\t") { return true }
        let beginnings = [
            "from ", "Caused by", "Traceback (most recent call last)", "During handling of the above",
            "The above exception was", "... ", "}", "]",
        ]
        if beginnings.contains(where: { text.hasPrefix($0) }) { return true }
        // Python's last line says what it was, and is not indented.
        let isPython = block.contains { $0.text.hasPrefix("Traceback (most recent call last)") }
        return isPython && block[block.count - 1].text.hasPrefix(" ")
    }
}
