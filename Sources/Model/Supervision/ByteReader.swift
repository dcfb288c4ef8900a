/// Reads what `ByteWriter` wrote, or anything else without ever trapping: every length is held against what is left,
/// so a forged count cannot make it allocate more than the input is long.
struct ByteReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var left: Int { bytes.count - position }

    mutating func integer<I: FixedWidthInteger>(_ type: I.Type = I.self) throws(CodecError) -> I {
        let size = I.bitWidth / 8
        guard left >= size else { throw .truncated }
        var value: I = 0
        for offset in 0..<size { value = (value << 8) | I(truncatingIfNeeded: bytes[position + offset]) }
        position += size
        return value
    }

    mutating func flag() throws(CodecError) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .invalidValue
        }
    }

    mutating func blob() throws(CodecError) -> [UInt8] {
        let count = Int(try integer(UInt32.self))
        guard left >= count else { throw .truncated }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func text() throws(CodecError) -> String {
        guard let text = String(validating: try blob(), as: UTF8.self) else { throw .invalidText }
        return text
    }

    mutating func duration() throws(CodecError) -> Duration { .nanoseconds(try integer(Int64.self)) }

    mutating func count() throws(CodecError) -> Int {
        let value: Int64 = try integer()
        guard let count = Int(exactly: value), count >= 0 else { throw .invalidValue }
        return count
    }

    mutating func optional<Value>(
        _ read: (inout ByteReader) throws(CodecError) -> Value
    ) throws(CodecError) -> Value? {
        try flag() ? try read(&self) : nil
    }

    /// Every element takes at least one byte, so the count is bounded by what is left.
    mutating func list<Element>(
        _ read: (inout ByteReader) throws(CodecError) -> Element
    ) throws(CodecError) -> [Element] {
        let count = Int(try integer(UInt32.self))
        guard count <= left else { throw .truncated }
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try read(&self)) }
        return elements
    }

    func end() throws(CodecError) {
        guard left == 0 else { throw .trailingBytes }
    }
}
