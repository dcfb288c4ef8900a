/// One trick: bytes that a client sends on a connection of its own, and what may come of it.
struct Trick: Sendable {
    enum Outcome: Sendable, Equatable {
        /// One answer of 400 or more, the end of the connection, and nothing for the backend.
        case refused
        /// So many requests, each answered by the backend; the next request on the connection is answered too.
        case passes(Int)
        /// One request that passes; what comes after it is refused.
        case passesThenRefused
        /// Not whole yet: no answer, and nothing for the backend.
        case waits
    }

    var name: String
    var bytes: [UInt8]
    var outcome: Outcome
    /// Variables that the backend must have with the first request.
    var has: [String: String] = [:]

    /// Characters up to U+00FF are bytes.
    init(_ name: String, _ text: String, _ outcome: Outcome = .refused, has: [String: String] = [:]) {
        self.name = name
        bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        self.outcome = outcome
        self.has = has
    }

    /// A POST with these field lines, and what follows them.
    static func post(
        _ name: String, _ fields: String, _ body: String, _ outcome: Outcome = .refused, has: [String: String] = [:]
    ) -> Trick {
        Trick(name, "POST /first HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)", outcome, has: has)
    }

    /// A GET with these field lines.
    static func get(
        _ name: String, _ fields: String, _ outcome: Outcome = .refused, has: [String: String] = [:]
    ) -> Trick {
        Trick(name, "GET /first HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n", outcome, has: has)
    }

    /// A GET with this request line.
    static func line(_ name: String, _ line: String, _ outcome: Outcome = .refused) -> Trick {
        Trick(name, "\(line)\r\nHost: a\r\n\r\n", outcome)
    }

    /// A chunked POST with these bytes for its body.
    static func chunks(_ name: String, _ body: String, _ outcome: Outcome = .refused) -> Trick {
        .post(name, "Transfer-Encoding: chunked", body, outcome)
    }
}

/// What no backend may see as a request, nor `evil` in any head.
private let smuggled = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n"
private let chunkedAway = "0\r\n\r\n" + smuggled

enum SmugglingTable {
    static let all =
        [bothFramings, transferEncodings, lengths, noBodies, lines, names, chunking, targets, versions, hosts]
        .flatMap { $0 } + senders + connectionOptions + expectations

