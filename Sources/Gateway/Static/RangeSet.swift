/// A Range field against a file's size (RFC 9110 section 14).
enum RangeSet: Equatable {
    /// To be answered as if there were no Range: another unit, malformed, too many, or more than the file itself.
    case ignored
    case unsatisfiable
    /// In the order of the request, at least one, none empty.
    case ranges([Range<Int>])

    /// More of them are no media player's: section 14.2 lets a server ignore such requests.
    static let most = 16

    init(_ value: UnsafeRawBufferPointer, size: Int) {
        // Some clients ask for a range of everything; an empty file has none, and 416 would tell them that it is broken.
        guard size > 0, value.count > 6, value.upTo(6).equalsIgnoringCase("bytes=") else {
            self = .ignored
            return
        }
        var ranges: [Range<Int>] = []
        var elements = 0
        var isValid = true
        value.from(6).forEachElement { element in
            elements += 1
            switch RangeSet.parse(element, size: size) {
            case .none: isValid = false
            case .some(let range): if !range.isEmpty { ranges.append(range) }
            }
            isValid = isValid && elements <= RangeSet.most
            return isValid
        }
        // Ranges that overlap would make an answer larger than the file, many times over.
        let isAmplified = ranges.reduce(0) { $0 + $1.count } > size
        if !isValid || elements == 0 || isAmplified {
            self = .ignored
        } else {
            self = ranges.isEmpty ? .unsatisfiable : .ranges(ranges)
        }
    }

    /// `first-last`, `first-` or `-suffix`. Nil when malformed, empty when it cannot be satisfied.
    private static func parse(_ element: UnsafeRawBufferPointer, size: Int) -> Range<Int>? {
        guard let dash = element.firstIndex(of: UInt8(ascii: "-")) else { return nil }
        let firstText = element.upTo(dash)
        let lastText = element.from(dash + 1)
        if firstText.isEmpty {
            guard let suffix = lastText.decimal else { return nil }
            return max(0, size - suffix)..<size
        }
        guard let first = firstText.decimal else { return nil }
        if lastText.isEmpty { return min(first, size)..<size }
        guard let last = lastText.decimal, last >= first else { return nil }
        return first < size ? first..<min(last + 1, size) : size..<size
    }
}
