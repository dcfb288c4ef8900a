import Testing

/// What an app answers, whose author let a client write into its fields, or worse.
struct SplitAnswer: Sendable, CustomTestStringConvertible {
    enum Outcome: Sendable {
        case badGateway
        /// 200 with this body.
        case body(String)
        /// The answer had begun; the connection ends in its middle.
        case brokenOff
        /// Nothing but that no `evil` reaches a client.
        case any
    }

    var name: String
    var bytes: [UInt8]
    var closes: Bool
    var outcome: Outcome
    var testDescription: String { name }

    /// Characters up to U+00FF are bytes.
    init(_ name: String, _ text: String, _ outcome: Outcome = .badGateway, closes: Bool = false) {
        self.name = name
        bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        self.outcome = outcome
        self.closes = closes
    }
}

private let second = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
private let chunkedOK = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/// An answer with these field lines beside a length of two, and its body.
private func ok(_ fields: String) -> String { "HTTP/1.1 200 OK\r\n\(fields)\r\nContent-Length: 2\r\n\r\nok" }

enum SplittingTable {
    static let all: [SplitAnswer] = heads + framings + bodies

    private static let heads: [SplitAnswer] = [
        SplitAnswer("LF in a value", ok("Location: /a\nSet-Cookie: evil")),
        SplitAnswer("CR in a value", ok("Location: /a\rSet-Cookie: evil")),
        SplitAnswer("NUL in a value", ok("Location: /a\0evil")),
        SplitAnswer("folded value", ok("Location: /a\r\n evil")),
        SplitAnswer("LF LF in a value", ok("Location: /a\n\n\(second)")),
        SplitAnswer("space before the colon", ok("X : evil")),
        SplitAnswer("space in a name", ok("X Y: evil")),
        SplitAnswer("no colon", ok("evil")),
        SplitAnswer("empty name", ok(": evil")),
        SplitAnswer("CR in the reason", "HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n"),
        SplitAnswer("NUL in the reason", "HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n"),
        SplitAnswer("status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
        SplitAnswer("status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
        SplitAnswer("status 099", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"),
        SplitAnswer("HTTP/0.9", "evil", .badGateway, closes: true),
        SplitAnswer("HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        SplitAnswer("LF throughout", "HTTP/1.1 200 OK\nContent-Length: 4\n\nevil"),
        SplitAnswer("CRLF first", "\r\n" + ok("X: y")),
        SplitAnswer("upgrade that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nevil"),
        SplitAnswer("no end of the head", "HTTP/1.1 200 OK\r\nX: evil\r\n", .badGateway, closes: true),
        SplitAnswer("head without bounds", ok("X: evil" + String(repeating: "x", count: 300_000))),
        SplitAnswer(
            "fields of this connection", ok("Keep-Alive: evil\r\nProxy-Connection: evil\r\nTE: evil"), .body("ok")),
        SplitAnswer("a field that Connection names", ok("Connection: X-A\r\nX-A: evil"), .body("ok")),
    ]

    private static let framings: [SplitAnswer] = [
        SplitAnswer("two lengths", ok("Content-Length: 0")),
        SplitAnswer("equal lengths", ok("Content-Length: 2")),
        SplitAnswer("list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok"),
        SplitAnswer("length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"),
        SplitAnswer("negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"),
        SplitAnswer("length over 63 bits", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nok"),
        SplitAnswer("length and chunks", ok("Transfer-Encoding: chunked")),
        SplitAnswer("unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        SplitAnswer("chunks not last", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        SplitAnswer("chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SplitAnswer("space before a length's colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"),
        SplitAnswer("Content_Length is no length", ok("Content_Length: 9"), .body("ok")),
    ]

    private static let bodies: [SplitAnswer] = [
        SplitAnswer("an answer beyond the length", ok("X: y") + second, .body("ok")),
        SplitAnswer("an answer beyond length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + second, .body("")),
        SplitAnswer("bytes beyond the length", ok("X: y") + "evil", .body("ok")),
        SplitAnswer("an answer beyond the chunks", chunkedOK + "2\r\nok\r\n0\r\n\r\n" + second, .body("ok")),
        SplitAnswer("an answer after 204", "HTTP/1.1 204 No Content\r\n\r\n" + second, .any),
        SplitAnswer("204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil", .any),
        SplitAnswer("304 with a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil", .any),
        SplitAnswer(
            "fewer bytes than the length", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", .brokenOff, closes: true),
        SplitAnswer("chunks without end", chunkedOK + "2\r\nok\r\n", .brokenOff, closes: true),
        SplitAnswer("chunk size of letters", chunkedOK + "zz\r\n", .any),
        SplitAnswer("trailer that frames", chunkedOK + "0\r\nContent-Length: 4\r\n\r\nevil", .any),
        SplitAnswer(
            "many interim answers", String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 5000) + ok("X: y"), .any
        ),
        SplitAnswer(
            "interim answer with a body", "HTTP/1.1 103 Early Hints\r\nContent-Length: 4\r\n\r\nevil" + ok("X: y"), .any
        ),
    ]
}
