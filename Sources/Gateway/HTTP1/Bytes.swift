internal import Glibc

/// Classes of bytes and searches for them, over raw pointers. Everything here stays inside the range that it is given.
enum Bytes {
    static let carriageReturn: UInt8 = 13
    static let lineFeed: UInt8 = 10

    /// RFC 9110 section 5.6.2: a `t` for each byte that may stand in a token, sixteen a row. A literal in read-only memory
    /// needs no initialization, and one load a byte is half the work of a test on two bit masks (measured).
    private static let tokens: StaticString = """
        ----------------\
        ----------------\
        -t-ttttt--tt-tt-\
        tttttttttt------\
        -ttttttttttttttt\
        ttttttttttt---tt\
        tttttttttttttttt\
        ttttttttttt-t-t-\
        ----------------\
        ----------------\
        ----------------\
        ----------------\
        ----------------\
        ----------------\
        ----------------\
        ----------------
        """

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool { tokens.utf8Start[Int(byte)] == UInt8(ascii: "t") }

    /// Offset of the first byte from `start` on that cannot stand in a token; `end` if all can.
    @inline(__always)
    static func endOfToken(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        let table = tokens.utf8Start
        var at = start
        while at < end, table[Int(base[at])] == UInt8(ascii: "t") { at &+= 1 }
        return at
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    @inline(__always)
    static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        if digit < 10 { return digit }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter + 10 : nil
    }

    /// Offset of the first `byte` in `start..<end`.
    @inline(__always)
    static func find(_ byte: UInt8, _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int? {
        guard start < end, let hit = memchr(base + start, Int32(byte), end - start) else { return nil }
        return UnsafeRawPointer(hit) - UnsafeRawPointer(base)
    }

    /// Whether all of `start..<end` may stand in a field value: no control character but HTAB (RFC 9110 section 5.5).
    /// Eight bytes at a time; a word that looks suspicious (a tab does too) is looked at byte by byte.
    @inline(__always)
    static func isFieldContent(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end &- start >= 8 else { return isFieldContentBytewise(base, start, end) }
        var at = start
        // The last word may overlap the one before it.
        let last = end &- 8
        while at < last {
            if mayHaveControl(loadWord(base + at)), !isFieldContentBytewise(base, at, at &+ 8) { return false }
            at &+= 8
        }
        return !mayHaveControl(loadWord(base + last)) || isFieldContentBytewise(base, last, end)
    }

    @inline(__always)
    static func loadWord(_ place: UnsafePointer<UInt8>) -> UInt64 {
        UnsafeRawPointer(place).loadUnaligned(as: UInt64.self)
    }

    @inline(__always)
    private static func mayHaveControl(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs = ones &* 0x80
        let belowSpace = (word &- ones &* 0x20) & ~word & highs
        let delete = word ^ (ones &* 0x7f)
        return belowSpace | ((delete &- ones) & ~delete & highs) != 0
    }

    @inline(__always)
    private static func isFieldContentBytewise(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var at = start
        while at < end {
            let byte = base[at]
            if (byte < 0x20 && byte != 9) || byte == 0x7f { return false }
            at &+= 1
        }
        return true
    }

    /// Compares without regard to ASCII case. `text` is in lower case; the other bytes must be token characters: of those,
    /// setting bit 5 maps only letters onto letters.
    @inline(__always)
    static func equalToken(_ place: UnsafePointer<UInt8>, _ count: Int, _ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let other = text.utf8Start
        if count >= 8 {
            var at = 0
            while at &+ 8 <= count {
                if loadWord(place + at) | 0x2020_2020_2020_2020 != loadWord(other + at) { return false }
                at &+= 8
            }
            return loadWord(place + (count &- 8)) | 0x2020_2020_2020_2020 == loadWord(other + (count &- 8))
        }
        for at in 0..<count where place[at] | 0x20 != other[at] { return false }
        return true
    }
}
