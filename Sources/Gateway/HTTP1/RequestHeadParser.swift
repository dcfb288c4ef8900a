/// Parses request heads, strictly (DESIGN section 9), as their bytes arrive.
///
/// `bytes` of each call starts at the head's first byte and is as long as what was received so far. Looked-at lines are
/// not looked at again. The parser is ready for the next message after `.complete`; after `.rejected` it is not, call
/// `reset()`.
package struct RequestHeadParser: Sendable {
    private enum Phase { case start, afterEmptyLine, fields }

    private let limits: HeadLimits
    private var phase: Phase = .start
    private var lines = HeadLines()
    private var framing = FramingFields()
    private var connection = ConnectionOptions()
    /// `FieldLine.nameBit` of the names that are not well known.
    private var otherNames: UInt64 = 0
    private var hostField: ByteRange?

    package init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

    /// Forget an unfinished message.
    package mutating func reset() { self = RequestHeadParser(limits: limits) }

    package mutating func parse(_ bytes: UnsafeRawBufferPointer, into head: inout RequestHead) -> HeadResult {
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), !bytes.isEmpty else {
            return .needMore
        }
        do throws(Rejection) {
            guard let length = try parse(base, bytes.count, into: &head) else { return .needMore }
            reset()
            return .complete(headLength: length)
        } catch {
            return .rejected(error)
        }
    }

    /// The head's length once it is complete, nil before.
    private mutating func parse(
        _ base: UnsafePointer<UInt8>, _ count: Int, into head: inout RequestHead
    ) throws(Rejection) -> Int? {
        if phase != .fields {
            if phase == .start, lines.lineStart == 0 { head.reset() }
            guard try parseStartLine(base, count, into: &head) else { return nil }
        }
        while true {
            switch lines.next(base, count, limit: limits.head) {
            case .needMore: return nil
            case .rejected(let reason): throw reason
            case .line(let start, let end):
                if start == end {
                    try finish(base, &head)
                    return lines.lineStart
                }
                try addField(base, start, end, into: &head)
            }
        }
    }

    /// False when more bytes are needed. One empty line before it is skipped (RFC 9112 section 2.2): some old clients send
    /// one after a POST body.
    private mutating func parseStartLine(
        _ base: UnsafePointer<UInt8>, _ count: Int, into head: inout RequestHead
    ) throws(Rejection) -> Bool {
        while true {
            guard lines.lineStart < count else { return false }
            try checkFirstBytes(base, lines.lineStart, count)
            switch lines.next(base, count, limit: limits.head, lineLimit: limits.startLine) {
            case .needMore: return false
            case .rejected(let reason): throw reason
            case .line(let start, let end) where start == end: phase = .afterEmptyLine
            case .line(let start, let end):
                try RequestLine.parse(base, start, end, into: &head)
                phase = .fields
                return true
            }
        }
    }

    /// Tells TLS, or whatever else came to the wrong port, from HTTP by its first byte instead of waiting for a line end.
    private func checkFirstBytes(_ base: UnsafePointer<UInt8>, _ start: Int, _ count: Int) throws(Rejection) {
        let first = base[start]
        if Bytes.isToken(first) { return }
        guard phase == .start else { throw .badStartOfMessage }
        if first == Bytes.lineFeed { throw .bareLineFeed }
        guard first == Bytes.carriageReturn else { throw .badStartOfMessage }
        if start + 1 < count, base[start + 1] != Bytes.lineFeed { throw .bareCarriageReturn }
    }

    @inline(__always)
    private mutating func addField(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, into head: inout RequestHead
    ) throws(Rejection) {
        guard head.fields.count < limits.fields else { throw .tooManyFields }
        let field = try FieldLine.parse(base, start, end)
        head.fields.append(field)
        guard field.id != .other else {
            if Bytes.find(UInt8(ascii: "_"), base, start, Int(field.name.end)) != nil {
                head.hasUnderscoreHeader = true
            }
            let bit = FieldLine.nameBit(base, field.name)
            if otherNames & bit != 0 { head.mayRepeatFields = true }
            otherNames |= bit
            return
        }
        if head.known.contains(field.id) { head.mayRepeatFields = true }
        head.known.insert(field.id)
        try inspect(field, base, &head)
    }

    private mutating func inspect(
        _ field: HeaderField, _ base: UnsafePointer<UInt8>, _ head: inout RequestHead
    ) throws(Rejection) {
        switch field.id {
        case .host:
            guard hostField == nil else { throw .repeatedHost }
            hostField = field.value
        case .contentLength: try framing.addContentLength(base, field.value)
        case .transferEncoding: try framing.addTransferEncoding(base, field.value)
        case .connection: connection.add(base, field.value)
        case .upgrade: if head.upgradeProtocol.isEmpty { head.upgradeProtocol = field.value }
        case .expect where head.versionMinor > 0:
            let value = field.value
            let isToken = value.of(UnsafeRawBufferPointer(start: base, count: Int(value.end))).allSatisfy(Bytes.isToken)
            guard isToken, Bytes.equalToken(base + Int(value.start), value.count, "100-continue") else {
                throw .unknownExpectation
            }
            head.expectContinue = true
        default: break
        }
    }

    private func finish(_ base: UnsafePointer<UInt8>, _ head: inout RequestHead) throws(Rejection) {
        if let host = hostField {
            guard let nameEnd = HostValue.nameEnd(base, Int(host.start), Int(host.end)) else { throw .badHost }
            // The target's authority goes before the Host field (RFC 9112 section 3.2.2).
            if head.host.isEmpty {
                head.host = host
                head.hostName = ByteRange(Int(host.start), nameEnd)
            }
        } else if head.versionMinor > 0 {
            throw .missingHost
        }
        head.body = try framing.resolve(versionMinor: head.versionMinor)
        head.keepAlive = connection.persists(versionMinor: head.versionMinor)
        head.upgrade = connection.upgrade && !head.upgradeProtocol.isEmpty && head.versionMinor > 0
        head.connectionNamesFields = connection.namesFields
    }
}
