/// Why chunk framing was refused. For a request: 400 and close; for a response: the exchange is broken off.
package enum ChunkRejection: UInt8, Error, CaseIterable, Sendable, CustomStringConvertible {
    case badSize, sizeTooLarge, badExtension, extensionTooLong, missingCRLF, badTrailer, trailerTooLong
    case forbiddenTrailer

    package var description: String {
        switch self {
        case .badSize: "a chunk size is not hexadecimal (RFC 9112 section 7.1)"
        case .sizeTooLarge: "a chunk size is too large (RFC 9112 section 7.1)"
        case .badExtension: "a chunk extension is malformed (RFC 9112 section 7.1.1)"
        case .extensionTooLong: "chunk extensions are too long (RFC 9112 section 7.1.1)"
        case .missingCRLF: "chunk framing has no CRLF where one belongs (RFC 9112 section 7.1)"
        case .badTrailer: "a trailer field is malformed (RFC 9112 section 7.1.2)"
        case .trailerTooLong: "the trailer section is too long (RFC 9112 section 7.1.2)"
        case .forbiddenTrailer: "a field that must not be a trailer is one (RFC 9110 section 6.5.1)"
        }
    }
}

package struct ChunkLimits: Equatable, Sendable {
    /// Bytes of chunk extensions in one message.
    package var extensions: Int
    /// Bytes of the trailer section.
    package var trailers: Int

    package init(extensions: Int = 4 << 10, trailers: Int = 8 << 10) {
        self.extensions = extensions
        self.trailers = trailers
    }
}

/// Takes chunk framing off a body as it arrives. One value a message.
package struct ChunkedDecoder: Sendable {
    package enum Event: Equatable, Sendable {
        /// Body bytes, offsets into the bytes given.
        case data(ByteRange)
        /// A piece of the trailer section with its line ends, safe to drop.
        case trailer(ByteRange)
        /// All bytes given are used up.
        case needMore
        /// The body is complete; the next message starts at `offset`.
        case end
        case rejected(ChunkRejection)
    }

    private var framing: ChunkFraming

    package init(limits: ChunkLimits = ChunkLimits()) { framing = ChunkFraming(limits: limits) }

    /// The next event in `bytes` from `offset` on, which it moves. Call until `.needMore`, `.end` or `.rejected`.
    package mutating func next(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) -> Event {
        framing.next(bytes, at: &offset)
    }
}

/// Checks chunk framing and finds its end, so that a body can be passed through as it is, extensions and trailers too.
package struct ChunkedScanner: Sendable {
    package enum Result: Equatable, Sendable {
        /// All bytes belong to the body, and more follow.
        case more
        /// The first `length` bytes given are the rest of the body.
        case end(length: Int)
        case rejected(ChunkRejection)
    }

    private var framing: ChunkFraming

    package init(limits: ChunkLimits = ChunkLimits()) { framing = ChunkFraming(limits: limits) }

    package mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Result {
        var offset = 0
        while true {
            switch framing.next(bytes, at: &offset) {
            case .data, .trailer: continue
            case .needMore: return .more
            case .end: return .end(length: offset)
            case .rejected(let reason): return .rejected(reason)
            }
        }
    }
}
