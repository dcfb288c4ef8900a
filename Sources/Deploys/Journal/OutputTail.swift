/// The end of a command's output, bounded: what a journal keeps of it.
package struct OutputTail: Sendable, Equatable {
    package static let limit = 64 << 10

    private var lines: [String] = []
    private var bytes = 0
    private var isCut = false

    package init() {}

    package mutating func append(_ line: String) {
        let line = line.utf8.count < OutputTail.limit ? line : String(line.suffix(OutputTail.limit / 8))
        lines.append(line)
        bytes += line.utf8.count + 1
        guard bytes > OutputTail.limit else { return }
        // Half at once, so that a chatty build does not move the array for every line.
        isCut = true
        var dropped = 0
        while bytes > OutputTail.limit / 2 {
            bytes -= lines[dropped].utf8.count + 1
            dropped += 1
        }
        lines.removeFirst(dropped)
    }

    package var text: String { (isCut ? ["[… earlier output was cut]"] : []).joined() + (isCut ? "\n" : "") + body }

    package func last(_ count: Int) -> [String] { Array(lines.suffix(count)) }

    private var body: String { lines.joined(separator: "\n") }
}
