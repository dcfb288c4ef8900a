/// One field line (RFC 9112 section 5), the same in requests and responses.
enum FieldLine {
    /// Checks the line at `start..<end` (without CRLF) and finds its parts.
    @inline(__always)
    static func parse(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(Rejection) -> HeaderField {
        let colon = Bytes.endOfToken(base, start, end)
        guard colon < end, colon > start, base[colon] == UInt8(ascii: ":") else {
            throw whyNoName(base, start, stop: colon, end)
        }
        var valueStart = colon &+ 1
        var valueEnd = end
        while valueStart < valueEnd, Bytes.isBlank(base[valueStart]) { valueStart &+= 1 }
        while valueEnd > valueStart, Bytes.isBlank(base[valueEnd &- 1]) { valueEnd &-= 1 }
        guard Bytes.isFieldContent(base, valueStart, valueEnd) else {
            throw Bytes.find(Bytes.carriageReturn, base, valueStart, valueEnd) == nil
                ? .badFieldValue : .bareCarriageReturn
        }
        return HeaderField(
            name: ByteRange(start, colon), value: ByteRange(valueStart, valueEnd),
            id: FieldName.lookUp(base + start, colon &- start))
    }

    /// `stop` is the first byte that cannot be part of a name.
    private static func whyNoName(
        _ base: UnsafePointer<UInt8>, _ start: Int, stop: Int, _ end: Int
    ) -> Rejection {
        guard stop < end else { return .missingColon }
        guard Bytes.isBlank(base[stop]) else {
            return base[stop] == Bytes.carriageReturn ? .bareCarriageReturn : .badFieldName
        }
        if stop == start { return .obsoleteFolding }
        var next = stop
        while next < end, Bytes.isBlank(base[next]) { next += 1 }
        return next < end && base[next] == UInt8(ascii: ":") ? .spaceBeforeColon : .badFieldName
    }

    /// A bit for names that are not well known. Two equal names, in whatever case, have the same bit.
    @inline(__always)
    static func nameBit(_ base: UnsafePointer<UInt8>, _ name: ByteRange) -> UInt64 {
        let start = Int(name.start)
        let count = name.count
        let first = base[start] | 0x20
        let middle = base[start &+ count / 2] | 0x20
        let last = base[start &+ count &- 1] | 0x20
        let mixed = UInt64(first) &* 7 &+ UInt64(middle) &* 31 &+ UInt64(last) &* 3 &+ UInt64(count)
        return 1 &<< (mixed & 63)
    }
}
