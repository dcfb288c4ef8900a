import HTTP1
import Testing

/// One message and what RFC 9112 (or our narrower rule) makes of it.
struct RequestCase: Sendable, CustomTestStringConvertible {
    var section: String
    var text: String
    /// Nil: accepted.
    var rejection: Rejection?
    var testDescription: String { "\(section): \(text.debugDescription.prefix(80))" }
    init(_ section: String, _ text: String, _ rejection: Rejection? = nil) {
        self.section = section
        self.text = text
        self.rejection = rejection
    }
    /// With a Host field and the empty line.
    static func line(_ section: String, _ line: String, _ rejection: Rejection? = nil) -> RequestCase {
        RequestCase(section, line + "\r\nHost: a\r\n\r\n", rejection)
    }
    /// A POST with these field lines.
    static func fields(_ section: String, _ fields: String, _ rejection: Rejection? = nil) -> RequestCase {
        RequestCase(section, "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n\r\n", rejection)
    }
    /// A GET with this as its Host.
    static func host(_ section: String, _ host: String, _ rejection: Rejection? = nil) -> RequestCase {
        RequestCase(section, "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n", rejection)
    }
}

let requestTable: [RequestCase] = startLineCases + targetCases + fieldCases + framingCases + hostCases + connectionCases

private let startLineCases: [RequestCase] = [
    .line("9112 3", "GET / HTTP/1.1"),
    .line("9112 2.2, one empty line before", "\r\nGET / HTTP/1.1"),
    .line("9112 2.2, two empty lines", "\r\n\r\nGET / HTTP/1.1", .badStartOfMessage),
    .line("9112 2.2, LF before", "\nGET / HTTP/1.1", .bareLineFeed),
    .line("9112 2.2, CR before", "\rGET / HTTP/1.1", .bareCarriageReturn),
    .line("9112 2.2, space before", " GET / HTTP/1.1", .badStartOfMessage),
    .line("not HTTP: TLS", "\u{16}\u{3}\u{1}\u{2}", .badStartOfMessage),
    .line("9112 2.2, bare CR in line", "GET /\r HTTP/1.1", .badTarget),
    RequestCase("9112 2.2, LF ends request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", .bareLineFeed),
    .line("9112 3, two spaces", "GET  / HTTP/1.1", .badTarget),
    .line("9112 3, tab", "GET\t/ HTTP/1.1", .badMethod),
    .line("9112 3, space at end", "GET / HTTP/1.1 ", .badVersion),
    .line("9112 3, space in target", "GET /a b HTTP/1.1", .badVersion),
    .line("9110 9.1, any token is a method", "M-SEARCH / HTTP/1.1"),
    .line("9110 9.1, methods are case-sensitive tokens", "get / HTTP/1.1"),
    .line("9110 9.1, not a token", "GE(T / HTTP/1.1", .badMethod),
    .line("9110 9.1, too long", String(repeating: "A", count: 33) + " / HTTP/1.1", .badMethod),
    .line("9112 3, HTTP/0.9", "GET /", .badVersion),
    .line("9112 3, method alone", "GET", .badTarget),
    .line("9112 2.3, small letters", "GET / http/1.1", .badVersion),
    .line("9112 2.3, two digits", "GET / HTTP/1.10", .badVersion),
    .line("9112 2.3, letters", "GET / HTTP/1.x", .badVersion),
    .line("9110 2.5, higher minor", "GET / HTTP/1.7"),
    .line("9110 2.5, other major", "GET / HTTP/2.0", .unsupportedVersion),
    .line("9110 2.5, HTTP/0.9 by name", "GET / HTTP/0.9", .unsupportedVersion),
    RequestCase("9112 3.2, HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n"),
    .line("9113 3.4, HTTP/2 preface", "PRI * HTTP/2.0", .unsupportedVersion),
]

