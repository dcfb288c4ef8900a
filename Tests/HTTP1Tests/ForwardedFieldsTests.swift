import HTTP1
import Testing

@Suite struct ForwardedFieldsTests {
    private static let id = RequestID(high: 0x0123_4567_89ab_cdef, low: 0xff)
    private static let idText = "0123456789abcdef00000000000000ff"
    private static let trusted = AddressRanges(["10.0.0.0/8", "2001:db8:1::/48"])

    private func fields(_ peer: String?, port: Int = 8080, tls: Bool = false) -> ForwardedFields {
        let address = peer.flatMap { IPAddress($0) }
        return ForwardedFields(
            peer: address, serverPort: port, isSecure: tls, isTrusted: address.map(Self.trusted.contains) ?? true)
    }

    private func write(
        _ fields: ForwardedFields, as form: HeadForm, _ clientFields: String, host: String? = "example.com"
    ) -> (String, RequestOrigin) {
        let version = host == nil ? "1.0" : "1.1"
        let request = "GET / HTTP/\(version)\r\n\(host.map { "Host: \($0)\r\n" } ?? "")\(clientFields)\r\n"
        return withRequest(request) { head, bytes in
            let origin = fields.origin(
                head, bytes, trusted: Self.trusted, id: Self.id, arrived: UnixTime(milliseconds: 1_732_555_555_007))
            // The fields that are kept are part of the head, whose bytes the caller reserves anyway.
            let size = fields.extraSize(head) + bytes.count + 8 * head.fields.count
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
            defer { memory.deallocate() }
            var writer = ByteWriter(memory)
            fields.write(as: form, head, bytes, origin, to: &writer)
            #expect(!writer.overflowed)
            return (String(decoding: memory[..<writer.count], as: UTF8.self), origin)
        }
    }

    /// Both forms must say the same.
    private func expect(
        _ fields: ForwardedFields, _ clientFields: String, host: String? = "example.com", gives lines: [String],
        location: SourceLocation = #_sourceLocation
    ) {
        let http = lines.map { $0 + "\r\n" }.joined()
        let session = lines.map { line in
            let parts = line.split(separator: ": ", maxSplits: 1)
            return "HTTP_" + parts[0].uppercased().replacing("-", with: "_") + "\0" + parts[1] + "\0"
        }.joined()
        #expect(write(fields, as: .http, clientFields, host: host).0 == http, sourceLocation: location)
        #expect(write(fields, as: .session, clientFields, host: host).0 == session, sourceLocation: location)
    }

    private static let mark = ["X-Request-ID: \(idText)", "X-Request-Start: t=1732555555.007"]
    private static let forged = """
        X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 1\r
        Forwarded: for=1.2.3.4;proto=https\r\nX-Real-IP: 1.2.3.4\r\nX-Request-ID: forged\r\nX-Request-Start: t=1\r
        X-Forwarded-SSL: on\r\nX-Forwarded-Scheme: https\r\nX-Forwarded-Prefix: /x\r\nX-Forwarded-Server: y\r

        """

    @Test("what a peer that is not trusted says is replaced", arguments: ["", forged])
    func untrusted(_ clientFields: String) {
        expect(
            fields("192.0.2.7"), clientFields,
            gives: [
                "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http",
                "Forwarded: for=192.0.2.7;proto=http;host=\"example.com\"", "X-Forwarded-Host: example.com",
                "X-Forwarded-Port: 80",
            ] + Self.mark)
        let origin = write(fields("192.0.2.7"), as: .http, clientFields).1
        #expect(origin.client == IPAddress("192.0.2.7"))
        #expect(!origin.isSecure && origin.keptID == nil)
    }

    @Test("an IPv6 peer over TLS, with a port in Host")
    func v6() {
        expect(
            fields("2001:db8::7", tls: true), "", host: "example.com:8443",
            gives: [
                "X-Forwarded-For: 2001:db8::7", "X-Forwarded-Proto: https",
                "Forwarded: for=\"[2001:db8::7]\";proto=https;host=\"example.com:8443\"",
                "X-Forwarded-Host: example.com:8443", "X-Forwarded-Port: 8443",
            ] + Self.mark)
        expect(
            fields("::ffff:192.0.2.7", tls: true), "", host: "[::1]",
            gives: [
                "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https",
                "Forwarded: for=192.0.2.7;proto=https;host=\"[::1]\"", "X-Forwarded-Host: [::1]",
                "X-Forwarded-Port: 443",
            ] + Self.mark)
    }

