/// Whether a path's name carries a digest of the file's content, so that another content has another name.
///
/// Two grades, because a wrong yes costs differently: a browser keeps an immutable file for a year, whereas looking up a
/// missing name in past releases costs nothing. What tools write, by which this was made:
///
///     Sprockets, Propshaft   app-<64, 40, 32 or 8 hex>.js, app-<7 or more>.digested.js
///     Django                 base.<12 hex>.css
///     webpack, Parcel, Next  main.<8 to 20 hex>.js, <20 hex>.png, main.<hex>.chunk.js
///     esbuild                main-<8 of A-Z2-7>.js
///     Vite, Rollup           index-<8 of base64url>.js
package enum Fingerprint: UInt8, Sendable, Comparable {
    case none
    /// Looks like one; good enough for a look into past releases.
    case likely
    /// Good enough for `immutable`.
    case certain

    package static func < (a: Fingerprint, b: Fingerprint) -> Bool { a.rawValue < b.rawValue }

    /// `path` is a decoded path, or a name alone.
    package static func isFingerprinted(_ path: String) -> Bool {
        var path = path
        return path.withUTF8 { grade(UnsafeRawBufferPointer($0)) == .certain }
    }

    package static func grade(_ path: UnsafeRawBufferPointer) -> Fingerprint {
        var nameStart = path.count
        var dots = 0
        while nameStart > 0, path[nameStart - 1] != UInt8(ascii: "/") {
            nameStart -= 1
            if path[nameStart] == UInt8(ascii: ".") { dots += 1 }
        }
        // Nearly every dynamic path ends here.
        guard dots > 0, nameStart < path.count else { return .none }
        let directory = path.upTo(nameStart)
        // All that these hold belongs to one build, and their frameworks call it immutable themselves.
        if directory.hasPrefix("/_next/static/") || directory.hasPrefix("/_app/immutable/")
            || directory.hasPrefix("/_astro/")
        {
            return .certain
        }
        return grade(name: path.from(nameStart), isBundle: isBundle(directory))
    }

    private static func grade(name: UnsafeRawBufferPointer, isBundle: Bool) -> Fingerprint {
        var stem = name
        for ending in [".gz", ".br", ".map"] as [StaticString] where stem.hasSuffix(ending) {
            stem = stem.dropping(ending.utf8CodeUnitCount)
        }
        guard let dot = stem.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return .none }
        stem = stem.upTo(dot)
        if stem.hasSuffix(".digested") { return digested(stem.dropping(9)) }
        for ending in [".chunk", ".bundle", ".module", ".min"] as [StaticString] where stem.hasSuffix(ending) {
            stem = stem.dropping(ending.utf8CodeUnitCount)
        }
        let start = tokenStart(stem)
        if start == 0 { return stem.count >= 16 && isDigest(stem) ? .certain : .none }
        let token = stem.from(start)
        if isDigest(token) { return .certain }
        // base64url may have dashes of its own, so that the last eight characters count, not what the last dash begins.
        guard stem.count > 9, isSeparator(stem[stem.count - 9]) else { return .none }
        return gradeMixed(stem.from(stem.count - 8), isBundle: isBundle)
    }

    /// Directories that bundlers write into.
    private static func isBundle(_ directory: UnsafeRawBufferPointer) -> Bool {
        let names: [StaticString] = ["assets", "_nuxt", "packs", "vite", "builds", "chunks", "immutable"]
        var found = false
        var start = 0
        for at in 0..<directory.count where directory[at] == UInt8(ascii: "/") {
            let segment = UnsafeRawBufferPointer(rebasing: directory[start..<at])
            found = found || names.contains { segment.equals($0) }
            start = at + 1
        }
        return found
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") }

    private static func tokenStart(_ stem: UnsafeRawBufferPointer) -> Int {
        var start = stem.count
        while start > 0, !isSeparator(stem[start - 1]), stem[start - 1] != UInt8(ascii: "_") { start -= 1 }
        return start
    }

    /// What an asset's own author declares (Propshaft): `-` and 7 to 128 letters and digits.
    private static func digested(_ stem: UnsafeRawBufferPointer) -> Fingerprint {
        let start = tokenStart(stem)
        return start > 0 && (7...128).contains(stem.count - start) ? .certain : .none
    }

    /// Lower-case hexadecimal, of a length that digests have, with a digit and a letter: no date, no word. One in 30 of
    /// eight characters and one in 300 of twelve have not both; those count as no fingerprint.
    private static func isDigest(_ token: UnsafeRawBufferPointer) -> Bool {
        guard [8, 10, 12, 16, 20, 32, 40, 64, 96, 128].contains(token.count) else { return false }
        var digits = 0
        var letters = 0
        for byte in token {
            if byte.isDigit {
                digits += 1
            } else if byte &- UInt8(ascii: "a") < 6 {
                letters += 1
            } else {
                return false
            }
        }
        return digits > 0 && letters > 0 && !(letters == 3 && isDate(token))
    }

    /// `2023feb1`, `05dec2023`: the two months whose names are hexadecimal.
    private static func isDate(_ token: UnsafeRawBufferPointer) -> Bool {
        guard let first = token.firstIndex(where: { !$0.isDigit }), token.count - first >= 3 else { return false }
        let month = UnsafeRawBufferPointer(rebasing: token[first..<first + 3])
        return month.equals("dec") || month.equals("feb")
    }

    /// Eight characters of base32 or base64url. Digests change between small letters, capitals and digits all the time,
    /// names such as `SemiBold` and `iPhone12` seldom.
    private static func gradeMixed(_ token: UnsafeRawBufferPointer, isBundle: Bool) -> Fingerprint {
        var changes = 0
        var isBase32 = true
        var digits = 0
        var kinds: UInt8 = 0
        var last: UInt8 = 0
        for byte in token {
            guard let kind = kind(byte) else { return .none }
            if last != 0, kind != last { changes += 1 }
            last = kind
            kinds |= kind
            digits += byte.isDigit ? 1 : 0
            isBase32 = isBase32 && (byte.isUppercaseLetter || (byte.isDigit && (0x32...0x37).contains(byte)))
        }
        if digits == 8 { return isBundle && !isCalendarDate(token) ? .likely : .none }
        if isBase32, digits > 0, changes >= 2 { return .certain }
        if kinds & 3 == 3, changes >= (isBundle ? 4 : 5) { return .certain }
        return changes >= 2 || (isBundle && kinds == 2) ? .likely : .none
    }

    /// One bit each: small letter, capital, digit, `-` or `_`.
    private static func kind(_ byte: UInt8) -> UInt8? {
        if byte.isLowercaseLetter { return 1 }
        if byte.isUppercaseLetter { return 2 }
        if byte.isDigit { return 4 }
        return byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") ? 8 : nil
    }

    /// Eight digits that may be 20240131 or 31012024.
    private static func isCalendarDate(_ token: UnsafeRawBufferPointer) -> Bool {
        for start in [0, 4] {
            let century = UnsafeRawBufferPointer(rebasing: token[start..<start + 2])
            if century.equals("19") || century.equals("20") { return true }
        }
        return false
    }
}
