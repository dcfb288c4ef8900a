/// The last lines that a worker wrote: what a failed boot shows.
struct OutputTail {
    static let maxLines = 50
    private(set) var lines: [String] = []

    mutating func append(_ new: [String]) {
        lines += new
        if lines.count > Self.maxLines { lines.removeFirst(lines.count - Self.maxLines) }
    }
}
