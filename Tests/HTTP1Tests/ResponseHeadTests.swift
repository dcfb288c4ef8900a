import HTTP1
import Testing

@Suite struct ResponseHeadTests {
    struct Example: Sendable {
        var head: String
        var method: Method = .get
        var framing: ResponseFraming
        var keepAlive = true
    }

    @Test(
        "the body's end is found as RFC 9112 section 6.3 has it",
        arguments: [
            Example(head: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", framing: .length(5)),
            Example(head: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", framing: .length(0)),
            Example(head: "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", framing: .chunked),
            Example(head: "HTTP/1.1 200 OK\r\n\r\n", framing: .untilClose, keepAlive: false),
            Example(head: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", framing: .length(5), keepAlive: false),
            Example(
                head: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", framing: .length(5)),
            Example(head: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", framing: .untilClose, keepAlive: false),
            Example(head: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method: .head, framing: .none),
            Example(head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", method: .head, framing: .none),
            Example(head: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", framing: .none),
            Example(head: "HTTP/1.1 204 No Content\r\n\r\n", framing: .none),
            Example(head: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", framing: .none, keepAlive: false),
            Example(head: "HTTP/1.1 100 Continue\r\n\r\n", framing: .none),
            Example(head: "HTTP/1.1 599 \r\nContent-Length: 1\r\n\r\n", framing: .length(1)),
        ])
    func framing(_ example: Example) {
        for stops in [nil, Array(0...example.head.utf8.count)] {
            let (result, head) = parseResponse(example.head, method: example.method, stops: stops)
            #expect(result == .complete(headLength: example.head.utf8.count))
            #expect(head.framing == example.framing)
            #expect(head.keepAlive == example.keepAlive)
        }
    }

    @Test(
        "what two readers could take for different messages is refused",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Rejection.repeatedContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndTransferEncoding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .unknownTransferCoding),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
            ("HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n", .bareLineFeed),
            ("HTTP/1.1 200 OK\r\nA: b\nSet-Cookie: c\r\n\r\n", .bareLineFeed),
            ("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", .bareCarriageReturn),
            ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .obsoleteFolding),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .spaceBeforeColon),
            ("HTTP/1.1 200 OK\r\nA\r\n\r\n", .missingColon),
            ("HTTP/1.1 200 O\u{0}K\r\n\r\n", .badStatusLine),
            ("HTTP/1.1 20 OK\r\n\r\n", .badStatusLine),
            ("HTTP/1.1 2000 OK\r\n\r\n", .badStatusLine),
            ("HTTP/1.1 099 OK\r\n\r\n", .badStatusLine),
            ("HTTP/1.1  200 OK\r\n\r\n", .badStatusLine),
            ("HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", .badStatusLine),
            ("Hello from a program that is no server", .badStatusLine),
        ] as [(String, Rejection)])
    func refused(text: String, reason: Rejection) {
        #expect(parseResponse(text).result == .rejected(reason))
        #expect(parseResponse(text, stops: Array(0...text.utf8.count)).result == .rejected(reason))
    }

    @Test("interim answers come before the final one, from the same parser")
    func interim() {
        let first = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        let bytes = Array((first + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").utf8)
        var parser = ResponseHeadParser()
        var head = ResponseHead()
        bytes.withUnsafeBytes { raw in
            #expect(parser.parse(raw, requestMethod: .get, into: &head) == .complete(headLength: first.utf8.count))
            #expect(head.isInformational)
            let rest = UnsafeRawBufferPointer(rebasing: raw[first.utf8.count...])
            #expect(parser.parse(rest, requestMethod: .get, into: &head) == .complete(headLength: rest.count))
            #expect(head.status == 200)
            #expect(head.fields.count == 1)
            #expect(head.reason.string(rest) == "OK")
        }
    }
}