private let targetCases: [RequestCase] = [
    .line("9112 3.2.1", "GET /a/b%20c?x=%zz&y=/? HTTP/1.1"),
    .line("9112 3.2.1, two slashes", "GET //a/../b HTTP/1.1"),
    .line("3986, unescaped but sent by browsers", "GET /a|{}\"^`\\?[] HTTP/1.1"),
    .line("3986 2.1, escape cut short", "GET /a%2 HTTP/1.1", .badEscape),
    .line("3986 2.1, escape with no digits", "GET /a%zz HTTP/1.1", .badEscape),
    .line("escaped NUL", "GET /a%00b HTTP/1.1", .badEscape),
    .line("9112 3.2, fragment", "GET /a#b HTTP/1.1", .badTarget),
    .line("9112 3.2, NUL", "GET /a\u{0} HTTP/1.1", .badTarget),
    .line("9112 3.2, DEL", "GET /a\u{7f} HTTP/1.1", .badTarget),
    .line("3986, raw bytes over 127", "GET /ä HTTP/1.1", .badTarget),
    .line("9112 3.2, no slash", "GET a HTTP/1.1", .badTarget),
    .line("9112 3.2.2", "GET http://example.org:80/a?b HTTP/1.1"),
    .line("9112 3.2.2, no path", "GET HTTPS://example.org HTTP/1.1"),
    .line("9112 3.2.2, query without path", "GET http://example.org?a HTTP/1.1"),
    .line("9110 4.2.4, user information", "GET http://user@example.org/ HTTP/1.1", .badTarget),
    .line("9110 4.2.1, empty host", "GET http:///a HTTP/1.1", .badTarget),
    .line("9112 3.2.2, other scheme", "GET ftp://example.org/ HTTP/1.1", .badTarget),
    .line("9112 3.2.2, one slash", "GET http:/a HTTP/1.1", .badTarget),
    .line("9112 3.2.3", "CONNECT example.org:443 HTTP/1.1"),
    .line("9112 3.2.3, no port", "CONNECT example.org HTTP/1.1", .badTarget),
    .line("9112 3.2.3, empty port", "CONNECT example.org: HTTP/1.1", .badTarget),
    .line("9112 3.2.3, a path", "CONNECT / HTTP/1.1", .badTarget),
    .line("9112 3.2.3, not CONNECT", "GET example.org:443 HTTP/1.1", .badTarget),
    .line("9112 3.2.4", "OPTIONS * HTTP/1.1"),
    .line("9112 3.2.4, not OPTIONS", "GET * HTTP/1.1", .badTarget),
    .line("9112 3, too long", "GET /" + String(repeating: "a", count: 16 << 10) + " HTTP/1.1", .targetTooLong),
]

