/// The chunk framing of RFC 9112 section 7.1 as a byte-by-byte machine, strict: CRLF only, no white space around the size,
/// bounded extensions and trailers.
struct ChunkFraming: Sendable {
    /// What the machine expects next.
    private enum State: Sendable, Equatable {
        /// The first digit of a size.
        case sizeStart
        case size
        /// After a semicolon, where a name must begin; then in that name.
        case extensionStart, extensionName
        /// After the equals sign; then in a token, in a quoted string, after a backslash in it, after its end.
        case extensionValue, extensionToken, extensionQuoted, extensionEscape, extensionQuoteEnd
        /// LF after a size line.
        case sizeLineFeed
        case data
        case dataReturn, dataLineFeed
        /// A trailer field, or the CR of the empty line that ends the body.
        case trailerStart
        case trailerName, trailerValue, trailerLineFeed
        case lastLineFeed
        case done
        case failed(ChunkRejection)
    }

    private let limits: ChunkLimits
    private var state: State = .sizeStart
    /// Of the chunk: its size while that is read, then what is missing of its data.
    private var remaining: UInt64 = 0
    private var digits = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerName = TrailerName()

    init(limits: ChunkLimits) { self.limits = limits }

    mutating func next(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) -> ChunkedDecoder.Event {
        while true {
            switch state {
            case .done: return .end
            case .failed(let reason): return .rejected(reason)
            case .data where offset < bytes.count:
                let start = offset
                let length = Int(min(remaining, UInt64(bytes.count - offset)))
                offset += length
                remaining -= UInt64(length)
                if remaining == 0 { state = .dataReturn }
                return .data(ByteRange(start, offset))
            case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed:
                if let event = trailer(bytes, at: &offset) { return event }
            default:
                guard offset < bytes.count else { return .needMore }
                state = after(bytes[offset])
                offset += 1
            }
        }
    }

    /// The state after one byte outside data and trailers.
    private mutating func after(_ byte: UInt8) -> State {
        switch state {
        case .sizeStart, .size: return afterSizeByte(byte)
        case .extensionStart, .extensionName, .extensionValue, .extensionToken, .extensionQuoted, .extensionEscape,
            .extensionQuoteEnd:
            return afterExtensionByte(byte)
        case .sizeLineFeed:
            guard byte == Bytes.lineFeed else { return .failed(.missingCRLF) }
            return remaining == 0 ? .trailerStart : .data
        case .dataReturn: return byte == Bytes.carriageReturn ? .dataLineFeed : .failed(.missingCRLF)
        case .dataLineFeed:
            guard byte == Bytes.lineFeed else { return .failed(.missingCRLF) }
            digits = 0
            return .sizeStart
        case .lastLineFeed: return byte == Bytes.lineFeed ? .done : .failed(.missingCRLF)
        default: return state
        }
    }

    private mutating func afterSizeByte(_ byte: UInt8) -> State {
        if let digit = Bytes.hexadecimalDigit(byte) {
            digits += 1
            // 16 digits are 64 bits; more of them, even zeros, serve only to confuse.
            guard digits <= 16 else { return .failed(.sizeTooLarge) }
            remaining = remaining << 4 | UInt64(digit)
            return remaining > UInt64(Int.max) ? .failed(.sizeTooLarge) : .size
        }
        guard digits > 0 else { return .failed(.badSize) }
        if byte == Bytes.carriageReturn { return .sizeLineFeed }
        if byte == Bytes.lineFeed { return .failed(.missingCRLF) }
        return byte == UInt8(ascii: ";") ? .extensionStart : .failed(.badSize)
    }

    /// RFC 9112 section 7.1.1, without the white space that only bad senders put there.
    private mutating func afterExtensionByte(_ byte: UInt8) -> State {
        if byte == Bytes.carriageReturn {
            let isWhole = state == .extensionName || state == .extensionToken || state == .extensionQuoteEnd
            return isWhole ? .sizeLineFeed : .failed(.badExtension)
        }
        extensionBytes += 1
        if extensionBytes > limits.extensions { return .failed(.extensionTooLong) }
        switch (state, byte) {
        case (.extensionName, UInt8(ascii: "=")): return .extensionValue
        case (.extensionName, UInt8(ascii: ";")), (.extensionToken, UInt8(ascii: ";")),
            (.extensionQuoteEnd, UInt8(ascii: ";")):
            return .extensionStart
        case (.extensionValue, UInt8(ascii: "\"")): return .extensionQuoted
        case (.extensionQuoted, UInt8(ascii: "\"")): return .extensionQuoteEnd
        case (.extensionQuoted, UInt8(ascii: "\\")): return .extensionEscape
        case (.extensionQuoted, _), (.extensionEscape, _):
            return Self.isFieldByte(byte) ? .extensionQuoted : .failed(.badExtension)
        case (.extensionStart, _), (.extensionName, _):
            return Bytes.isToken(byte) ? .extensionName : .failed(.badExtension)
        case (.extensionValue, _), (.extensionToken, _):
            return Bytes.isToken(byte) ? .extensionToken : .failed(.badExtension)
        default: return .failed(.badExtension)
        }
    }

    /// Goes on in the trailer section, to the end of a line or of the bytes; nil when it ended without a trailer byte.
    private mutating func trailer(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) -> ChunkedDecoder.Event? {
        let start = offset
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            if state == .trailerStart, byte == Bytes.carriageReturn {
                state = .lastLineFeed
                return nil
            }
            trailerBytes += 1
            state = trailerBytes > limits.trailers ? .failed(.trailerTooLong) : afterTrailerByte(byte)
            if case .failed = state { return nil }
            if state == .trailerStart { break }
        }
        return offset > start ? .trailer(ByteRange(start, offset)) : .needMore
    }

    private mutating func afterTrailerByte(_ byte: UInt8) -> State {
        switch state {
        case .trailerStart where Bytes.isToken(byte):
            trailerName = TrailerName()
            trailerName.append(byte)
            return .trailerName
        case .trailerName where byte == UInt8(ascii: ":"):
            return FieldSet.forbiddenTrailers.contains(trailerName.field) ? .failed(.forbiddenTrailer) : .trailerValue
        case .trailerName where Bytes.isToken(byte):
            trailerName.append(byte)
            return .trailerName
        case .trailerValue where byte == Bytes.carriageReturn: return .trailerLineFeed
        case .trailerValue where Self.isFieldByte(byte): return .trailerValue
        case .trailerLineFeed where byte == Bytes.lineFeed: return .trailerStart
        default: return .failed(.badTrailer)
        }
    }

    private static func isFieldByte(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7f) || byte == 9 }
}

/// The name of a trailer field that may come in pieces; only as much as the longest well-known name is kept.
private struct TrailerName: Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private var count = 0

    mutating func append(_ byte: UInt8) {
        if count < 32 { withUnsafeMutableBytes(of: &words) { $0[count] = byte } }
        count += 1
    }

    var field: FieldName {
        guard count <= 32 else { return .other }
        return withUnsafeBytes(of: words) { bytes in
            guard let base = bytes.baseAddress else { return .other }
            return FieldName.lookUp(base.assumingMemoryBound(to: UInt8.self), count)
        }
    }
}

extension FieldSet {
    /// RFC 9110 section 6.5.1: nothing that frames, routes, authenticates or describes the message may come after it.
    static let forbiddenTrailers: FieldSet = hopByHop.union(forwarding).union([
        .host, .authorization, .cookie, .setCookie, .cacheControl, .contentType, .contentEncoding, .range, .location,
        .status, .xAccelRedirect, .xSendfile,
    ])
}
