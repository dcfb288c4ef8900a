/// Why chunk framing was refused. For a request: 400 and close; for a response: the exchange is broken off.
package enum ChunkRejection: UInt8, Error, CaseIterable, Sendable {
    case badSize, sizeTooLarge, badExtension, extensionTooLong, missingCRLF, badTrailer, trailerTooLong
    case forbiddenTrailer
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

/// Takes chunk framing off a body as it arrives.
package struct ChunkedDecoder: Sendable {
    package enum Event: Equatable, Sendable {
        /// Body bytes, offsets into the bytes given.
        case data(ByteRange)
        /// A piece of the trailer section, with its line ends; checked, and safe to drop.
        case trailer(ByteRange)
        /// All bytes given are used up.
        case needMore
        /// The body is complete; the next message starts at `offset`.
        case end
        case rejected(ChunkRejection)
    }
    package init(limits: ChunkLimits = ChunkLimits()) {}
    /// The next event in `bytes` from `offset` on, which it moves. Call until `.needMore`, `.end` or `.rejected`.
    package mutating func next(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) -> Event { .needMore }
}

/// Checks chunk framing and finds its end, so that a body can be passed through as it is.
package struct ChunkedScanner: Sendable {
    package enum Result: Equatable, Sendable {
        /// All bytes belong to the body, and more follow.
        case more
        /// The first `length` bytes given are the rest of the body.
        case end(length: Int)
        case rejected(ChunkRejection)
    }
    package init(limits: ChunkLimits = ChunkLimits()) {}
    package mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Result { .more }
}