    @Test("without Host the port is the listener's")
    func noHost() {
        expect(
            fields("192.0.2.7"), "", host: nil,
            gives: [
                "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http", "Forwarded: for=192.0.2.7;proto=http",
                "X-Forwarded-Port: 8080",
            ] + Self.mark)
    }

    @Test("a peer on a Unix socket is this machine")
    func unixSocket() {
        expect(
            fields(nil), "",
            gives: [
                "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http",
                "Forwarded: for=127.0.0.1;proto=http;host=\"example.com\"", "X-Forwarded-Host: example.com",
                "X-Forwarded-Port: 80",
            ] + Self.mark)
        // Somebody else's request: what the peer says stays as it is.
        expect(
            fields(nil), "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n",
            gives: [
                "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: example.com",
                "X-Forwarded-Port: 443",
            ] + Self.mark)
    }

    @Test("a trusted peer's words are kept, and its address is appended")
    func trusted() {
        expect(
            fields("10.0.0.1"),
            "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n"
                + "X-Forwarded-Port: 444\r\nX-Real-IP: 192.0.2.7\r\nX-Request-ID: abc-1\r\nX-Request-Start: t=1\r\n"
                + "Forwarded: for=192.0.2.7;proto=https\r\nX-Forwarded-For: 10.0.0.9\r\n",
            gives: [
                "X-Forwarded-For: 192.0.2.7, 10.0.0.9, 10.0.0.1",
                "Forwarded: for=192.0.2.7;proto=https, for=10.0.0.1", "X-Forwarded-Proto: https",
                "X-Forwarded-Host: shop.example", "X-Forwarded-Port: 444", "X-Real-IP: 192.0.2.7",
                "X-Request-ID: abc-1",
                "X-Request-Start: t=1",
            ])
    }

    @Test("fields that a trusted peer left out are not made to contradict it")
    func partial() {
        // No Forwarded of ours: Rack would take its http over the peer's https.
        expect(
            fields("10.0.0.1"), "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n",
            gives: [
                "X-Forwarded-For: 192.0.2.7, 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: example.com",
                "X-Forwarded-Port: 443",
            ] + Self.mark)
        expect(
            fields("2001:db8:1::1"), "Forwarded: for=\"[2001:db8::7]:4711\";proto=https;host=shop.example\r\n",
            gives: [
                "X-Forwarded-For: 2001:db8::7, 2001:db8:1::1",
                "Forwarded: for=\"[2001:db8::7]:4711\";proto=https;host=shop.example, for=\"[2001:db8:1::1]\"",
                "X-Forwarded-Proto: https",
            ] + Self.mark)
        // Our Host is the peer's name for us.
        expect(
            fields("10.0.0.1"), "X-Forwarded-Host: shop.example\r\nX-Forwarded-SSL: on\r\n", host: "backend:3000",
            gives: [
                "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example",
                "X-Forwarded-SSL: on",
            ] + Self.mark)
        expect(
            fields("10.0.0.1"), "X-Forwarded-Proto:\r\nX-Request-Start:\r\nX-Forwarded-For:\r\n",
            gives: [
                "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: example.com",
                "X-Forwarded-Port: 80",
            ] + Self.mark)
        expect(
            fields("10.0.0.1"), "",
            gives: [
                "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: http",
                "Forwarded: for=10.0.0.1;proto=http;host=\"example.com\"", "X-Forwarded-Host: example.com",
                "X-Forwarded-Port: 80",
            ] + Self.mark)
    }

    @Test("Connection cannot take a trusted peer's words away")
    func connection() {
        expect(
            fields("10.0.0.1"),
            "Connection: X-Forwarded-For, X-Forwarded-Proto\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n",
            gives: [
                "X-Forwarded-For: 192.0.2.7, 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: example.com",
                "X-Forwarded-Port: 443",
            ] + Self.mark)
    }

