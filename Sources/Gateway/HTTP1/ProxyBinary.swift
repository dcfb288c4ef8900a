/// Version 2: a signature, command and family, a length, addresses, and fields of type, length and value.
enum ProxyBinary {
    /// Twelve bytes, "\r\n\r\n\0\r\nQUIT\n".
    static let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"
    private static let fixedLength = 16

    static func parse(_ bytes: UnsafeRawBufferPointer) -> ProxyResult {
        guard ProxyProtocol.agrees(bytes, with: signature) else { return .rejected(.missing) }
        do throws(ProxyRejection) {
            guard bytes.count > 12 else { return .needMore }
            guard bytes[12] >> 4 == 2 else { throw .badVersion }
            guard bytes[12] & 15 <= 1 else { throw .badCommand }
            guard bytes.count >= fixedLength else { return .needMore }
            let isLocal = bytes[12] & 15 == 0
            let length = fixedLength + word(bytes, 14)
            guard length <= ProxyProtocol.limit else { throw .tooLong }
            // Judged before the rest is waited for; the family of a local connection is to be ignored.
            let addresses = isLocal ? 0 : try addressLength(bytes[13])
            guard length >= fixedLength + addresses else { throw .badLength }
            guard bytes.count >= length else { return .needMore }
            let whole = UnsafeRawBufferPointer(rebasing: bytes[..<length])
            var header = ProxyHeader(length: length, origin: isLocal ? .local : origin(whole))
            // Without known addresses it is not known where the fields start either.
            if !isLocal, addresses > 0 { try readFields(whole, from: fixedLength + addresses, into: &header) }
            return .header(header)
        } catch {
            return .rejected(error)
        }
    }

    /// Zero when addresses are to be ignored.
    private static func addressLength(_ family: UInt8) throws(ProxyRejection) -> Int {
        guard family & 15 <= 2 else { throw .badFamily }
        return switch family >> 4 {
        case 0: 0
        case 1: family & 15 == 0 ? 0 : 12
        case 2: family & 15 == 0 ? 0 : 36
        case 3: family & 15 == 0 ? 0 : 216
        default: throw .badFamily
        }
    }

    private static func origin(_ bytes: UnsafeRawBufferPointer) -> ProxyOrigin {
        switch bytes[13] {
        case 0x11: client(bytes, addressLength: 4)
        case 0x21: client(bytes, addressLength: 16)
        case 0x31: .unixClient
        default: .unknown
        }
    }

    private static func client(_ bytes: UnsafeRawBufferPointer, addressLength: Int) -> ProxyOrigin {
        let second = fixedLength + addressLength
        let ports = second + addressLength
        guard
            let source = IPAddress(networkOrder: UnsafeRawBufferPointer(rebasing: bytes[fixedLength..<second])),
            let destination = IPAddress(networkOrder: UnsafeRawBufferPointer(rebasing: bytes[second..<ports]))
        else { return .unknown }
        return .client(
            source, port: UInt16(word(bytes, ports)), destination: destination,
            destinationPort: UInt16(word(bytes, ports + 2)))
    }

    private static func readFields(
        _ bytes: UnsafeRawBufferPointer, from start: Int, into header: inout ProxyHeader
    ) throws(ProxyRejection) {
        var at = start
        var hasChecksum = false
        while at < bytes.count {
            guard bytes.count - at >= 3 else { throw .badField }
            let value = at + 3
            let end = value + word(bytes, at + 1)
            guard end <= bytes.count else { throw .badField }
            switch bytes[at] {
            case 0x02: header.authority = ByteRange(value, end)
            case 0x03:
                // Only one can be right, and each costs a pass over the whole header.
                guard end - value == 4, !hasChecksum else { throw .badField }
                hasChecksum = true
                let wanted = UInt32(word(bytes, value)) << 16 | UInt32(word(bytes, value + 2))
                guard CRC32C.checksum(bytes, zeroing: value..<end) == wanted else { throw .badChecksum }
            case 0x05:
                guard end - value <= 128 else { throw .badField }
                header.uniqueID = ByteRange(value, end)
            default: break
            }
            at = end
        }
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        Int(bytes[at]) << 8 | Int(bytes[at + 1])
    }
}

/// RFC 4960 appendix B, bit by bit: at most 4 KiB once a connection.
enum CRC32C {
    /// The bytes of `zeroed` count as zeroes: that is where the checksum itself stands.
    static func checksum(_ bytes: UnsafeRawBufferPointer, zeroing zeroed: Range<Int> = 0..<0) -> UInt32 {
        var rest: UInt32 = .max
        for at in bytes.indices {
            rest ^= zeroed.contains(at) ? 0 : UInt32(bytes[at])
            for _ in 0..<8 { rest = rest >> 1 ^ (rest & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        return ~rest
    }
}
