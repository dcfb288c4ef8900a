/// The first line of a request (RFC 9112 section 3): method, target, version, with exactly one space between them.
enum RequestLine {
    private static let longestMethod = 32

    /// Fills in method, target and version from the line at `start..<end`, without its CRLF.
    @inline(__always)
    static func parse(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, into head: inout RequestHead
    ) throws(Rejection) {
        var at = Bytes.endOfToken(base, start, end)
        guard at > start, at &- start <= longestMethod else { throw .badMethod }
        guard at == end || base[at] == 32 else { throw .badMethod }
        head.methodRange = ByteRange(start, at)
        head.method = Method(base + start, at &- start)
        let targetStart = min(at &+ 1, end)
        at = targetStart
        while at < end, isTargetByte(base[at]) { at &+= 1 }
        guard at > targetStart, at == end || base[at] == 32 else { throw .badTarget }
        head.target = ByteRange(targetStart, at)
        head.versionMinor = try version(base, min(at &+ 1, end), end)
        try parseTarget(base, targetStart, at, into: &head)
    }

    /// Visible ASCII but `#`: a fragment is never sent. More than RFC 3986 allows, because browsers send `|`, `{` or `"`
    /// unescaped; bytes over 127 are refused, their meaning is anyone's guess.
    @inline(__always)
    private static func isTargetByte(_ byte: UInt8) -> Bool {
        byte &- 0x21 < 0x5e && byte != UInt8(ascii: "#")
    }

    /// `HTTP/1.0` or `HTTP/1.1`, or any higher minor version, which counts as 1.
    @inline(__always)
    static func version(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) throws(Rejection) -> UInt8 {
        guard end &- start == 8 else { throw .badVersion }
        let word = Bytes.loadWord(base + start).littleEndian
        if word == 0x312e_312f_5054_5448 { return 1 }
        if word == 0x302e_312f_5054_5448 { return 0 }
        guard word & 0x00ff_00ff_ffff_ffff == 0x002e_002f_5054_5448,
            Bytes.isDigit(base[start &+ 5]), Bytes.isDigit(base[start &+ 7])
        else { throw .badVersion }
        guard base[start &+ 5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
        return 1
    }

    @inline(__always)
    private static func parseTarget(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, into head: inout RequestHead
    ) throws(Rejection) {
        if base[start] == UInt8(ascii: "/"), head.method != .connect {
            head.targetForm = .origin
            try splitPath(base, start, end, into: &head)
        } else {
            try parseRareTarget(base, start, end, into: &head)
        }
    }

    private static func parseRareTarget(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, into head: inout RequestHead
    ) throws(Rejection) {
        if head.method == .connect {
            guard let nameEnd = HostValue.nameEnd(base, start, end), nameEnd < end - 1 else { throw .badTarget }
            head.targetForm = .authority
            head.host = ByteRange(start, end)
            head.hostName = ByteRange(start, nameEnd)
        } else if end - start == 1, base[start] == UInt8(ascii: "*") {
            guard head.method == .options else { throw .badTarget }
            head.targetForm = .asterisk
            head.path = ByteRange(start, end)
        } else {
            try parseAbsolute(base, start, end, into: &head)
        }
    }

    /// `http://authority[/path][?query]`. User information is refused (RFC 9110 section 4.2.4) by the host's grammar.
    private static func parseAbsolute(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, into head: inout RequestHead
    ) throws(Rejection) {
        guard let colon = Bytes.find(UInt8(ascii: ":"), base, start, end), end - colon > 3,
            isScheme(base, start, colon), base[colon + 1] == UInt8(ascii: "/"), base[colon + 2] == UInt8(ascii: "/")
        else { throw .badTarget }
        let authority = colon + 3
        var at = authority
        while at < end, base[at] != UInt8(ascii: "/"), base[at] != UInt8(ascii: "?") { at += 1 }
        guard let nameEnd = HostValue.nameEnd(base, authority, at) else { throw .badTarget }
        head.targetForm = .absolute
        head.host = ByteRange(authority, at)
        head.hostName = ByteRange(authority, nameEnd)
        try splitPath(base, at, end, into: &head)
    }

    private static func isScheme(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        for at in start..<end where !Bytes.isToken(base[at]) { return false }
        return Bytes.equalToken(base + start, end - start, "http")
            || Bytes.equalToken(base + start, end - start, "https")
    }

    /// Finds the query, and checks the path's escapes: whoever decodes them later need not fail.
    @inline(__always)
    private static func splitPath(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, into head: inout RequestHead
    ) throws(Rejection) {
        var at = start
        while at < end, base[at] != UInt8(ascii: "?") {
            if base[at] == UInt8(ascii: "%") {
                guard end &- at > 2, let high = Bytes.hexadecimalDigit(base[at &+ 1]),
                    let low = Bytes.hexadecimalDigit(base[at &+ 2]), high | low != 0
                else { throw .badEscape }
            }
            at &+= 1
        }
        head.path = ByteRange(start, at)
        head.hasQuery = at < end
        head.query = ByteRange(min(at &+ 1, end), end)
    }
}

extension Method {
    /// Methods are case-sensitive (RFC 9110 section 9.1).
    @inline(__always)
    init(_ place: UnsafePointer<UInt8>, _ count: Int) {
        @inline(__always)
        func isText(_ text: StaticString) -> Bool {
            for at in 0..<count where place[at] != text.utf8Start[at] { return false }
            return true
        }
        switch count {
        case 3 where isText("GET"): self = .get
        case 3 where isText("PUT"): self = .put
        case 4 where isText("HEAD"): self = .head
        case 4 where isText("POST"): self = .post
        case 5 where isText("PATCH"): self = .patch
        case 5 where isText("TRACE"): self = .trace
        case 6 where isText("DELETE"): self = .delete
        case 7 where isText("OPTIONS"): self = .options
        case 7 where isText("CONNECT"): self = .connect
        default: self = .other
        }
    }
}
