/// Appends to lines of the log. Whatever a client sent goes through one of the two escapes, so no request can end a line or
/// a quoted text, or reach the terminal of who reads the log.
struct LineWriter {
    var bytes: [UInt8] = []

    /// Longest text of a client that is written; the rest becomes `...`.
    static let longestText = 4096

    @inline(__always)
    mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func append(_ text: UnsafeRawBufferPointer) { bytes.append(contentsOf: text) }

    mutating func append(decimal value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// Seconds with six digits behind the point.
    mutating func append(secondsOf nanoseconds: Int64) {
        let microseconds = max(0, nanoseconds) / 1000
        append(decimal: microseconds / 1_000_000)
        bytes.append(UInt8(ascii: "."))
        append(microseconds % 1_000_000, digits: 6)
    }

    /// With leading zeroes.
    mutating func append(_ value: Int64, digits: Int) {
        let start = bytes.count
        var rest = value
        for _ in 0..<digits {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        }
        bytes[start...].reverse()
    }

    /// Control characters, quotes, backslashes and all bytes over 126 as `\xHH`, as nginx writes them.
    mutating func append(escaped text: UnsafeRawBufferPointer) {
        var start = 0
        let count = min(text.count, LineWriter.longestText)
        for at in 0..<count where LineWriter.needsEscape(text[at]) {
            append(UnsafeRawBufferPointer(rebasing: text[start..<at]))
            append("\\x")
            appendHexadecimal(text[at])
            start = at + 1
        }
        append(UnsafeRawBufferPointer(rebasing: text[start..<count]))
        if count < text.count { append("...") }
    }

    @inline(__always)
    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte &- 32 >= 95 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func appendHexadecimal(_ byte: UInt8) {
        let digits: StaticString = "0123456789ABCDEF"
        bytes.append(digits.utf8Start[Int(byte >> 4)])
        bytes.append(digits.utf8Start[Int(byte & 15)])
    }
}

extension LineWriter {
    /// The inside of a JSON string (RFC 8259 section 7), valid UTF-8 whatever comes: each byte that is not part of a character
    /// becomes U+FFFD, control characters (C1 too) are escaped.
    mutating func append(json text: UnsafeRawBufferPointer) {
        let count = min(text.count, LineWriter.longestText)
        var start = 0
        var at = 0
        while at < count {
            let byte = text[at]
            if byte < 0x80 {
                if LineWriter.needsEscape(byte) {
                    append(UnsafeRawBufferPointer(rebasing: text[start..<at]))
                    appendJSONEscape(byte)
                    start = at + 1
                }
                at += 1
                continue
            }
            let length = LineWriter.characterLength(text, at, count)
            if length == 0 || (byte == 0xc2 && text[at + 1] < 0xa0) {
                append(UnsafeRawBufferPointer(rebasing: text[start..<at]))
                if length == 0 { append("\\ufffd") } else { appendJSONEscape(text[at + 1]) }
                at += max(1, length)
                start = at
            } else {
                at += length
            }
        }
        append(UnsafeRawBufferPointer(rebasing: text[start..<count]))
        if count < text.count { append("...") }
    }

    private mutating func appendJSONEscape(_ byte: UInt8) {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        } else {
            append("\\u00")
            appendHexadecimal(byte)
        }
    }

    /// Number of bytes of the well-formed character that starts here (Unicode table 3-7); 0 when there is none.
    private static func characterLength(_ text: UnsafeRawBufferPointer, _ at: Int, _ end: Int) -> Int {
        let first = text[at]
        let (length, second): (Int, ClosedRange<UInt8>) =
            switch first {
            case 0xc2...0xdf: (2, 0x80...0xbf)
            case 0xe0: (3, 0xa0...0xbf)
            case 0xed: (3, 0x80...0x9f)
            case 0xe1...0xef: (3, 0x80...0xbf)
            case 0xf0: (4, 0x90...0xbf)
            case 0xf1...0xf3: (4, 0x80...0xbf)
            case 0xf4: (4, 0x80...0x8f)
            default: (0, 0...0)
            }
        guard length > 0, at + length <= end, second.contains(text[at + 1]) else { return 0 }
        for next in (at + 2)..<max(at + 2, at + length) where text[next] & 0xc0 != 0x80 { return 0 }
        return length
    }
}
