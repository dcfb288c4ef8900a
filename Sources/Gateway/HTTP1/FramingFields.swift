/// Content-Length and Transfer-Encoding of one head, as RFC 9112 section 6 wants them read and with none of its leniency:
/// what two programs could read differently is refused.
struct FramingFields: Sendable {
    private(set) var contentLength: Int?
    private(set) var hasTransferEncoding = false
    private var chunked = false
    private var unknownCoding = false

    /// Only digits, only once. Even equal repeated values are refused.
    mutating func addContentLength(_ base: UnsafePointer<UInt8>, _ value: ByteRange) throws(Rejection) {
        guard contentLength == nil else { throw .repeatedContentLength }
        // 19 digits is the most that can fit; leading zeros are digits like others.
        guard !value.isEmpty, value.count <= 19 else { throw .badContentLength }
        var total = 0
        for at in Int(value.start)..<Int(value.end) {
            guard Bytes.isDigit(base[at]) else { throw .badContentLength }
            let (tens, tooLarge) = total.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = tens.addingReportingOverflow(Int(base[at] &- UInt8(ascii: "0")))
            guard !tooLarge, !overflow else { throw .badContentLength }
            total = sum
        }
        contentLength = total
    }

    /// A list of tokens. Empty elements and parameters are refused, chunked must be the last of all fields' elements.
    mutating func addTransferEncoding(_ base: UnsafePointer<UInt8>, _ value: ByteRange) throws(Rejection) {
        hasTransferEncoding = true
        var at = Int(value.start)
        let end = Int(value.end)
        while true {
            while at < end, Bytes.isBlank(base[at]) { at += 1 }
            let start = at
            at = Bytes.endOfToken(base, at, end)
            guard at > start else { throw .badTransferEncoding }
            if chunked { throw .chunkedNotLast }
            if Bytes.equalToken(base + start, at - start, "chunked") { chunked = true } else { unknownCoding = true }
            while at < end, Bytes.isBlank(base[at]) { at += 1 }
            if at == end { return }
            guard base[at] == UInt8(ascii: ",") else { throw .badTransferEncoding }
            at += 1
        }
    }

    /// What the fields say together, once all are read.
    func resolve(versionMinor: UInt8) throws(Rejection) -> BodyFraming {
        guard hasTransferEncoding else { return contentLength.map(BodyFraming.length) ?? .none }
        if versionMinor == 0 { throw .transferEncodingInHTTP10 }
        if contentLength != nil { throw .lengthAndTransferEncoding }
        if unknownCoding { throw .unknownTransferCoding }
        return .chunked
    }
}

/// The options of the Connection field (RFC 9110 section 7.6.1).
struct ConnectionOptions: Sendable {
    private(set) var close = false
    private(set) var keepAlive = false
    private(set) var upgrade = false
    /// Fields are named that would not be dropped anyway.
    private(set) var namesFields = false

    mutating func add(_ base: UnsafePointer<UInt8>, _ value: ByteRange) {
        Self.forEachElement(base, value) { start, count in
            if Bytes.equalToken(base + start, count, "close") {
                close = true
            } else if Bytes.equalToken(base + start, count, "keep-alive") {
                keepAlive = true
            } else if Bytes.equalToken(base + start, count, "upgrade") {
                upgrade = true
            } else {
                namesFields = namesFields || !FieldSet.hopByHop.contains(FieldName.lookUp(base + start, count))
            }
        }
    }

    func persists(versionMinor: UInt8) -> Bool { !close && (versionMinor > 0 || keepAlive) }

    /// The tokens of a comma-separated list; anything else in it is skipped, it can name no field.
    @inline(__always)
    static func forEachElement(
        _ base: UnsafePointer<UInt8>, _ value: ByteRange, _ body: (_ start: Int, _ count: Int) -> Void
    ) {
        var at = Int(value.start)
        let end = Int(value.end)
        while at < end {
            let start = at
            at = Bytes.endOfToken(base, at, end)
            if at > start { body(start, at &- start) } else { at &+= 1 }
        }
    }
}
