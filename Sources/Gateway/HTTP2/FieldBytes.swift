/// Checks on the bytes of names and values, before they are written into an HTTP/1.1 head.
enum FieldBytes {
    /// RFC 9110 section 5.6.2, without upper case (RFC 9113 section 8.2.1): a `t` for each byte that may stand in a name.
    private static let names: StaticString = """
        ----------------\
        ----------------\
        -t-ttttt--tt-tt-\
        tttttttttt------\
        ----------------\
        --------------tt\
        tttttttttttttttt\
        ttttttttttt-t-t-
        """

    @inline(__always)
    static func isName(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let table = names.utf8Start
        for byte in bytes where byte > 127 || table[Int(byte)] != UInt8(ascii: "t") { return false }
        return !bytes.isEmpty
    }

    /// A token in any case.
    static func isMethod(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let table = names.utf8Start
        for byte in bytes {
            let isUpper = byte &- UInt8(ascii: "A") < 26
            guard isUpper || (byte < 128 && table[Int(byte)] == UInt8(ascii: "t")) else { return false }
        }
        return !bytes.isEmpty
    }

    /// No control character but HTAB, no space or HTAB at either end. CR, LF and NUL would be another message's bytes.
    @inline(__always)
    static func isValue(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = bytes.first, let last = bytes.last else { return true }
        guard first != 32, first != 9, last != 32, last != 9 else { return false }
        for byte in bytes where (byte < 0x20 && byte != 9) || byte == 0x7f { return false }
        return true
    }

    /// Visible ASCII: what may stand in a request line between its spaces.
    static func isVisible(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        for byte in bytes where byte <= 0x20 || byte >= 0x7f { return false }
        return !bytes.isEmpty
    }

    /// Nil unless it is all digits and fits.
    static func decimal(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 18 else { return nil }
        var value = 0
        for byte in bytes {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    static func equalIgnoringCase(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        return zip(a, b).allSatisfy { lower($0) == lower($1) }
    }

    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }

    @inline(__always)
    static func isText(_ bytes: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where bytes[index] != text.utf8Start[index] { return false }
        return true
    }
}

extension String {
    /// The UTF-8 of a string as NIO makes them: in place, nothing is copied.
    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
        var copy = self
        return copy.withUTF8(body)
    }
}
