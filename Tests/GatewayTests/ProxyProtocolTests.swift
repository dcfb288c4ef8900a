import Linux
import Model
import Testing

@testable import Gateway

@Suite("PROXY protocol and redirects to https", .timeLimit(.minutes(5)))
struct ProxyProtocolTests {
    /// Says whom it takes the client for.
    private static let worker: FakeWorker.Behaviour = { connection in
        while let (request, _) = try connection.readRequest() {
            let fields = request.fields
            let words = ["REMOTE_ADDR", "REMOTE_PORT", "SERVER_PORT", "HTTP_X_FORWARDED_FOR"].map { fields[$0] ?? "-" }
            try connection.answer(words.joined(separator: " "))
        }
    }

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

    private struct Good {
        var header: [UInt8]
        /// Nil: the socket's own.
        var client: String?
        init(_ header: [UInt8], _ client: String?) {
            self.header = header
            self.client = client
        }
    }

    private static let good = [
        Good(Array("PROXY TCP4 192.0.2.1 198.51.100.2 4711 8443\r\n".utf8), "192.0.2.1 4711 8443 192.0.2.1"),
        Good(Array("PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n".utf8), "2001:db8::1 4711 443 2001:db8::1"),
        Good(Array("PROXY UNKNOWN\r\n".utf8), nil),
        Good(
            signature + [0x21, 0x11, 0, 12, 192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 1, 0xbb],
            "192.0.2.7 4711 443 192.0.2.7"),
        Good(signature + [0x20, 0, 0, 0], nil),
    ]

    @Test("the address in the header is the client's, however the bytes are cut")
    func addresses() async throws {
        let options = TestGateway.Options(proxyProtocol: true)
        try await TestGateway.run(options, worker: Self.worker) { server in
            for entry in Self.good {
                for isSlow in [false, true] {
                    let client = try server.client()
                    let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                    if isSlow {
                        for byte in entry.header { try client.stream.send([byte]) }
                        try client.stream.send(request)
                    } else {
                        try client.stream.send(entry.header + request)
                    }
                    let text = try client.answer().text
                    if let expected = entry.client {
                        #expect(text == expected)
                    } else {
                        #expect(text.hasPrefix("127.0.0.1 ") && text.hasSuffix(" \(server.port) 127.0.0.1"))
                    }
                    #expect(try client.get().text == text)
                }
            }
        }
    }

