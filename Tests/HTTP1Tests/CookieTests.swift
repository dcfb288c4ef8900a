import HTTP1
import Testing

@Suite struct CookieTests {
    private func value(of name: String, _ fields: String) -> String? {
        withRequest("GET / HTTP/1.1\r\nHost: example.com\r\n\(fields)\r\n") { head, bytes in
            Array(name.utf8).withUnsafeBytes { CookieScan.value(of: $0, head, bytes)?.string(bytes) }
        }
    }

    @Test(
        "a cookie is found by its exact name",
        arguments: [
            ("Cookie: a=1\r\n", "1"), ("Cookie: b=2; a=1\r\n", "1"), ("Cookie: a=1; a=2\r\n", "1"),
            ("Cookie: a=\r\n", ""),
            ("Cookie: b=2;a=1;c=3\r\n", "1"), ("Cookie: a=\"1\"\r\n", "1"), ("Cookie: a=\"\r\n", "\""),
            ("Cookie: b=2\r\nCookie: a=1\r\n", "1"), ("Cookie:  a = 1 ; b\r\n", "1"), ("Cookie: a=x=y\r\n", "x=y"),
            ("Cookie: ; ;a=1\r\n", "1"), ("cOOKIE: aa=2; a=1\r\n", "1"), ("Cookie: a; a=1\r\n", "1"),
        ])
    func found(_ fields: String, _ expected: String) { #expect(value(of: "a", fields) == expected, "\(fields)") }

    @Test(
        "and by nothing else",
        arguments: [
            "", "Cookie: \r\n", "Cookie: A=1\r\n", "Cookie: aa=1\r\n", "Cookie: b=a=1\r\n", "Cookie: a\r\n",
            "X: a=1\r\n",
        ])
    func missing(_ fields: String) { #expect(value(of: "a", fields) == nil, "\(fields)") }

    private func line(_ cookie: StickyCookie, _ value: String) -> String {
        var memory = [UInt8](repeating: 0, count: cookie.encodedSize(valueLength: value.utf8.count))
        let count = memory.withUnsafeMutableBytes { target in
            var writer = ByteWriter(target)
            Array(value.utf8).withUnsafeBytes { cookie.write($0, to: &writer) }
            #expect(!writer.overflowed)
            return writer.count
        }
        #expect(count == memory.count)
        return String(decoding: memory, as: UTF8.self)
    }

    @Test(
        "the cookie is written with the configured attributes, for the app's path, and cannot end its line",
        arguments: [
            ("SameSite=Lax; Secure;", "/", "; Path=/; HttpOnly; SameSite=Lax; Secure"), ("", "", "; Path=/; HttpOnly"),
            ("Path=/x;httponly", "/shop", "; Path=/x; httponly"), ("Secure", "/shop", "; Path=/shop; HttpOnly; Secure"),
            ("Secure\r\nX-Evil: 1", "/a;b\n", "; Path=/ab; HttpOnly; SecureX-Evil: 1"),
        ])
    func written(_ attributes: String, _ path: String, _ expected: String) throws {
        let cookie = try #require(StickyCookie(name: "_passenger_route", attributes: attributes, basePath: path))
        #expect(line(cookie, "4711") == "Set-Cookie: _passenger_route=4711\(expected)\r\n")
    }

    @Test("what was written is read again; a name that is no token is refused")
    func roundTrip() throws {
        let cookie = try #require(StickyCookie(name: "_passenger_route", attributes: "", basePath: "/"))
        let read = withRequest("GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1; _passenger_route=4711\r\n\r\n") {
            head, bytes in
            cookie.value(head, bytes)?.string(bytes)
        }
        #expect(read == "4711")
        for name in ["", "a b", "a=b", "a;b", "a\r\n", "é"] {
            #expect(StickyCookie(name: name, attributes: "", basePath: "/") == nil)
        }
    }
}
