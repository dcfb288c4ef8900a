extension IPAddress: CustomStringConvertible {
    /// Dotted decimal, or RFC 5952: lower case, no leading zeroes, the longest run of zeroes (the first of equal ones, and
    /// only of two groups or more) as `::`.
    package var description: String {
        if isV4 {
            return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)"
        }
        let gap = longestZeroRun
        var text = ""
        var index = 0
        while index < 8 {
            if index == gap.lowerBound, gap.count > 1 {
                text += "::"
                index = gap.upperBound
                continue
            }
            if index > 0, index != gap.upperBound || gap.count < 2 { text += ":" }
            text += String(group(index), radix: 16)
            index += 1
        }
        return text
    }

    /// As `for` takes it in Forwarded (RFC 7239 section 6): an IPv6 address in brackets and quotes.
    package var forwardedNode: String { isV4 ? description : "\"[\(description)]\"" }

    private func group(_ index: Int) -> UInt16 {
        let word = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: word >> UInt64(16 * (3 - index % 4)))
    }

    private var longestZeroRun: Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index - start > best.count { best = start..<index }
            start = index + 1
        }
        return best
    }
}