private let fieldCases: [RequestCase] = [
    .fields("9112 5", "A: b"),
    .fields("9112 5.1, no space, much space", "A:b\r\nC: \t d \t "),
    .fields("9110 5.5, empty value", "A:\r\nB: "),
    .fields("9110 5.5, tab and bytes over 127", "A: b\tä"),
    .fields("9110 5.1, underscore", "a_b: c"),
    .fields("9112 5.1, space before colon", "A : b", .spaceBeforeColon),
    .fields("9112 5.1, tab before colon", "Content-Length\t: 5", .spaceBeforeColon),
    .fields("9112 5.1, space in name", "A b: c", .badFieldName),
    .fields("9112 5, empty name", ": b", .badFieldName),
    .fields("9112 5, no colon", "Abc", .missingColon),
    .fields("9110 5.1, not a token", "A\u{0}: b", .badFieldName),
    .fields("9110 5.1, byte over 127", "ä: b", .badFieldName),
    .fields("9110 5.5, NUL", "A: b\u{0}", .badFieldValue),
    .fields("9110 5.5, control character", "A: a long enough value \u{1} here", .badFieldValue),
    .fields("9110 5.5, DEL", "A: \u{7f}", .badFieldValue),
    .fields("9112 2.2, CR in value", "A: b\rc", .bareCarriageReturn),
    .fields("9112 2.2, CR in name", "A\rb: c", .bareCarriageReturn),
    .fields("9112 2.2, two CRs", "A: b\r", .bareCarriageReturn),
    .fields("9112 2.2, LF", "A: b\nC: d", .bareLineFeed),
    RequestCase("9112 2.2, LF for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineFeed),
    .fields("9112 5.2, folded", "A: b\r\n c", .obsoleteFolding),
    .fields("9112 5.2, folded with a tab", "A: b\r\n\tc: d", .obsoleteFolding),
    RequestCase("9112 2.2, space before first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", .obsoleteFolding),
    .fields("6585 5, 199 fields and Host", (0..<199).map { "A\($0): b" }.joined(separator: "\r\n")),
    .fields("6585 5, 200 fields and Host", (0..<200).map { "A\($0): b" }.joined(separator: "\r\n"), .tooManyFields),
    .fields("6585 5, 64 KiB", "A: " + String(repeating: "b", count: 64 << 10), .headTooLarge),
]

private let framingCases: [RequestCase] = [
    .fields("9112 6.3", "Content-Length: 5"),
    .fields("9112 6.3, zero", "Content-Length: 0"),
    .fields("9112 6.3, largest", "Content-Length: 9223372036854775807"),
    .fields("9112 6.3, overflow", "Content-Length: 9223372036854775808", .badContentLength),
    .fields("9112 6.3, overflow by far", "Content-Length: 99999999999999999999", .badContentLength),
    .fields("9112 6.3, sign", "Content-Length: +5", .badContentLength),
    .fields("9112 6.3, negative", "Content-Length: -5", .badContentLength),
    .fields("9112 6.3, hexadecimal", "Content-Length: 0x5", .badContentLength),
    .fields("9112 6.3, empty", "Content-Length:", .badContentLength),
    .fields("9112 6.3, inner space", "Content-Length: 1 2", .badContentLength),
    .fields("9112 6.3, list", "Content-Length: 5, 5", .badContentLength),
    .fields("9112 6.3, repeated, equal", "Content-Length: 5\r\nContent-Length: 5", .repeatedContentLength),
    .fields("9112 6.3, repeated, different", "Content-Length: 5\r\ncontent-length: 6", .repeatedContentLength),
    .fields("9112 6.1", "Transfer-Encoding: chunked"),
    .fields("9112 7, case", "TRANSFER-ENCODING: Chunked"),
    .fields("9112 6.1, with length", "Transfer-Encoding: chunked\r\nContent-Length: 5", .lengthAndTransferEncoding),
    .fields("9112 6.1, length first", "Content-Length: 5\r\nTransfer-Encoding: chunked", .lengthAndTransferEncoding),
    .fields("9112 6.1, unknown", "Transfer-Encoding: xchunked", .unknownTransferCoding),
    .fields("9112 6.1, identity", "Transfer-Encoding: identity", .unknownTransferCoding),
    .fields("9112 6.1, compressed", "Transfer-Encoding: gzip, chunked", .unknownTransferCoding),
    .fields("9112 6.1, two fields", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", .unknownTransferCoding),
    .fields("9112 6.3, not last", "Transfer-Encoding: chunked, gzip", .chunkedNotLast),
    .fields("9112 6.1, twice", "Transfer-Encoding: chunked, chunked", .chunkedNotLast),
    .fields("9112 6.1, repeated", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .chunkedNotLast),
    .fields("9112 7, parameter", "Transfer-Encoding: chunked;a=b", .badTransferEncoding),
    .fields("9112 6.1, quoted", "Transfer-Encoding: \"chunked\"", .badTransferEncoding),
    .fields("9112 6.1, empty", "Transfer-Encoding:", .badTransferEncoding),
    .fields("9112 6.1, empty element", "Transfer-Encoding: ,chunked", .badTransferEncoding),
    .fields("9112 6.1, vertical tab", "Transfer-Encoding: \u{b}chunked", .badFieldValue),
    RequestCase(
        "9112 6.1, in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
]

private let hostCases: [RequestCase] = [
    .host("9112 3.2", "example.org"), .host("9112 3.2", "example.org:8080"), .host("9112 3.2", "127.0.0.1:1"),
    .host("9112 3.2", "[::1]"), .host("9112 3.2", "[2001:db8::1]:443"), .host("9112 3.2", "my_app.local"),
    .host("3986 3.2.3, empty port", "example.org:"),
    .host("9110 4.2.1, empty", "", .badHost),
    .host("9112 3.2, space", "a b", .badHost),
    .host("9112 3.2, list", "a, b", .badHost),
    .host("9112 3.2, slash", "a/b", .badHost),
    .host("9112 3.2, user", "a@b", .badHost),
    .host("9112 3.2, port not a number", "a:b", .badHost),
    .host("9112 3.2, port too large", "a:65536", .badHost),
    .host("9112 3.2, two colons", "a:1:2", .badHost),
    .host("9112 3.2, only a port", ":80", .badHost),
    .host("9112 3.2, open bracket", "[::1", .badHost),
    .host("9112 3.2, empty bracket", "[]", .badHost),
    .host("9112 3.2, quotes for a page", "a\"<script>", .badHost),
    RequestCase("9112 3.2, missing", "GET / HTTP/1.1\r\n\r\n", .missingHost),
    RequestCase("9112 3.2, missing beside absolute-form", "GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
    RequestCase("9112 3.2, repeated", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", .repeatedHost),
    RequestCase("9112 3.2, bad in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", .badHost),
]

private let connectionCases: [RequestCase] = [
    .fields("9110 10.1.1", "Expect: 100-Continue"),
    .fields("9110 10.1.1, unknown", "Expect: 200-ok", .unknownExpectation),
    .fields("9110 10.1.1, control character for a hyphen", "Expect: 100\rcontinue", .bareCarriageReturn),
    .fields("9110 7.8", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket"),
    .fields("9110 7.6.1", "Connection: close, X-Mine\r\nX-Mine: a"),
]
