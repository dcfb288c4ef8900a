import HTTP1
import Testing

/// Prints; asserts nothing about time. Worth reading from a release build: `swift test -c release --filter CodecBenchmark`.
@Suite struct CodecBenchmark {
    private static let request = Array(
        ("GET /blog/articles/17?page=2 HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
            + "Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
            + "Connection: keep-alive\r\nCookie: session=0123456789abcdef; theme=dark\r\nSec-Fetch-Mode: navigate\r\n"
            + "Cache-Control: max-age=0\r\nReferer: http://127.0.0.1:3000/blog\r\n\r\n").utf8)
    private static let response = Array(
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 13\r\nX-Runtime: 0.001\r\n"
            + "Cache-Control: no-store\r\nETag: \"abc\"\r\n\r\n").utf8)

    @Test("the cost of a request with ten fields")
    func cost() {
        var parser = RequestHeadParser()
        var head = RequestHead()
        var answerParser = ResponseHeadParser()
        var answer = ResponseHead()
        let facts = ConnectionFacts(
            remoteAddress: "127.0.0.1", remotePort: 4711, serverName: "localhost", serverPort: 3000, isSecure: false)
        var memory = [UInt8](repeating: 0, count: 8192)
        Self.request.withUnsafeBytes { raw in
            report("parse request") { _ = parser.parse(raw, into: &head) }
            memory.withUnsafeMutableBytes { target in
                report("write session head") {
                    var writer = ByteWriter(target)
                    SessionHead.begin(head, raw, facts, Forwarding(body: .none), to: &writer)
                    _ = SessionHead.end(&writer)
                }
                let fields = ForwardedFields(
                    peer: IPAddress(v4: 0x7f00_0001), serverPort: 3000, isSecure: false, isTrusted: false)
                let ranges = AddressRanges(["10.0.0.0/8"])
                var ids = RequestIDs()
                report("write forwarding fields") {
                    var writer = ByteWriter(target)
                    let origin = fields.origin(
                        head, raw, trusted: ranges, id: ids.next(), arrived: UnixTime(milliseconds: 1_732_555_555_007))
                    fields.write(as: .session, head, raw, origin, to: &writer)
                }
                report("write HTTP head") {
                    var writer = ByteWriter(target)
                    ForwardHead.begin(head, raw, Forwarding(body: .none), to: &writer)
                    _ = ForwardHead.end(&writer)
                }
            }
        }
        Self.response.withUnsafeBytes { raw in
            report("parse response") { _ = answerParser.parse(raw, requestMethod: .get, into: &answer) }
            memory.withUnsafeMutableBytes { target in
                report("write answer head") {
                    var writer = ByteWriter(target)
                    AnswerHead.begin(answer, raw, framing: .length(13), keepAlive: true, clientMinor: 1, to: &writer)
                    _ = AnswerHead.end(&writer)
                }
            }
        }
    }

    private func report(_ name: String, _ work: () -> Void) {
        let rounds = 20_000
        var best = Duration.seconds(1000)
        for _ in 0..<5 {
            best = min(
                best,
                ContinuousClock().measure { for _ in 0..<rounds { work() } })
        }
        print("codec: \(name): \((best / rounds).components.attoseconds / 1_000_000_000) ns")
    }
}
