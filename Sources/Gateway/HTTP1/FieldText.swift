/// Reading field values: lists, tokens and numbers (RFC 9110 section 5.6), without making strings of them.
package enum FieldText {
    @inline(__always)
    package static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    /// Without regard to ASCII case. `text` is in lower case.
    package static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        equal(bytes, UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Without regard to ASCII case.
    package static func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        for at in 0..<a.count where a[at] != b[at] {
            guard lowercased(a[at]) == lowercased(b[at]) else { return false }
        }
        return true
    }

    /// Without the blanks at both ends.
    package static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0
        var end = bytes.count
        while start < end, Bytes.isBlank(bytes[start]) { start += 1 }
        while end > start, Bytes.isBlank(bytes[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// The elements of a list (RFC 9110 section 5.6.1), trimmed; empty ones are left out. A separator in a quoted string
    /// does not separate.
    package static func forEachElement(
        _ value: UnsafeRawBufferPointer, separator: UInt8 = UInt8(ascii: ","),
        _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var start = 0
        var at = 0
        var isQuoted = false
        func element(_ end: Int) {
            let part = trimmed(UnsafeRawBufferPointer(rebasing: value[start..<end]))
            if !part.isEmpty { body(part) }
        }
        while at < value.count {
            let byte = value[at]
            if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if isQuoted, byte == UInt8(ascii: "\\") {
                at += 1
            } else if !isQuoted, byte == separator {
                element(at)
                start = at + 1
            }
            at += 1
        }
        element(value.count)
    }

    /// What is before and after the first `separator`, trimmed; the second is nil without one.
    package static func split(
        _ bytes: UnsafeRawBufferPointer, at separator: UInt8
    ) -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) {
        guard let place = bytes.firstIndex(of: separator) else { return (trimmed(bytes), nil) }
        return (
            trimmed(UnsafeRawBufferPointer(rebasing: bytes[..<place])),
            trimmed(UnsafeRawBufferPointer(rebasing: bytes[(place + 1)...]))
        )
    }

    /// Digits only, at least one; what is over 2^31 counts as that (RFC 9111 section 1.2.2).
    package static func number(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !bytes.isEmpty else { return nil }
        var value = 0
        for byte in bytes {
            guard Bytes.isDigit(byte) else { return nil }
            value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 1 << 31)
        }
        return value
    }
}