    /// CL.TE and TE.CL (RFC 9112 section 11.2).
    private static let bothFramings: [Trick] = [
        .post("CL.TE", "Content-Length: \(chunkedAway.utf8.count)\r\nTransfer-Encoding: chunked", chunkedAway),
        .post("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4", "2b\r\n\(smuggled)\r\n0\r\n\r\n"),
        .post("CL 0 and TE", "Content-Length: 0\r\nTransfer-Encoding: chunked", chunkedAway),
        .post("TE and CL in small letters", "transfer-encoding: chunked\r\ncontent-length: 5", chunkedAway),
        .post("CL and TE identity", "Content-Length: 5\r\nTransfer-Encoding: identity", chunkedAway),
        .post("CL and unknown TE", "Content-Length: 5\r\nTransfer-Encoding: x", chunkedAway),
        .post(
            "TE before and after CL", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\nTransfer-Encoding: x",
            chunkedAway),
        Trick("TE in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedAway),
        Trick(
            "CL and TE in HTTP/1.0",
            "POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedAway),
        Trick(
            "keep-alive TE in HTTP/1.0",
            "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedAway),
    ]

    /// TE.TE: one side must not fail to see the coding, or see one that is not there.
    private static let transferEncodings: [Trick] =
        [
            "xchunked", "chunkedx", "x-chunked", "chunked, identity", "identity, chunked", "identity", "gzip, chunked",
            "chunked, chunked", "chunked,", ",chunked", "chunked;q=1", "chunked ; a=b", "\"chunked\"", "'chunked'",
            "chunked\u{b}", "\u{b}chunked", "\u{c}chunked", "chunked\0", "\0chunked", "chunked\u{a0}", "\u{ff}chunked",
            "chunk\u{85}ed", "chun ked", "chunked chunked", "cow", "", "chunked\u{7f}", "chunked\u{1}", "ch\u{fc}nked",
            "[chunked]", "chunked=1", "trailers, chunked", "chunked, gzip", "deflate",
        ].map { .post("TE is \($0.debugDescription)", "Transfer-Encoding: \($0)", chunkedAway) }
        + [
            .post("TE after a tab", "Transfer-Encoding:\tchunked", "3\r\nabc\r\n0\r\n\r\n", .passes(1)),
            .post("TE with blanks", "Transfer-Encoding: \t chunked \t ", "3\r\nabc\r\n0\r\n\r\n", .passes(1)),
            .post("TE with capitals", "TRANSFER-ENCODING: CHUNKED", "3\r\nabc\r\n0\r\n\r\n", .passes(1)),
            .post("no blank before TE's value", "Transfer-Encoding:chunked", "3\r\nabc\r\n0\r\n\r\n", .passes(1)),
            .post("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", chunkedAway),
            .post("TE and another TE", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", chunkedAway),
            .post("another TE and TE", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", chunkedAway),
            .post("folded TE", "Transfer-Encoding:\r\n chunked", chunkedAway),
            .post("TE folded with a tab", "Transfer-Encoding:\r\n\tchunked", chunkedAway),
            .post("TE folded into another field", "X: y\r\n Transfer-Encoding: chunked", chunkedAway),
            .post("space before TE's colon", "Transfer-Encoding : chunked", chunkedAway),
            .post("tab before TE's colon", "Transfer-Encoding\t: chunked", chunkedAway),
            .post("space before TE", "X: y\r\n Transfer-Encoding: chunked\r\nX: z", chunkedAway),
            .post("vertical tab before TE's colon", "Transfer-Encoding\u{b}: chunked", chunkedAway),
            .post("NUL in TE's name", "Transfer\0-Encoding: chunked", chunkedAway),
            .post("high byte in TE's name", "Transfer-Encoding\u{a0}: chunked", chunkedAway),
            .post("TE after bare LF", "X: y\nTransfer-Encoding: chunked", chunkedAway),
            .post("TE after bare CR", "X: y\rTransfer-Encoding: chunked", chunkedAway),
            .post("TE after LF CR", "X: y\n\rTransfer-Encoding: chunked", chunkedAway),
            .post("TE before bare CR", "Transfer-Encoding: chunked\rX: y", chunkedAway),
            .post("no colon after TE", "Transfer-Encoding chunked", chunkedAway),
            .post("equals sign after TE", "Transfer-Encoding= chunked", chunkedAway),
            .post("two colons after TE", "Transfer-Encoding:: chunked", chunkedAway),
            // Not this field for anybody, once it is dropped; what follows is another request by all readings.
            .post("Transfer_Encoding", "Transfer_Encoding: evil-chunked", "", .passes(1)),
            .post(
                "Transfer_Encoding beside CL", "Transfer_Encoding: chunked evil\r\nContent-Length: 3", "abc",
                .passes(1), has: ["CONTENT_LENGTH": "3"]),
            .post(
                "Transfer.Encoding", "Transfer.Encoding: chunked\r\nContent-Length: 3", "abc", .passes(1),
                has: ["CONTENT_LENGTH": "3"]),
        ]

    /// CL.CL and numbers that two programs read differently.
    private static let lengths: [Trick] =
        [
            "+5", "-5", "+0", "5 ,5", "5,5", "5, 6", "5 5", "0x5", "5.0", "5e0", "5;", "5\0", "\0005", "5\u{b}",
            "\u{b}5",
            "5\u{a0}", "\u{ff}5", "\"5\"", "five", "", "5,", ",5", "9223372036854775808", "18446744073709551621",
            "99999999999999999999", "00000000000000000000005", "1_000", "5\u{7f}", "\u{b2}",
        ].map { .post("CL is \($0.debugDescription)", "Content-Length: \($0)", chunkedAway) }
        + [
            .post("CL twice", "Content-Length: 5\r\nContent-Length: 5", chunkedAway),
            .post("two CLs", "Content-Length: 0\r\nContent-Length: 43", chunkedAway),
            .post("two CLs in capitals", "Content-Length: 43\r\nCONTENT-LENGTH: 0", chunkedAway),
            .post("folded CL", "Content-Length:\r\n 5", chunkedAway),
            .post("CL folded in the number", "Content-Length: 5\r\n 0", chunkedAway),
            .post("space before CL's colon", "Content-Length : 5", chunkedAway),
            .post("tab before CL's colon", "Content-Length\t: 5", chunkedAway),
            .post("CL after bare LF", "X: y\nContent-Length: 5", chunkedAway),
            .post("CL after bare CR", "X: y\rContent-Length: 5", chunkedAway),
            .post(
                "Content_Length beside CL", "Content_Length: 666evil\r\nContent-Length: 3", "abc", .passes(1),
                has: ["CONTENT_LENGTH": "3"]),
            .post("Content_Length alone", "Content_Length: 666evil", "", .passes(1)),
            .post("leading zeros", "Content-Length: 003", "abc", .passes(1), has: ["CONTENT_LENGTH": "3"]),
            .post("blanks around CL", "Content-Length: \t3 \t", "abc", .passes(1), has: ["CONTENT_LENGTH": "3"]),
            .post("a request in a body", "Content-Length: \(smuggled.utf8.count)", smuggled, .passes(1)),
            .post("CL more than there is", "Content-Length: 100", smuggled, .waits),
        ]

    /// CL.0 and 0.CL: bodies where one side expects none.
    private static let noBodies: [Trick] = [
        Trick(
            "GET with a body",
            "GET /first HTTP/1.1\r\nHost: a\r\nContent-Length: \(smuggled.utf8.count)\r\n\r\n" + smuggled, .passes(1)),
        Trick("HEAD with a body", "HEAD /first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /", .passes(1)),
        Trick(
            "OPTIONS with chunks",
            "OPTIONS /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n",
            .passes(1)),
        Trick("DELETE with a body", "DELETE /first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /", .passes(1)),
        .post("POST without a length, then a request", "X: y", "GET /second HTTP/1.1\r\nHost: a\r\n\r\n", .passes(2)),
        .post(
            "POST without a length, then bytes", "X: y", "a=\(String(repeating: "b", count: 40)) c\r\n\r\n",
            .passesThenRefused),
        .post("CL 0, then a request", "Content-Length: 0", "GET /second HTTP/1.1\r\nHost: a\r\n\r\n", .passes(2)),
        .post("bytes after the body", "Content-Length: 3", "abc{}\r\n\r\n", .passesThenRefused),
        .post(
            "one CRLF after the body", "Content-Length: 3", "abc\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n", .passes(2)
        ),
        .post("upgrade with a body", "Connection: upgrade\r\nUpgrade: evil\r\nContent-Length: 3", "abc", .passes(1)),
    ]

    /// RFC 9112 section 2.2: what ends a line.
    private static let lines: [Trick] = [
        Trick("LF throughout", "GET / HTTP/1.1\nHost: a\n\n"),
        Trick("LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        Trick("LF for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n" + smuggled),
        Trick("LF LF in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: y\n\n" + smuggled),
        Trick("CR throughout", "GET / HTTP/1.1\rHost: a\r\r", .waits),
        Trick("CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        Trick("LF CR LF", "GET / HTTP/1.1\r\nHost: a\n\r\n" + smuggled),
        Trick("CR before the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n" + smuggled),
        Trick("space in the empty line", "GET / HTTP/1.1\r\nHost: a\r\n \r\n" + smuggled),
        Trick("folded first field", "GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n"),
        Trick("folded Host", "GET / HTTP/1.1\r\nHost: a\r\n evil\r\n\r\n"),
        .get("folded cookie", "Cookie: a=b;\r\n c=evil"),
        .get("fold of nothing", "X: y\r\n "),
        .get("CR in a value", "X: y\rProxy: evil"),
        .get("NUL in a value", "X: y\0evil"),
        .get("LF in a name", "X\nY: evil"),
        Trick("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Trick("LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Trick("NUL first", "\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Trick("byte order mark first", "\u{ef}\u{bb}\u{bf}GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Trick("one CRLF first", "\r\nGET /first HTTP/1.1\r\nHost: a\r\n\r\n", .passes(1)),
        Trick("no empty line", "GET / HTTP/1.1\r\nHost: a\r\n", .waits),
        Trick("no last LF", "GET / HTTP/1.1\r\nHost: a\r\n\r", .waits),
    ]

    /// RFC 9110 section 5.1, and names that become others on their way.
    private static let names: [Trick] = [
        .get("space in a name", "X Y: evil"),
        .get("empty name", ": evil"),
        .get("NUL in a name", "X\0Y: evil"),
        .get("CR in a name", "X\rY: evil"),
        .get("high byte in a name", "X\u{e4}: evil"),
        .get("control character in a name", "X\u{8}Y: evil"),
        .get("quote in a name", "\"X\": evil"),
        .get("parenthesis in a name", "X(Y): evil"),
        .get("line without a colon", "evil"),
        .get("httpoxy", "Proxy: http://evil", .passes(1)),
        .get("httpoxy in capitals", "PROXY: http://evil", .passes(1)),
        .get("name with an underscore", "X_Y: evil", .passes(1)),
        .get(
            "X_Forwarded_For", "X_Forwarded_For: evil\r\nX-Forwarded_For: evil", .passes(1),
            has: ["HTTP_X_FORWARDED_FOR": "127.0.0.1"]),
        .get("HTTP_HOST as a field", "HTTP_HOST: evil\r\nX-Host: kept", .passes(1), has: ["HTTP_HOST": "a"]),
        .get("Remote_Addr and Remote-Addr", "Remote_Addr: evil\r\nREMOTE_USER: evil\r\nScript_Name: evil", .passes(1)),
        .get("Content_Type", "Content_Type: evil", .passes(1)),
        .get("trailers announced", "Trailer: evil\r\nTE: evil", .passes(1)),
        .get("keep-alive", "Keep-Alive: evil\r\nProxy-Connection: evil", .passes(1)),
        .get("proxy credentials", "Proxy-Authorization: evil\r\nProxy-Authenticate: evil", .passes(1)),
    ]

    /// RFC 9112 section 7.1: sizes, extensions, ends and trailers.
    private static let chunking: [Trick] = [
        .chunks("chunk size with 0x", "0x3\r\nabc\r\n" + chunkedAway),
        .chunks("chunk size with +", "+3\r\nabc\r\n" + chunkedAway),
        .chunks("chunk size with -", "-3\r\nabc\r\n" + chunkedAway),
        .chunks("space before the size", " 3\r\nabc\r\n" + chunkedAway),
        .chunks("space after the size", "3 \r\nabc\r\n" + chunkedAway),
        .chunks("tab after the size", "3\t\r\nabc\r\n" + chunkedAway),
        .chunks("underscore in the size", "1_0\r\nabc\r\n" + chunkedAway),
        .chunks("no size", "\r\nabc\r\n" + chunkedAway),
        .chunks("letter in the size", "3g\r\nabc\r\n" + chunkedAway),
        .chunks("size of 64 bits", "ffffffffffffffff\r\nabc\r\n" + chunkedAway),
        .chunks("size of 65 bits", "10000000000000003\r\nabc\r\n" + chunkedAway),
        .chunks("size with 17 zeros", "000000000000000003\r\nabc\r\n" + chunkedAway),
        .chunks("NUL after the size", "3\0\r\nabc\r\n" + chunkedAway),
        .chunks("LF after the size", "3\nabc\r\n" + chunkedAway),
        .chunks("CR after the size", "3\rabc\r\n" + chunkedAway),
        .chunks("CR CR LF after the size", "3\r\r\nabc\r\n" + chunkedAway),
        .chunks("LF after the data", "3\r\nabc\n" + chunkedAway),
        .chunks("CR after the data", "3\r\nabc\r" + chunkedAway),
        .chunks("nothing after the data", "3\r\nabc" + chunkedAway),
        .chunks("two bytes too many", "3\r\nabcXX" + chunkedAway),
        .chunks("LF after the last size", "0\n\r\n" + smuggled),
        .chunks("LF for the last line", "0\r\n\n" + smuggled),
        .chunks("CR X for the last line", "0\r\n\rX" + smuggled),
        .chunks("LF in an extension", "3;a\nabc\r\n" + chunkedAway),
        .chunks("CR in an extension", "3;a\rb\r\nabc\r\n" + chunkedAway),
        .chunks("CRLF in a quoted extension", "3;a=\"\r\nabc\r\n" + chunkedAway),
        .chunks("LF in a quoted extension", "3;a=\"\n\"\r\nabc\r\n" + chunkedAway),
        .chunks("NUL in an extension", "3;\0\r\nabc\r\n" + chunkedAway),
        .chunks("extension without a name", "3;\r\nabc\r\n" + chunkedAway),
        .chunks("space before the semicolon", "3 ;a\r\nabc\r\n" + chunkedAway),
        .chunks("huge extension", "3;" + String(repeating: "a", count: 10_000) + "\r\nabc\r\n" + chunkedAway),
        .chunks("many extensions", String(repeating: "1;aaaa\r\nx\r\n", count: 2000) + chunkedAway),
        .chunks("honest extension", "3;a=b;c=\"d\"\r\nabc\r\n0\r\n\r\n", .passes(1)),
        .chunks("last size of many zeros", "3\r\nabc\r\n0000\r\n\r\n", .passes(1)),
        .chunks("trailer Content-Length", "0\r\nContent-Length: 43\r\n\r\n" + smuggled),
        .chunks("trailer Transfer-Encoding", "0\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled),
        .chunks("trailer Host", "0\r\nHost: evil\r\n\r\n"),
        .chunks("trailer X-Forwarded-For", "0\r\nX-Forwarded-For: evil\r\n\r\n"),
        .chunks("trailer Authorization", "0\r\nAuthorization: evil\r\n\r\n"),
        .chunks("trailer Cookie", "0\r\nCookie: evil\r\n\r\n"),
        .chunks("trailer with a space", "0\r\nX : evil\r\n\r\n"),
        .chunks("folded trailer", "0\r\nX: y\r\n evil\r\n\r\n"),
        .chunks("trailer without a colon", "0\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        .chunks("LF in a trailer", "0\r\nX: y\n\r\n" + smuggled),
        .chunks("trailers without end", "0\r\n" + String(repeating: "X: yyyyyyyy\r\n", count: 2000)),
        .chunks("honest trailer", "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", .passes(1)),
        .chunks("no end", "3\r\nabc\r\n0\r\n", .waits),
        .chunks("pipelined after chunks", "3\r\nabc\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n", .passes(2)),
    ]

    /// RFC 9112 section 3.2, and lines that are one request to one reader and another to the next.
    private static let targets: [Trick] = [
        .line("two spaces", "GET  / HTTP/1.1"),
        .line("tab for a space", "GET\t/ HTTP/1.1"),
        .line("tab after the target", "GET /\tHTTP/1.1"),
        .line("vertical tab", "GET /\u{b}HTTP/1.1"),
        .line("two spaces after the target", "GET /  HTTP/1.1"),
        .line("space after the version", "GET / HTTP/1.1 "),
        .line("space first", " GET / HTTP/1.1"),
        .line("a space in the target", "GET /a evil HTTP/1.1"),
        .line("a version in the target", "GET /evil HTTP/1.1 HTTP/1.1"),
        .line("fragment", "GET /a#evil HTTP/1.1"),
        .line("NUL in the target", "GET /a\0evil HTTP/1.1"),
        .line("escaped NUL", "GET /a%00evil HTTP/1.1"),
        .line("CR in the target", "GET /a\rX HTTP/1.1"),
        .line("LF in the target", "GET /a\nX: evil HTTP/1.1"),
        .line("high byte in the target", "GET /\u{ff} HTTP/1.1"),
        .line("cut escape", "GET /a%2 HTTP/1.1"),
        .line("no target", "GET HTTP/1.1"),
        .line("no slash", "GET evil HTTP/1.1"),
        .line("asterisk for GET", "GET * HTTP/1.1"),
        .line("another scheme", "GET file:///etc/passwd HTTP/1.1"),
        .line("user information", "GET http://evil@a/ HTTP/1.1"),
        .line("empty authority", "GET http:///evil HTTP/1.1"),
        .line("space in the method", "GE T / HTTP/1.1"),
        .line("colon in the method", "GET: / HTTP/1.1"),
        .line("CONNECT", "CONNECT evil:80 HTTP/1.1"),
        .line("CONNECT with a path", "CONNECT /evil HTTP/1.1"),
        .line("escaped CRLF in the path stays escaped", "GET /first%0d%0aX:%20y HTTP/1.1", .passes(1)),
        .line("escaped CRLF in the query stays escaped", "GET /first?a=%0d%0aHost:%20b HTTP/1.1", .passes(1)),
        .line("two slashes", "GET //first HTTP/1.1", .passes(1)),
        .line("backslash", "GET /first\\..\\x HTTP/1.1", .passes(1)),
        .line("path parameters", "GET /first;/../x HTTP/1.1", .passes(1)),
    ]

    /// RFC 9112 section 2.3.
    private static let versions: [Trick] = [
        .line("HTTP/0.9", "GET /"),
        .line("HTTP/0.9 by name", "GET / HTTP/0.9"),
        .line("HTTP/2.0", "GET / HTTP/2.0"),
        .line("HTTP/2", "GET / HTTP/2"),
        .line("small letters", "GET / http/1.1"),
        .line("HTTP/1.10", "GET / HTTP/1.10"),
        .line("HTTP/1,1", "GET / HTTP/1,1"),
        .line("HTTP/1.1 with a zero", "GET / HTTP/01.1"),
        .line("HTTP /1.1", "GET / HTTP /1.1"),
        .line("HTTP/1", "GET / HTTP/1"),
        .line("ICY", "GET / ICY/1.1"),
        Trick("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Trick("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}"),
        .line("HTTP/1.2 is 1.1", "GET /first HTTP/1.2", .passes(1)),
    ]

    /// RFC 9112 section 3.2: one host, and the target's goes first.
    private static let hosts: [Trick] = [
        Trick("no Host", "GET / HTTP/1.1\r\n\r\n"),
        Trick("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: evil\r\n\r\n"),
        Trick("Host twice", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
        Trick("list of hosts", "GET / HTTP/1.1\r\nHost: a, evil\r\n\r\n"),
        Trick("user in Host", "GET / HTTP/1.1\r\nHost: a@evil\r\n\r\n"),
        Trick("path in Host", "GET / HTTP/1.1\r\nHost: a/evil\r\n\r\n"),
        Trick("space in Host", "GET / HTTP/1.1\r\nHost: a evil\r\n\r\n"),
        Trick("port of letters", "GET / HTTP/1.1\r\nHost: a:evil\r\n\r\n"),
        Trick("space before Host's colon", "GET / HTTP/1.1\r\nHost : evil\r\n\r\n"),
        Trick("two Hosts beside absolute-form", "GET http://a/first HTTP/1.1\r\nHost: a\r\nHost: evil\r\n\r\n"),
        Trick(
            "absolute-form beside another Host", "GET http://a/first HTTP/1.1\r\nHost: evil\r\n\r\n", .passes(1),
            has: ["HTTP_HOST": "a"]),
        .get(
            "X-Forwarded-Host", "X-Forwarded-Host: evil\r\nX-Host: kept\r\nForwarded: host=evil", .passes(1),
            has: ["HTTP_HOST": "a"]),
    ]

    /// What only a trusted proxy may say.
    private static let senders: [Trick] =
        [
            "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server",
            "X-Forwarded-SSL", "X-Forwarded-Prefix", "X-Forwarded-Scheme", "X-Real-IP", "Forwarded",
        ].map { .get($0, "\($0): evil\r\n\($0.lowercased()): evil", .passes(1)) }
        + [
            .get(
                "X-Forwarded-For is the peer", "X-Forwarded-For: evil, 127.0.0.1", .passes(1),
                has: ["HTTP_X_FORWARDED_FOR": "127.0.0.1"]),
            .get(
                "X-Forwarded-Proto is ours", "X-Forwarded-Proto: evil", .passes(1),
                has: ["HTTP_X_FORWARDED_PROTO": "http"]),
        ]

    /// RFC 9110 section 7.6.1: a client may take its own fields away, never ours.
    private static let connectionOptions: [Trick] = [
        .get(
            "Connection names X-Forwarded-For", "Connection: X-Forwarded-For\r\nX-Forwarded-For: evil", .passes(1),
            has: ["HTTP_X_FORWARDED_FOR": "127.0.0.1"]),
        .get("Connection names Host", "Connection: Host", .passes(1), has: ["HTTP_HOST": "a"]),
        .post(
            "Connection names Content-Length", "Connection: Content-Length\r\nContent-Length: 3", "abc", .passes(1),
            has: ["CONTENT_LENGTH": "3"]),
        .post(
            "Connection names Transfer-Encoding", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
            "3\r\nabc\r\n0\r\n\r\n", .passes(1)),
        .get("Connection names Authorization", "Connection: Authorization\r\nAuthorization: evil", .passes(1)),
        .get("Connection names many", "Connection: close, X-A, X-B\r\nX-A: evil\r\nX-B: evil", .passes(1)),
        .get("h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: evil", .passes(1)),
        .get(
            "h2c without HTTP2-Settings in Connection", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: evil",
            .passes(1)),
        .get("Upgrade without Connection", "Upgrade: evil", .passes(1)),
    ]

    /// RFC 9110 section 10.1.1.
    private static let expectations: [Trick] = [
        .post("Expect with the body at once", "Expect: 100-continue\r\nContent-Length: 3", "abc", .passes(1)),
        .post("Expect and no body", "Expect: 100-continue", "", .passes(1)),
        .post("Expect with other words", "Expect: 100-continue, evil\r\nContent-Length: 3", "abc"),
        .post("unknown Expect", "Expect: evil\r\nContent-Length: 3", "abc"),
        .post("Expect with a tab inside", "Expect: 100\tcontinue\r\nContent-Length: 3", "abc"),
        .post("empty Expect", "Expect:\r\nContent-Length: 3", "abc"),
    ]
}
