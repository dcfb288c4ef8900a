/// A half-open range of offsets into the bytes that a parser was given. Half the size of `Range<Int>`: a head holds two
/// for each of its fields.
package struct ByteRange: Equatable, Hashable, Sendable {
    package var start: UInt32
    package var end: UInt32

    @inlinable
    package init(start: UInt32, end: UInt32) {
        self.start = start
        self.end = end
    }

    @inlinable
    package init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    @inlinable package static var empty: ByteRange { ByteRange(start: 0, end: 0) }
    @inlinable package var count: Int { Int(end) - Int(start) }
    @inlinable package var isEmpty: Bool { start == end }

    /// The bytes of this range. An out-of-range value is clamped rather than trapped on: the caller may hold a range of
    /// another message, which must never become a crash.
    @inlinable
    package func of(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let end = min(Int(end), bytes.count)
        let start = min(Int(start), end)
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// A copy as text, for logs and for fields that are looked at once in a connection's life.
    package func string(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: of(bytes), as: UTF8.self) }
}
