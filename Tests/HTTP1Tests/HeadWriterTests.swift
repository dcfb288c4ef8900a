import HTTP1
import Testing

@Suite struct HeadWriterTests {
    private let facts = ConnectionFacts(
        remoteAddress: "192.0.2.7", remotePort: 4711, serverName: "fallback", serverPort: 8080, isSecure: true)

    /// The pairs that a session worker gets, in order.
    private func session(
        _ text: String, _ forwarding: Forwarding = Forwarding(body: .none),
        extra: (RequestHead, UnsafeRawBufferPointer, inout ByteWriter) -> Void = { _, _, _ in }
    ) throws -> [[String]] {
        let written = try write(text, limit: nil) { head, length, raw, writer in
            SessionHead.begin(head, raw, facts, forwarding, to: &writer)
            extra(head, raw, &writer)
            return SessionHead.end(&writer)
        }
        let bytes = try #require(written)
        let length = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
        #expect(length == bytes.count - 4)
        #expect(bytes.last == 0)
        let parts = bytes[4...].dropLast().split(separator: 0, omittingEmptySubsequences: false)
        #expect(parts.count % 2 == 0)
        return stride(from: 0, to: parts.count, by: 2).map { at in
            [String(decoding: parts[at], as: UTF8.self), String(decoding: parts[at + 1], as: UTF8.self)]
        }
    }

    /// Parses, then writes into memory of exactly the size that was promised to suffice.
    private func write(
        _ text: String, limit: Int?,
        _ body: (RequestHead, Int, UnsafeRawBufferPointer, inout ByteWriter) -> Int?
    ) throws -> [UInt8]? {
        let bytes = Array(text.utf8)
        var parser = RequestHeadParser()
        var head = RequestHead()
        return try bytes.withUnsafeBytes { raw -> [UInt8]? in
            guard case .complete(let length) = parser.parse(raw, into: &head) else {
                Issue.record("not a request: \(text)")
                return nil
            }
            let size = limit ?? SessionHead.encodedSize(head, headLength: length, facts, extra: 100)
            var memory = [UInt8](repeating: 0xee, count: size)
            let count = memory.withUnsafeMutableBytes { target in
                var writer = ByteWriter(target)
                return body(head, length, raw, &writer)
            }
            return try limit == nil ? Array(memory[..<#require(count)]) : count.map { Array(memory[..<$0]) }
        }
    }

    private func http(_ text: String, _ forwarding: Forwarding = Forwarding(body: .none)) throws -> String {
        let bytes = try write(text, limit: nil) { head, length, raw, writer in
            #expect(ForwardHead.encodedSize(head, headLength: length) > 0)
            ForwardHead.begin(head, raw, forwarding, to: &writer)
            #expect(writer.count + 2 <= ForwardHead.encodedSize(head, headLength: length))
            return ForwardHead.end(&writer)
        }
        return String(decoding: try #require(bytes), as: UTF8.self)
    }

    @Test("a session head has the CGI variables of the request")
    func sessionVariables() throws {
        let pairs = try session(
            "POST /app/a%20b/%C3%A4?x=%20 HTTP/1.1\r\nHost: example.org:81\r\nContent-Type: text/plain\r\n"
                + "Accept-Language: de\r\nContent-Length: 3\r\n\r\n",
            Forwarding(body: .length(3), basePathLength: 4))
        #expect(
            pairs == [
                ["REQUEST_METHOD", "POST"], ["SCRIPT_NAME", "/app"], ["PATH_INFO", "/a%20b/%C3%A4"],
                ["QUERY_STRING", "x=%20"], ["REQUEST_URI", "/app/a%20b/%C3%A4?x=%20"], ["SERVER_PROTOCOL", "HTTP/1.1"],
                ["REMOTE_ADDR", "192.0.2.7"], ["REMOTE_PORT", "4711"], ["SERVER_PORT", "8080"], ["HTTPS", "on"],
                ["SERVER_NAME", "example.org"], ["HTTP_HOST", "example.org:81"], ["CONTENT_LENGTH", "3"],
                ["CONTENT_TYPE", "text/plain"], ["HTTP_ACCEPT_LANGUAGE", "de"],
            ])
    }

    @Test("what must not reach a worker does not")
    func dropped() throws {
        let text =
            "GET / HTTP/1.1\r\nHost: a\r\nProxy: evil\r\nX_Forwarded_For: evil\r\nKeep-Alive: 1\r\nTE: trailers\r\n"
            + "Connection: close, X-Mine, Host\r\nX-Mine: gone\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\nX-Forwarded-For: evil\r\n"
            + "Proxy-Authorization: a\r\nTrailer: a\r\nExpect: 100-continue\r\nKept: yes\r\n\r\n"
        let pairs = try session(text, Forwarding(body: .chunked, dropping: .forwarding))
        #expect(
            pairs.map(\.[0]).filter { $0.hasPrefix("HTTP_") } == ["HTTP_HOST", "HTTP_TRANSFER_ENCODING", "HTTP_KEPT"])
        let sent = try http(text, Forwarding(body: .chunked, dropping: .forwarding))
        #expect(sent == "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nKept: yes\r\n\r\n")
    }

    @Test("Connection cannot take Host away, and its option close names no field")
    func connectionNames() throws {
        for options in ["close", "close, X-Mine", "Host, X-Mine, close"] {
            let text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: \(options)\r\nX-Mine: 1\r\nClose: kept\r\n\r\n"
            let rest = options == "close" ? "X-Mine: 1\r\nClose: kept" : "Close: kept"
            #expect(try http(text) == "GET / HTTP/1.1\r\nHost: a\r\n\(rest)\r\n\r\n")
        }
    }

    @Test("repeated fields become one variable, and cookies stay cookies")
    func repeated() throws {
        let text =
            "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nX-A: 1\r\nCOOKIE: c=d\r\nx-a: 2\r\nX-B: 3\r\nX-A: 3\r\n\r\n"
        let pairs = try session(text)
        #expect(
            Array(pairs.suffix(3)) == [["HTTP_COOKIE", "a=b; c=d"], ["HTTP_X_A", "1, 2, 3"], ["HTTP_X_B", "3"]])
        #expect(try http(text).hasSuffix("Cookie: a=b\r\nX-A: 1\r\nCOOKIE: c=d\r\nx-a: 2\r\nX-B: 3\r\nX-A: 3\r\n\r\n"))
    }

