package import HTTP1

/// What a GET or HEAD of a file is answered with: decided here from the request's fields, sent by the caller. The answer
/// keeps the file open.
package struct FileAnswer: Sendable {
    /// A part of a multipart body.
    package enum Piece: Equatable, Sendable {
        case bytes([UInt8])
        /// Offsets in the file.
        case file(Range<Int>)
    }

    package enum Body: Equatable, Sendable {
        /// Nothing follows the head: HEAD, 304, 412, 416.
        case none
        /// For sendfile(2).
        case file(Range<Int>)
        /// multipart/byteranges
        case pieces([Piece])
    }

    /// 200, 206, 304, 412 or 416.
    package let status: Int
    package let file: OpenFile
    package let body: Body
    /// Length of the body, or what it would be for GET.
    package let contentLength: Int
    /// Of a single range.
    let range: Range<Int>?
    /// Of a multipart body.
    let boundary: UInt64?

    /// - Parameters:
    ///   - bytes: what `head` was parsed from.
    ///   - boundary: a random number for a multipart body, which the file's bytes must not be able to foresee. Asked for
    ///     when there is one.
    package static func plan(
        _ file: StaticFile, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, boundary: () -> UInt64
    ) -> FileAnswer {
        let chosen = file.hasVariants ? AcceptedCodings(head, bytes).choose(from: file) : file.plain
        return plan(chosen, head, bytes, boundary: boundary)
    }

    package static func plan(
        _ file: OpenFile, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, boundary: () -> UInt64
    ) -> FileAnswer {
        guard head.known.bits & FileAnswer.interesting.bits != 0 else { return whole(file, head) }
        let preconditions = Preconditions(head: head, bytes: bytes)
        switch preconditions.verdict(on: file) {
        case .notModified: return FileAnswer(304, file, .none, contentLength: 0)
        case .failed: return FileAnswer(412, file, .none, contentLength: 0)
        case .proceed: break
        }
        // Range means nothing with HEAD (RFC 9110 section 14.2).
        guard head.method == .get, let value = preconditions.single(.range), preconditions.rangeCounts(for: file) else {
            return whole(file, head)
        }
        switch RangeSet(value, size: file.size) {
        case .ignored: return whole(file, head)
        case .unsatisfiable: return FileAnswer(416, file, .none, contentLength: 0)
        case .ranges(let ranges):
            if ranges.count > 1 { return multipart(file, ranges, boundary: boundary()) }
            return FileAnswer(206, file, .file(ranges[0]), contentLength: ranges[0].count, range: ranges[0])
        }
    }

    /// Without regard to conditions and ranges: for an app's answer whose status is not 200.
    package static func whole(_ file: OpenFile, _ head: RequestHead) -> FileAnswer {
        let body: Body = head.method == .head || file.size == 0 ? .none : .file(0..<file.size)
        return FileAnswer(200, file, body, contentLength: file.size)
    }

    private static let interesting = Preconditions.fields.union([.range])

    init(
        _ status: Int, _ file: OpenFile, _ body: Body, contentLength: Int, range: Range<Int>? = nil,
        boundary: UInt64? = nil
    ) {
        self.status = status
        self.file = file
        self.body = body
        self.contentLength = contentLength
        self.range = range
        self.boundary = boundary
    }
}
