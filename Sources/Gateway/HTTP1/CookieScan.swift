/// Looks for one cookie in a request (RFC 6265 section 4.2.1), without making strings.
package enum CookieScan {
    /// The value of the first cookie of that name, in all Cookie fields; without the quotes around it. Nil if there is none.
    /// Names are compared byte by byte, as browsers do.
    package static func value(
        of name: UnsafeRawBufferPointer, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer
    ) -> ByteRange? {
        guard head.known.contains(.cookie), !name.isEmpty,
            let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { return nil }
        for field in head.fields where field.id == .cookie && Int(field.value.end) <= bytes.count {
            if let value = find(name, base, field.value) { return value }
        }
        return nil
    }

    private static func find(
        _ name: UnsafeRawBufferPointer, _ base: UnsafePointer<UInt8>, _ field: ByteRange
    ) -> ByteRange? {
        let end = Int(field.end)
        var start = Int(field.start)
        while start < end {
            let stop = Bytes.find(UInt8(ascii: ";"), base, start, end) ?? end
            if let value = match(name, base, start, stop) { return value }
            start = stop + 1
        }
        return nil
    }

    /// One `name=value`, white space around both.
    private static func match(
        _ name: UnsafeRawBufferPointer, _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) -> ByteRange? {
        var start = start
        while start < end, Bytes.isBlank(base[start]) { start += 1 }
        guard end - start > name.count else { return nil }
        for at in 0..<name.count where base[start + at] != name[at] { return nil }
        var from = start + name.count
        while from < end, Bytes.isBlank(base[from]) { from += 1 }
        guard from < end, base[from] == UInt8(ascii: "=") else { return nil }
        from += 1
        var to = end
        while from < to, Bytes.isBlank(base[from]) { from += 1 }
        while to > from, Bytes.isBlank(base[to - 1]) { to -= 1 }
        let quote = UInt8(ascii: "\"")
        if to - from >= 2, base[from] == quote, base[to - 1] == quote { return ByteRange(from + 1, to - 1) }
        return ByteRange(from, to)
    }
}
