import HTTP1
import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2
import Testing

@testable import HTTP2

@Suite struct ExchangeTests {
    @Test func aRequestIsAnsweredAndTheConnectionIsIdle() throws {
        let pair = try Pair()
        pair.owner.answers = true
        pair.request(1, [("accept", "*/*")])
        let request = try #require(pair.owner.streams.first)
        #expect(request.head == "GET / HTTP/1.1\r\nhost: example.com\r\naccept: */*\r\n\r\n")
        #expect(request.hasBody == false && request.isWhole)
        #expect(
            pair.seen.headers(1) == [[":status": "200", "content-type": "text/plain", "content-length": "5"]])
        #expect(pair.seen.bytes(1) == 5 && pair.seen.ended(1))
        #expect(pair.owner.idle == 1 && request.resets == 0 && !request.stream.isOpen)
        pair.finish()
        #expect(pair.owner.ends == [.closedByClient])
    }

    @Test func hopByHopFieldsOfAnAnswerAreDroppedAndNamesAreLowerCase() throws {
        let pair = try Pair()
        pair.request(1)
        pair.owner.streams[0].head(
            "HTTP/1.1 200 OK\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nUpgrade: h2\r\n"
                + "Transfer-Encoding: chunked\r\nX-Mixed-Case: Value\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
            endStream: true)
        pair.owner.streams[0].stream.flush()
        pair.pump()
        #expect(
            pair.seen.headers(1) == [
                [":status": "200", "x-mixed-case": "Value", "set-cookie": "a", "set-cookie": "b"]
            ])
        pair.finish()
    }

    static let bodiless = [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", "77"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", "77"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", nil),
    ]

    @Test("an answer without a body ends with its head", arguments: bodiless)
    func endsWithHead(_ method: String, _ head: String, _ length: String?) throws {
        let pair = try Pair()
        pair.request(1, method: method)
        pair.owner.streams[0].head(head, endStream: true)
        pair.owner.streams[0].stream.flush()
        pair.pump()
        #expect(pair.seen.headers(1).first?.first(name: "content-length") == length)
        #expect(pair.seen.ended(1) && pair.seen.bytes(1) == 0 && pair.owner.idle == 1)
        pair.finish()
    }

    @Test func informationalHeadsComeBeforeTheHeadAndTrailersAfterTheBody() throws {
        let pair = try Pair()
        pair.request(1)
        let exchange = pair.owner.streams[0]
        exchange.head("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        exchange.head("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
        exchange.head("HTTP/1.1 200 OK\r\n\r\n")
        exchange.head("HTTP/1.1 500 Twice\r\n\r\n")
        exchange.stream.sendBody(ByteBuffer(string: "abc"))
        exchange.stream.sendTrailers([("x-sum", "1")])
        exchange.stream.sendBody(ByteBuffer(string: "late"))
        exchange.stream.flush()
        pair.pump()
        #expect(
            pair.seen.headers(1) == [
                [":status": "103", "link": "</a.css>"], [":status": "200"], ["x-sum": "1"],
            ])
        #expect(pair.seen.bytes(1) == 3 && pair.seen.ended(1) && pair.owner.ends.isEmpty)
        pair.finish()
    }

    @Test func whatIsNoHeadIsNotSent() throws {
        let pair = try Pair()
        pair.request(1)
        let bytes = Array("HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n".utf8)
        #expect(!bytes.withUnsafeBytes { pair.owner.streams[0].stream.sendHead(http1: $0, endStream: true) })
        pair.owner.streams[0].answer("x")
        pair.pump()
        #expect(pair.seen.headers(1).count == 1)
        pair.finish()
    }

    @Test func aBodyOfUnknownLengthArrivesWithItsEnd() throws {
        let pair = try Pair()
        pair.request(1, method: "POST", endStream: false)
        let exchange = pair.owner.streams[0]
        #expect(exchange.hasBody == true && exchange.declaredLength == nil && !exchange.isWhole)
        pair.body(1, 100)
        pair.body(1, 0)
        pair.body(1, 50, endStream: true)
        #expect(exchange.body == 150 && exchange.isWhole)
        pair.finish()
    }

    @Test("trailers end a body and go no further")
    func trailers() throws {
        let pair = try Pair()
        pair.request(1, method: "POST", endStream: false)
        pair.body(1, 10)
        pair.send(1, .headers(.init(headers: ["x-sum": "1"], endStream: true)))
        #expect(pair.owner.streams.count == 1 && pair.owner.streams[0].isWhole)
        pair.request(3, method: "POST", endStream: false)
        pair.send(3, .headers(.init(headers: [":path": "/"], endStream: true)))
        #expect(pair.seen.resets(3) == [.protocolError] && pair.owner.streams[1].resets == 1)
        pair.finish()
    }

    static let lengths: [(String, [Int])] = [("5", [6]), ("5", [3, 3]), ("5", [4]), ("5", [0]), ("0", [1])]

    @Test("a body that is not as long as declared resets its stream", arguments: lengths)
    func wrongLength(_ declared: String, _ parts: [Int]) throws {
        let pair = try Pair()
        pair.request(1, [("content-length", declared)], method: "POST", endStream: false)
        for (index, part) in parts.enumerated() where pair.owner.streams[0].resets == 0 {
            pair.body(1, part, endStream: index == parts.count - 1)
        }
        let exchange = pair.owner.streams[0]
        #expect(exchange.resets == 1 && !exchange.isWhole)
        #expect(exchange.body <= Int(declared) ?? 0)
        #expect(pair.seen.resets(1) == [.protocolError] && pair.owner.ends.isEmpty)
        pair.finish()
    }

    @Test func aMalformedRequestIsResetAndTheConnectionGoesOn() throws {
        let pair = try Pair()
        pair.owner.answers = true
        pair.request(1, [("transfer-encoding", "chunked")])
        #expect(pair.seen.resets(1) == [.protocolError] && pair.owner.streams.isEmpty)
        pair.request(3)
        #expect(pair.seen.ended(3))
        pair.finish()
    }

    @Test func aClientsResetReachesTheExchange() throws {
        let pair = try Pair()
        pair.request(1)
        pair.send(1, .rstStream(.cancel))
        let exchange = pair.owner.streams[0]
        #expect(exchange.resets == 1 && !exchange.stream.isOpen && pair.owner.idle == 1)
        exchange.answer("too late")
        exchange.stream.reset()
        pair.pump()
        #expect(pair.seen.headers(1).isEmpty && pair.owner.ends.isEmpty)
        pair.finish()
    }

    @Test func anAnswerBeforeTheEndOfTheRequestIsWholeThenTheRestIsStopped() throws {
        let pair = try Pair()
        pair.request(1, method: "POST", endStream: false)
        pair.body(1, 10)
        pair.owner.streams[0].answer("no")
        pair.pump()
        #expect(pair.seen.ended(1) && pair.seen.bytes(1) == 2)
        #expect(pair.seen.resets(1) == [.noError] && pair.owner.idle == 1)
        pair.finish()
    }

    @Test func theExchangeMayReset() throws {
        let pair = try Pair()
        pair.request(1)
        pair.owner.streams[0].head("HTTP/1.1 200 OK\r\n\r\n")
        pair.owner.streams[0].stream.sendBody(ByteBuffer(string: "part"))
        pair.owner.streams[0].stream.reset(.internalError)
        pair.pump()
        #expect(pair.seen.resets(1) == [.internalError] && pair.owner.streams[0].resets == 0)
        #expect(pair.owner.idle == 1)
        pair.finish()
    }

    @Test func answersOfOneTurnLeaveTogether() throws {
        let pair = try Pair()
        for id in stride(from: 1, through: 9, by: 2) { pair.request(HTTP2StreamID(id)) }
        pair.pump()
        for exchange in pair.owner.streams { exchange.answer("hello") }
        pair.server.embeddedEventLoop.run()
        // One buffer, so one TLS record and one write.
        #expect(try pair.server.readOutbound(as: ByteBuffer.self) != nil)
        #expect(try pair.server.readOutbound(as: ByteBuffer.self) == nil)
        pair.finish()
    }
}
