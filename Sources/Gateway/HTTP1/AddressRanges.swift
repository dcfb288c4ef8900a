/// Address ranges in CIDR form (RFC 4632), such as `trusted_proxies`.
package struct AddressRanges: Sendable, Equatable {
    private struct Range: Equatable {
        var address: IPAddress
        /// Of the 128 bits.
        var prefix: Int
    }
    private let ranges: [Range]

    /// Entries that are neither an address nor a range are left out; the configuration refuses them beforehand. A range
    /// whose address has bits behind its prefix means the whole range.
    package init(_ entries: [String]) {
        ranges = entries.compactMap { entry in
            let parts = entry.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let address = IPAddress(String(parts[0])) else { return nil }
            // `::ffff:10.0.0.0/104` counts its bits from the start of the long form.
            let isShort = address.isV4 && !parts[0].utf8.contains(UInt8(ascii: ":"))
            guard parts.count == 2 else { return Range(address: address, prefix: 128) }
            guard let prefix = Int(parts[1]), (0...(isShort ? 32 : 128)).contains(prefix) else { return nil }
            return Range(address: address, prefix: isShort ? prefix + 96 : prefix)
        }
    }

    package var isEmpty: Bool { ranges.isEmpty }

    package func contains(_ address: IPAddress) -> Bool {
        ranges.contains { range in
            // `::/0` is all of IPv6, not the IPv4 addresses that lie in it as mapped ones.
            guard range.address.isV4 == address.isV4 else { return false }
            let highBits = min(range.prefix, 64)
            let lowBits = range.prefix - highBits
            return AddressRanges.equal(range.address.high, address.high, highBits)
                && AddressRanges.equal(range.address.low, address.low, lowBits)
        }
    }

    private static func equal(_ a: UInt64, _ b: UInt64, _ bits: Int) -> Bool {
        // A shift by 64 is zero for the smart shift.
        (a ^ b) >> UInt64(64 - bits) == 0
    }
}