    @Test("a connection without a proper header is closed unanswered, and the log has it")
    func refused() async throws {
        let options = TestGateway.Options(proxyProtocol: true)
        try await TestGateway.run(options, worker: Self.worker) { server in
            let headers: [[UInt8]] = [
                Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8),
                Array("PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n".utf8),
                Array("PROXY TCP4 192.0.2.300 198.51.100.2 1 2\r\n".utf8),
                Self.signature + [0x31, 0x11, 0, 12] + [UInt8](repeating: 1, count: 12),
            ]
            for header in headers {
                let client = try server.client()
                try client.stream.send(header)
                #expect((try? client.stream.readSome()) ?? [] == [])
            }
            let areTold = eventually {
                server.events.all.count { if case .badProxyHeader = $0 { true } else { false } } == headers.count
            }
            #expect(areTold)
            #expect(server.fleet.workers[0].requestCount == 0)
        }
    }

    /// Whether what clients say of themselves in X-Forwarded-For is believed.
    private static let believed: [(header: [UInt8], isBelieved: Bool)] = [
        (signature + [0x20, 0, 0, 0], true),
        (Array("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n".utf8), true),
        (Array("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n".utf8), false),
        (Array("PROXY UNKNOWN\r\n".utf8), false),
        (signature + [0x21, 0, 0, 0], false),
        (signature + [0x21, 0x12, 0, 12] + [127, 0, 0, 1, 127, 0, 0, 1, 0, 1, 0, 2], false),
        (signature + [0x21, 0x31, 0, 216] + [UInt8](repeating: 0, count: 216), false),
    ]

    @Test("a client of whom the balancer says nothing, or that he came over a Unix socket, is not taken at his word")
    func trust() async throws {
        let options = TestGateway.Options(proxyProtocol: true, trusted: ["127.0.0.1"])
        try await TestGateway.run(options, worker: Self.worker) { server in
            for (header, isBelieved) in Self.believed {
                let client = try server.client()
                try client.stream.send(
                    header + Array("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n".utf8))
                #expect(try client.answer().text.contains("203.0.113.9") == isBelieved, "\(header)")
            }
        }
    }

    @Test("a client that has reset its connection before it was accepted does not pass for one on this machine")
    func resetBeforeAccept() async throws {
        let believed = Counter()
        let server = try await TestGateway(TestGateway.Options()) { connection in
            while let (request, _) = try connection.readRequest() {
                if request.fields["HTTP_X_FORWARDED_FOR"]?.contains("203.0.113.9") == true { believed.add() }
                try connection.answer("seen")
            }
        }
        for isProxied in [false, true] {
            let listener = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
            try startListening(listener.number, backlog: 16, subject: "test")
            let port = try boundPort(listener.number)
            let request =
                (isProxied ? "PROXY UNKNOWN\r\n" : "")
                + "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
            try await blocking {
                let client = try TestClient(port: port)
                try client.send(request)
                client.stream.resetsWhenClosed()
            }
            try await server.gateway.open([
                GatewayListener(descriptor: listener.release(), isShared: false, proxyProtocol: isProxied)
            ])
            // It is accepted after the first one.
            try await blocking {
                let other = try TestClient(port: port)
                try other.send(request)
                #expect(try other.answer().text == "seen")
            }
        }
        #expect(believed.value == 0)
        try await server.stop()
    }

    @Test("a header that does not come in time ends the connection")
    func late() async throws {
        let options = TestGateway.Options(proxyProtocol: true, settings: { $0.http.headerTimeout = .milliseconds(100) })
        try await TestGateway.run(options) { server in
            let client = try server.client()
            try client.send("PROXY TCP4 192.0.2.1")
            #expect(client.isEnded())
        }
    }

    @Test("the header comes before TLS")
    func beforeTLS() async throws {
        let options = TestGateway.Options(tls: ["example.com"], proxyProtocol: true)
        try await TestGateway.run(options, worker: Self.worker) { server in
            let result = try server.curl(["--haproxy-protocol", "-w", " %{http_version}"], "/")
            #expect(result.output.hasPrefix("127.0.0.1 ") && result.output.hasSuffix(" 2"))
            #expect(try server.curl([], "/").status != 0)
        }
    }

    @Test("plain requests are sent to https, to the same place")
    func redirects() async throws {
        let table = [
            ("GET /a/b?c=d HTTP/1.1\r\nHost: example.com:80", 301, "https://example.com:8443/a/b?c=d"),
            ("HEAD /? HTTP/1.1\r\nHost: EXAMPLE.com", 301, "https://EXAMPLE.com:8443/?"),
            ("POST /form HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0", 308, "https://example.com:8443/form"),
            ("GET http://example.org/x HTTP/1.1\r\nHost: example.org", 301, "https://example.org:8443/x"),
            ("OPTIONS * HTTP/1.1\r\nHost: example.com", 308, "https://example.com:8443/"),
            ("GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: example.com", 200, nil),
            ("GET /.well-known/other HTTP/1.1\r\nHost: example.com", 301, "https://example.com:8443/.well-known/other"),
            ("GET / HTTP/1.0", 400, nil),
        ]
        try await TestGateway.run(TestGateway.Options(redirectPort: 8443), worker: Self.worker) { server in
            for (head, status, location) in table {
                let client = try server.client()
                try client.send(head + "\r\n\r\n")
                let answer = try client.answer()
                #expect(answer.status == status, "\(head)")
                #expect(answer.field("Location") == location, "\(head)")
            }
        }
    }

    @Test("who comes by https, to us or to a proxy that is believed, is not sent there again")
    func noLoop() async throws {
        let options = TestGateway.Options(tls: ["example.com"], redirectPort: 443)
        try await TestGateway.run(options, worker: Self.worker) { server in
            let result = try server.curl(["-w", "%{http_code}"], "/")
            #expect(result.output.hasSuffix("200"))
        }
        for isTrusted in [true, false] {
            let options = TestGateway.Options(redirectPort: 443, trusted: isTrusted ? ["127.0.0.1"] : [])
            try await TestGateway.run(options, worker: Self.worker) { server in
                for field in ["X-Forwarded-Proto: https", "Forwarded: for=192.0.2.9;proto=https"] {
                    let answer = try server.client().get("/", field + "\r\n")
                    #expect(answer.status == (isTrusted ? 200 : 301), "\(field)")
                }
                for field in ["X-Forwarded-Proto: http", "X-Forwarded-For: 192.0.2.9", "X-A: b"] {
                    #expect(try server.client().get("/", field + "\r\n").status == 301, "\(field)")
                }
            }
        }
    }
}
