/// The value of Host, or the authority of a target: a host name or an IP literal, and maybe a port.
///
/// Narrower than RFC 3986: no percent escapes, no sub-delimiters. No DNS name has them, and applications put this value
/// into links, mails and cache keys.
enum HostValue {
    /// End of the host's name, before the colon; nil when it is malformed. `end` when there is no port.
    static func nameEnd(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int? {
        guard start < end else { return nil }
        var at = start
        if base[start] == UInt8(ascii: "[") {
            at += 1
            while at < end, isAddressByte(base[at]) { at += 1 }
            guard at < end, base[at] == UInt8(ascii: "]"), at > start + 1 else { return nil }
            at += 1
        } else {
            while at < end, isNameByte(base[at]) { at += 1 }
            guard at > start else { return nil }
        }
        return at == end || isPort(base, at, end) ? at : nil
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        Bytes.hexadecimalDigit(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
    }

    @inline(__always)
    private static func isNameByte(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        return (letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z")) || Bytes.isDigit(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "~")
    }

    /// A colon and up to five digits, at most 65535. No digits is allowed by RFC 3986 and means the default port.
    private static func isPort(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard base[start] == UInt8(ascii: ":"), end - start <= 6 else { return false }
        var port = 0
        for at in (start + 1)..<end {
            guard Bytes.isDigit(base[at]) else { return false }
            port = port * 10 + Int(base[at] - UInt8(ascii: "0"))
        }
        return port <= 65535
    }
}
