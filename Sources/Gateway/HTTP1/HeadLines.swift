/// Cuts a growing buffer into lines. Remembers how far it has looked, so that a head that comes byte by byte costs no more
/// to search than one that comes at once.
struct HeadLines: Sendable {
    enum Next {
        /// `start..<end` is the line without its CRLF.
        case line(start: Int, end: Int)
        case needMore
        case rejected(Rejection)
    }

    private(set) var lineStart = 0
    private var searched = 0

    /// The checks come in an order that makes the answer the same however the bytes were cut up on their way: a limit is
    /// judged before a line's content, on a whole line as on an unfinished one.
    @inline(__always)
    mutating func next(
        _ base: UnsafePointer<UInt8>, _ count: Int, limit: Int, lineLimit: Int = .max
    ) -> Next {
        guard let lineFeed = Bytes.find(Bytes.lineFeed, base, max(searched, lineStart), count) else {
            searched = count
            // One byte more than the limit may be a CR.
            if lineLimit < .max, count &- lineStart > lineLimit &+ 1 { return .rejected(.targetTooLong) }
            return count >= limit ? .rejected(.headTooLarge) : .needMore
        }
        let start = lineStart
        let hasReturn = lineFeed > start && base[lineFeed &- 1] == Bytes.carriageReturn
        let end = hasReturn ? lineFeed &- 1 : lineFeed
        if end &- start > lineLimit { return .rejected(.targetTooLong) }
        if lineFeed &+ 1 > limit { return .rejected(.headTooLarge) }
        guard hasReturn else { return .rejected(.bareLineFeed) }
        lineStart = lineFeed &+ 1
        return .line(start: start, end: end)
    }
}
