/// An IPv4 or IPv6 address as a value. An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is made the IPv4 address
/// that it stands for, so that a dual-stack listener and an IPv4 one say the same about a client.
package struct IPAddress: Hashable, Sendable {
    /// The first and the last eight bytes in network order; IPv4 lies in the last four of a mapped address.
    package let high: UInt64
    package let low: UInt64

    private static let mapped: UInt64 = 0xffff_0000_0000

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package init(v4: UInt32) { self.init(high: 0, low: IPAddress.mapped | UInt64(v4)) }

    package var isV4: Bool { high == 0 && low >> 32 == IPAddress.mapped >> 32 }

    /// 4 or 16 bytes in network order; nil for any other number of them.
    package init?(networkOrder bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 4: self.init(v4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        case 16:
            self.init(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        default: return nil
        }
    }

    package init?(_ text: String) {
        var text = text
        let parsed = text.withUTF8 { IPAddress(text: UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// Dotted decimal without leading zeroes, or RFC 4291 section 2.2; no zone, no brackets, no port.
    package init?(text: UnsafeRawBufferPointer) {
        if let v4 = IPAddress.parseV4(text) {
            self.init(v4: v4)
        } else if let groups = IPAddress.parseV6(text) {
            self.init(high: groups.0, low: groups.1)
        } else {
            return nil
        }
    }
}

extension IPAddress {
    static func parseV4(_ text: UnsafeRawBufferPointer) -> UInt32? {
        guard text.count <= 15 else { return nil }
        var value: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | part
                (part, digits, dots) = (0, 0, dots + 1)
            } else {
                // "010" is eight to some programs and ten to others.
                guard Bytes.isDigit(byte), digits == 0 || part != 0 else { return nil }
                part = part * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
                guard part <= 255 else { return nil }
            }
        }
        return dots == 3 && digits > 0 ? value << 8 | part : nil
    }

    static func parseV6(_ text: UnsafeRawBufferPointer) -> (UInt64, UInt64)? {
        guard text.count >= 2, text.count <= 45 else { return nil }
        var groups = GroupList()
        var at = 0
        if text[0] == UInt8(ascii: ":") {
            guard text[1] == UInt8(ascii: ":") else { return nil }
            groups.gap = 0
            at = 2
        }
        while at < text.count {
            var end = at
            while end < text.count, text[end] != UInt8(ascii: ":") { end += 1 }
            let part = UnsafeRawBufferPointer(rebasing: text[at..<end])
            if end == text.count, let v4 = parseV4(part) {
                guard groups.append(UInt16(v4 >> 16)), groups.append(UInt16(v4 & 0xffff)) else { return nil }
                break
            }
            guard let group = parseGroup(part), groups.append(group) else { return nil }
            if end == text.count { break }
            at = end + 1
            // A colon at the end must be the second of two.
            guard at < text.count else { return nil }
            if text[at] == UInt8(ascii: ":") {
                guard groups.gap == nil else { return nil }
                groups.gap = groups.count
                at += 1
            }
        }
        return groups.value
    }

    private static func parseGroup(_ text: UnsafeRawBufferPointer) -> UInt16? {
        guard (1...4).contains(text.count) else { return nil }
        var value: UInt16 = 0
        for byte in text {
            guard let digit = Bytes.hexadecimalDigit(byte) else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    /// Up to eight groups, and where `::` stood among them.
    private struct GroupList {
        private var high: UInt64 = 0
        private var low: UInt64 = 0
        var count = 0
        var gap: Int?

        mutating func append(_ group: UInt16) -> Bool {
            guard count < 8 else { return false }
            high = high << 16 | low >> 48
            low = low << 16 | UInt64(group)
            count += 1
            return true
        }

        /// The groups behind the gap are at the end already; those before it move to the front.
        var value: (UInt64, UInt64)? {
            guard let gap else { return count == 8 ? (high, low) : nil }
            // `::` stands for at least one group.
            guard count < 8 else { return nil }
            var groups: (UInt64, UInt64) = (0, 0)
            for index in 0..<count {
                let distance = count - 1 - index
                let group = (distance < 4 ? low >> UInt64(16 * distance) : high >> UInt64(16 * (distance - 4))) & 0xffff
                let place = index < gap ? index : 8 - count + index
                if place < 4 {
                    groups.0 |= group << UInt64(16 * (3 - place))
                } else {
                    groups.1 |= group << UInt64(16 * (7 - place))
                }
            }
            return groups
        }
    }
}