    @Test(
        "a trusted peer's request id is kept when it is sane and alone",
        arguments: [
            ("X-Request-ID: 0af7651916cd43dd8448eb211c80319c\r\n", true), ("X-Request-ID: Root=1-5e1b;a\r\n", false),
            ("X-Request-ID: AbC+/=:@~._-\r\n", true), ("X-Request-ID: a b\r\n", false), ("X-Request-ID:\r\n", false),
            ("X-Request-ID: \"a\"\r\n", false), ("X-Request-ID: a\r\nX-Request-ID: b\r\n", false),
            ("X-Request-ID: \(String(repeating: "a", count: 128))\r\n", true),
            ("X-Request-ID: \(String(repeating: "a", count: 129))\r\n", false),
        ])
    func requestID(_ field: String, _ isKept: Bool) {
        let (text, origin) = write(fields("10.0.0.1"), as: .http, field)
        #expect((origin.keptID != nil) == isKept)
        #expect(text.contains("X-Request-ID: \(Self.idText)\r\n") == !isKept)
        #expect(write(fields("192.0.2.7"), as: .http, field).0.contains("X-Request-ID: \(Self.idText)\r\n"))
    }

    @Test(
        "the client is the rightmost address that is not trusted",
        arguments: [
            ("X-Forwarded-For: 192.0.2.7", "192.0.2.7"), ("X-Forwarded-For: 1.1.1.1, 192.0.2.7", "192.0.2.7"),
            ("X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("X-Forwarded-For: 1.1.1.1, junk, 10.0.0.2", "10.0.0.2"), ("X-Forwarded-For: 1.1.1.1, unknown", "10.0.0.1"),
            ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 192.0.2.7", "192.0.2.7"),
            ("X-Forwarded-For: ,, ", "10.0.0.1"),
            ("X-Forwarded-For: 192.0.2.7:4711", "192.0.2.7"), ("X-Forwarded-For: [2001:db8::7]:1", "2001:db8::7"),
            ("X-Forwarded-For: 2001:db8::7", "2001:db8::7"), ("X-Forwarded-For: [2001:db8::7", "10.0.0.1"),
            ("Forwarded: for=1.1.1.1, For=192.0.2.7;by=_x", "192.0.2.7"), ("Forwarded: for=\"_gazonk, x\"", "10.0.0.1"),
            ("Forwarded: proto=https", "10.0.0.1"), ("Forwarded: by=1.1.1.1", "10.0.0.1"),
            ("Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 192.0.2.7", "192.0.2.7"), ("X-Real-IP: 1.1.1.1", "10.0.0.1"),
        ])
    func client(_ field: String, _ expected: String) {
        let origin = write(fields("10.0.0.1"), as: .http, field + "\r\n").1
        #expect(origin.client?.description == expected, "\(field)")
        #expect(write(fields("192.0.2.9"), as: .http, field + "\r\n").1.client?.description == "192.0.2.9")
    }

    @Test(
        "a trusted peer decides whether the client's connection was secure",
        arguments: [
            ("X-Forwarded-Proto: https", true), ("X-Forwarded-Proto: HTTPS", true), ("X-Forwarded-Proto: http", false),
            ("X-Forwarded-Proto: http, https", true), ("X-Forwarded-Proto: https, http", false),
            ("X-Forwarded-Proto: wss", true),
            ("X-Forwarded-SSL: on", true), ("X-Forwarded-Scheme: https", true),
            ("Forwarded: for=1.1.1.1;proto=https", true),
            ("Forwarded: proto=\"https\"", true), ("Forwarded: proto=http\r\nX-Forwarded-Proto: https", true),
            ("X-Forwarded-Proto: gopher", false), ("X-Forwarded-Proto:", false),
        ])
    func secure(_ field: String, _ expected: Bool) {
        #expect(write(fields("10.0.0.1"), as: .http, field + "\r\n").1.isSecure == expected, "\(field)")
        // Also when the peer's own connection to us is of the other kind.
        let said = !field.contains("gopher") && !field.hasSuffix(":")
        #expect(write(fields("10.0.0.1", tls: true), as: .http, field + "\r\n").1.isSecure == (said ? expected : true))
        #expect(!write(fields("192.0.2.9"), as: .http, field + "\r\n").1.isSecure)
    }

    @Test("ids differ, and are written as they are described")
    func ids() {
        var ids = RequestIDs()
        let many = (0..<10_000).map { _ in ids.next() }
        #expect(Set(many).count == many.count)
        for id in many.prefix(100) { #expect(id.description.utf8.count == RequestID.length) }
        #expect(Self.id.description == Self.idText)
        var other = RequestIDs()
        #expect(other.next() != many[0])
    }
}