    @Test("fields of the gateway are added, to what a trusted peer said if need be")
    func added() throws {
        let text = "GET / HTTP/1.0\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n\r\n"
        let address = Array("192.0.2.7".utf8)
        let pairs = try session(text, Forwarding(body: .none, dropping: [.xForwardedFor])) { head, raw, writer in
            address.withUnsafeBytes { value in
                SessionHead.field("X-Request-ID", value, to: &writer)
                SessionHead.field(.xForwardedFor, appending: value, head, raw, to: &writer)
            }
        }
        #expect(
            Array(pairs.suffix(3)) == [
                ["SERVER_NAME", "fallback"], ["HTTP_X_REQUEST_ID", "192.0.2.7"],
                ["HTTP_X_FORWARDED_FOR", "10.0.0.1, 10.0.0.2, 192.0.2.7"],
            ])
    }

    @Test("an absolute target is passed on in origin-form, an upgrade as an upgrade")
    func forms() throws {
        #expect(try http("GET http://h:1?q HTTP/1.1\r\nHost: x\r\n\r\n") == "GET /?q HTTP/1.1\r\nHost: h:1\r\n\r\n")
        #expect(try http("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n") == "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        let upgrade =
            "GET /s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
        #expect(
            try http(upgrade, Forwarding(body: .none, upgrade: true))
                == "GET /s HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
        )
        let pairs = try session("GET http://h HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(pairs.contains(["PATH_INFO", "/"]) && pairs.contains(["REQUEST_URI", "/"]))
    }

    @Test("too little memory is an answer, not a crash")
    func tooSmall() throws {
        for limit in 0..<200 {
            let bytes = try write("GET /a%20b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", limit: limit) {
                head, _, raw, writer in
                SessionHead.begin(head, raw, facts, Forwarding(body: .length(7)), to: &writer)
                return SessionHead.end(&writer)
            }
            #expect(bytes == nil)
        }
    }

    @Test("whatever is accepted fits into the size promised for it", arguments: [21] as [UInt64])
    func sizes(seed: UInt64) throws {
        var generator = RequestGenerator(seed: seed)
        for _ in 0..<20_000 {
            let text = String(decoding: generator.next(), as: UTF8.self)
            guard let parsed = parseRequest(text).accepted else { continue }
            let forwarding = Forwarding(body: parsed.body, upgrade: parsed.upgrade, basePathLength: 2)
            let pairs = try session(text, forwarding)
            #expect(Set(pairs.map(\.[0])).count == pairs.count, "a key appears twice: \(pairs)")
            // Without a host, the worker's field is there and empty: right by RFC 9112 section 3.2, but not for us.
            if parsed.host.isEmpty { continue }
            let again = try #require(parseRequest(try http(text, forwarding)).accepted)
            #expect(again.body == parsed.body)
            #expect(again.method == parsed.method)
        }
    }

    @Test("a worker's answer is passed on with this side's framing")
    func answer() {
        let text =
            "HTTP/1.1 200 Fine\r\nContent-Type: text/html\r\nConnection: X-Own\r\nX-Own: a\r\nTransfer-Encoding: chunked\r\n"
            + "Keep-Alive: timeout=5\r\nX_Y: z\r\nServer: app\r\n\r\n"
        #expect(
            answer(text, .chunked, keepAlive: true, minor: 1)
                == "HTTP/1.1 200 Fine\r\nContent-Type: text/html\r\nX_Y: z\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(
            answer(text, .untilClose, keepAlive: false, minor: 0)
                == "HTTP/1.1 200 Fine\r\nContent-Type: text/html\r\nX_Y: z\r\nConnection: close\r\n\r\n")
        let notModified = "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
        #expect(
            answer(notModified, .none, keepAlive: true, minor: 0)
                == "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nConnection: keep-alive\r\n\r\n")
        let switching = "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        #expect(
            answer(switching, .none, keepAlive: true, minor: 1)
                == "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
    }

    private func answer(_ text: String, _ framing: ResponseFraming, keepAlive: Bool, minor: UInt8) -> String {
        let bytes = Array(text.utf8)
        let (_, head) = parseResponse(text)
        return bytes.withUnsafeBytes { raw in
            var memory = [UInt8](repeating: 0, count: AnswerHead.encodedSize(head, headLength: bytes.count))
            let count = memory.withUnsafeMutableBytes { target in
                var writer = ByteWriter(target)
                AnswerHead.begin(
                    head, raw, framing: framing, keepAlive: keepAlive, clientMinor: minor, dropping: [.server],
                    to: &writer)
                return AnswerHead.end(&writer)
            }
            return String(decoding: memory[..<(count ?? 0)], as: UTF8.self)
        }
    }
}
