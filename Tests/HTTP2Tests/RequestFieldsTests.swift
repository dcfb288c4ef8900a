import HTTP1
import NIOCore
import NIOHPACK
import Testing

@testable import HTTP2

/// The table is the specification of which header blocks become requests, and of what they become.
@Suite struct RequestFieldsTests {
    static let start = [(":method", "GET"), (":scheme", "https"), (":authority", "example.com"), (":path", "/")]

    static let accepted: [([(String, String)], Bool, String)] = [
        (start, true, "GET / HTTP/1.1\r\nhost: example.com\r\n\r\n"),
        (
            start + [("accept", "*/*"), ("x-empty", "")], true,
            "GET / HTTP/1.1\r\nhost: example.com\r\naccept: */*\r\nx-empty: \r\n\r\n"
        ),
        (
            start + [("cookie", "a=1"), ("accept", "x"), ("cookie", "b=2"), ("cookie", "c=3")], true,
            "GET / HTTP/1.1\r\nhost: example.com\r\ncookie: a=1; b=2; c=3\r\naccept: x\r\n\r\n"
        ),
        (start + [("te", "trailers")], true, "GET / HTTP/1.1\r\nhost: example.com\r\n\r\n"),
        (start + [("host", "EXAMPLE.com")], true, "GET / HTTP/1.1\r\nhost: example.com\r\n\r\n"),
        (
            [(":method", "GET"), (":scheme", "https"), (":path", "/a?b=%20"), ("host", "example.com:8443")], true,
            "GET /a?b=%20 HTTP/1.1\r\nhost: example.com:8443\r\n\r\n"
        ),
        (
            [(":method", "OPTIONS"), (":scheme", "https"), (":path", "*"), (":authority", "example.com")], true,
            "OPTIONS * HTTP/1.1\r\nhost: example.com\r\n\r\n"
        ),
        (
            [(":path", "/"), (":method", "POST"), (":authority", "example.com"), (":scheme", "http")]
                + [("content-length", "5")], false,
            "POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 5\r\n\r\n"
        ),
        (start + [("content-length", "0")], true, "GET / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 0\r\n\r\n"),
        (start + [("x-tab", "a\tb")], true, "GET / HTTP/1.1\r\nhost: example.com\r\nx-tab: a\tb\r\n\r\n"),
    ]

    @Test("a header block becomes exactly this head, which the parser takes", arguments: accepted)
    func accepts(_ block: [(String, String)], _ endsStream: Bool, _ expected: String) throws {
        let (head, _) = try RequestFields.head(
            of: HPACKHeaders(block), endsStream: endsStream, allocator: ByteBufferAllocator())
        #expect(String(buffer: head) == expected)
        var parser = RequestHeadParser()
        var parsed = RequestHead()
        let result = head.withUnsafeReadableBytes { parser.parse($0, into: &parsed) }
        #expect(result == .complete(headLength: head.readableBytes))
    }

    static func replacing(_ name: String, _ value: String?) -> [(String, String)] {
        start.compactMap { $0.0 == name ? value.map { (name, $0) } : $0 }
    }

    static let refused: [([(String, String)], MalformedRequest)] = [
        (replacing(":method", nil), .missingPseudoField),
        (replacing(":path", nil), .missingPseudoField),
        (replacing(":scheme", nil), .missingPseudoField),
        (start + [(":path", "/b")], .repeatedPseudoField),
        (start + [(":authority", "example.com")], .repeatedPseudoField),
        (start + [(":status", "200")], .unknownPseudoField),
        (start + [(":protocol", "websocket")], .unknownPseudoField),
        (start + [(":", "x")], .unknownPseudoField),
        (start + [(":Method", "GET")], .unknownPseudoField),
        (start + [("accept", "x"), (":path", "/b")], .pseudoFieldAfterField),
        ([("accept", "x")] + start, .pseudoFieldAfterField),
        (replacing(":method", ""), .method),
        (replacing(":method", "GET / HTTP/1.1"), .method),
        (replacing(":method", "GE T"), .method),
        (replacing(":method", "CONNECT"), .connect),
        ([(":method", "CONNECT"), (":authority", "example.com:443")], .connect),
        (replacing(":scheme", "ftp"), .scheme),
        (replacing(":scheme", ""), .scheme),
        (replacing(":path", ""), .path),
        (replacing(":path", "*"), .path),
        (replacing(":path", "a"), .path),
        (replacing(":path", "https://example.com/"), .path),
        (replacing(":path", "/ HTTP/1.1"), .path),
        (replacing(":path", "/\u{e9}"), .path),
        (replacing(":path", "/\r\nx: y"), .fieldValue),
        (replacing(":path", "/ "), .fieldValue),
        (replacing(":authority", ""), .authority),
        (replacing(":authority", "a b"), .authority),
        (replacing(":authority", "a\r\nb: c"), .fieldValue),
        (start + [("Accept", "x")], .fieldName),
        (start + [("", "x")], .fieldName),
        (start + [("a b", "x")], .fieldName),
        (start + [("a:b", "x")], .fieldName),
        (start + [("a\r\nb", "x")], .fieldName),
        (start + [("\u{e9}", "x")], .fieldName),
        (start + [("x", "a\rb")], .fieldValue),
        (start + [("x", "a\nb")], .fieldValue),
        (start + [("x", "a\0b")], .fieldValue),
        (start + [("x", "a\u{7f}b")], .fieldValue),
        (start + [("x", " a")], .fieldValue),
        (start + [("x", "a ")], .fieldValue),
        (start + [("x", "\ta")], .fieldValue),
        (start + [("x", " ")], .fieldValue),
        (start + [("connection", "close")], .connectionField),
        (start + [("proxy-connection", "close")], .connectionField),
        (start + [("keep-alive", "1")], .connectionField),
        (start + [("transfer-encoding", "chunked")], .connectionField),
        (start + [("upgrade", "websocket")], .connectionField),
        (start + [("te", "gzip")], .connectionField),
        (start + [("te", "trailers, gzip")], .connectionField),
        (start + [("host", "example.com"), ("host", "example.com")], .repeatedHost),
        (start + [("host", "other.example.com")], .hostIsNotAuthority),
        (start + [("content-length", "+1")], .contentLength),
        (start + [("content-length", "1, 1")], .contentLength),
        (start + [("content-length", "")], .contentLength),
        (start + [("content-length", "99999999999999999999")], .contentLength),
        (start + [("content-length", "1"), ("content-length", "1")], .repeatedContentLength),
        (start + [("content-length", "1")], .bodyLength),
    ]

    @Test("a malformed header block never becomes a head", arguments: refused)
    func refuses(_ block: [(String, String)], _ reason: MalformedRequest) {
        // `add` would trap on a name that is not ASCII; the decoder does not.
        #expect(throws: reason) {
            try RequestFields.head(of: HPACKHeaders(block), endsStream: true, allocator: ByteBufferAllocator())
        }
    }

    @Test func everyReasonIsInTheTable() {
        #expect(Set(Self.refused.map(\.1)).count == MalformedRequest.allCases.count)
    }

    @Test("trailers have no pseudo fields and nothing about connections")
    func trailers() {
        #expect(throws: Never.self) { try RequestFields.checkTrailers(["x-sum": "1"]) }
        #expect(throws: MalformedRequest.unknownPseudoField) { try RequestFields.checkTrailers([":path": "/"]) }
        #expect(throws: MalformedRequest.connectionField) { try RequestFields.checkTrailers(["connection": "x"]) }
    }
}
