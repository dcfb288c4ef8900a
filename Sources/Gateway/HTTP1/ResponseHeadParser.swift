/// Parses response heads of workers, as strictly as request heads: what could end one response early in a reader's eyes
/// would let an app's input split it. Ready for the next head after `.complete` (the final one after a 1xx).
package struct ResponseHeadParser: Sendable {
    private let limits: HeadLimits
    private var inFields = false
    private var lines = HeadLines()
    private var framing = FramingFields()
    private var connection = ConnectionOptions()

    package init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

    /// Forget an unfinished message.
    package mutating func reset() { self = ResponseHeadParser(limits: limits) }

    /// `requestMethod` decides whether there is a body.
    package mutating func parse(
        _ bytes: UnsafeRawBufferPointer, requestMethod: Method, into head: inout ResponseHead
    ) -> HeadResult {
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), !bytes.isEmpty else {
            return .needMore
        }
        do throws(Rejection) {
            guard let length = try parse(base, bytes.count, requestMethod, into: &head) else { return .needMore }
            reset()
            return .complete(headLength: length)
        } catch {
            return .rejected(error)
        }
    }

    private mutating func parse(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ requestMethod: Method, into head: inout ResponseHead
    ) throws(Rejection) -> Int? {
        if !inFields { try checkFirstBytes(base, count) }
        while true {
            switch lines.next(base, count, limit: limits.head) {
            case .needMore: return nil
            case .rejected(let reason): throw reason
            case .line(let start, let end) where !inFields:
                head.reset()
                try parseStatusLine(base, start, end, into: &head)
                inFields = true
            case .line(let start, let end) where start == end:
                try finish(requestMethod, &head)
                return lines.lineStart
            case .line(let start, let end): try addField(base, start, end, into: &head)
            }
        }
    }

    /// A worker that speaks something else is found out at once, not at a time limit.
    private func checkFirstBytes(_ base: UnsafePointer<UInt8>, _ count: Int) throws(Rejection) {
        let prefix: StaticString = "HTTP/"
        for at in 0..<min(count, prefix.utf8CodeUnitCount) where base[at] != prefix.utf8Start[at] {
            throw .badStatusLine
        }
    }

    /// `HTTP/1.1 200 OK`. The space after the status may be missing when there is no reason: harmless, and some send it so.
    private func parseStatusLine(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, into head: inout ResponseHead
    ) throws(Rejection) {
        guard end - start >= 12, base[start + 8] == 32 else { throw .badStatusLine }
        head.versionMinor = try RequestLine.version(base, start, start + 8)
        var status = 0
        for at in (start + 9)..<(start + 12) {
            guard Bytes.isDigit(base[at]) else { throw .badStatusLine }
            status = status * 10 + Int(base[at] - UInt8(ascii: "0"))
        }
        guard status >= 100, end - start == 12 || base[start + 12] == 32 else { throw .badStatusLine }
        let reason = min(start + 13, end)
        guard Bytes.isFieldContent(base, reason, end) else { throw .badStatusLine }
        head.status = status
        head.reason = ByteRange(reason, end)
    }

    private mutating func addField(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, into head: inout ResponseHead
    ) throws(Rejection) {
        guard head.fields.count < limits.fields else { throw .tooManyFields }
        let field = try FieldLine.parse(base, start, end)
        head.fields.append(field)
        guard field.id != .other else { return }
        head.known.insert(field.id)
        switch field.id {
        case .contentLength: try framing.addContentLength(base, field.value)
        case .transferEncoding: try framing.addTransferEncoding(base, field.value)
        case .connection: connection.add(base, field.value)
        default: break
        }
    }

    /// RFC 9112 section 6.3.
    private func finish(_ requestMethod: Method, _ head: inout ResponseHead) throws(Rejection) {
        let stated = try framing.resolve(versionMinor: head.versionMinor)
        head.contentLength = framing.contentLength
        head.keepAlive = connection.persists(versionMinor: head.versionMinor)
        head.connectionNamesFields = connection.namesFields
        head.upgrade = head.status == 101
        if head.status < 200 || head.status == 204 {
            head.framing = .none
            // It must not have a body, yet announces one: whatever follows is not the next response.
            if stated != .none && stated != .length(0) { head.keepAlive = false }
        } else if head.status == 304 || requestMethod == .head {
            head.framing = .none
        } else {
            switch stated {
            case .length(let length): head.framing = .length(length)
            case .chunked: head.framing = .chunked
            case .none:
                head.framing = .untilClose
                head.keepAlive = false
            }
        }
    }
}
