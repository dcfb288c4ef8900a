import NIOCore
import NIOEmbedded
import NIOHTTP2
import Testing

@testable import HTTP2

@Suite struct FlowControlTests {
    @Test func theWindowIsGivenBackAsTheBodyIsTaken() throws {
        let pair = try Pair()
        #expect(pair.seen.windowUpdates.map(\.bytes) == [(1 << 20) - 65535])
        pair.request(1, method: "POST", endStream: false)
        let exchange = pair.owner.streams[0]
        for _ in 0..<40 { pair.body(1, 10_000) }
        // The client may send no more than the window while nothing is taken.
        #expect(exchange.body == 256 << 10)
        exchange.stream.consumed(100_000)
        pair.pump()
        #expect(exchange.body == 256 << 10)
        exchange.stream.consumed(100_000)
        pair.pump()
        #expect(pair.seen.windowUpdates.last?.bytes == 200_000 && pair.seen.windowUpdates.last?.id == 1)
        #expect(exchange.body == 400_000)
        // More than there is counts as all.
        exchange.stream.consumed(1_000_000)
        pair.pump()
        #expect(pair.connection.window.held == 0)
        pair.finish()
    }

    @Test func bodiesOfAllStreamsTogetherAreBounded() throws {
        let pair = try Pair()
        for id in stride(from: 1, through: 15, by: 2) {
            pair.request(HTTP2StreamID(id), method: "POST", endStream: false)
            for _ in 0..<20 { pair.body(HTTP2StreamID(id), 16_000) }
        }
        #expect(pair.owner.streams.map(\.body).reduce(0, +) == 1 << 20)
        // A stream that ends gives its share back.
        pair.owner.streams[0].stream.reset()
        pair.owner.streams[1].stream.reset()
        pair.pump()
        #expect(pair.owner.streams.map(\.body).reduce(0, +) > 1 << 20)
        pair.finish()
    }

    @Test func paddingIsGivenBackToo() throws {
        let pair = try Pair(rawClient: true)
        pair.raw(Raw.preface + Raw.settings + Raw.settingsAck + Raw.request(1, endStream: false))
        // 16,000 bytes, of which 255 are padding and one says so.
        for _ in 0..<30 {
            pair.raw(Raw.frame(0, flags: 8, 1, [255] + [UInt8](repeating: 0, count: 15_999)))
            pair.owner.streams[0].stream.consumed(1 << 20)
        }
        #expect(pair.owner.streams[0].body == 30 * (16_000 - 256))
        #expect(pair.connection.window.held == 0 && pair.owner.ends.isEmpty)
        pair.finish()
    }

    @Test func anAnswerWaitsForTheClientsWindow() throws {
        let pair = try Pair()
        pair.request(1)
        let exchange = pair.owner.streams[0]
        exchange.head("HTTP/1.1 200 OK\r\n\r\n")
        var sent = 0
        func fill() {
            while exchange.stream.isWritable, sent < 1_000_000 {
                exchange.stream.sendBody(ByteBuffer(repeating: 0, count: 10_000))
                sent += 10_000
            }
            exchange.stream.flush()
        }
        exchange.onWritable = fill
        fill()
        #expect(sent == 70_000 && !exchange.stream.isWritable)
        pair.pump()
        // The window of 65,535 is gone, and as much again waits here.
        #expect(pair.seen.bytes(1) == 65_535)
        #expect(sent > 65_535 + 64 << 10 && sent <= 65_535 + (64 << 10) + 10_000)
        pair.send(.rootStream, .windowUpdate(windowSizeIncrement: 2_000_000))
        pair.send(1, .windowUpdate(windowSizeIncrement: 2_000_000))
        pair.pump()
        #expect(sent == 1_000_000 && pair.seen.bytes(1) == 1_000_000)
        #expect(pair.connection.queued == 0 && exchange.wakes > 0)
        pair.finish()
    }

    @Test func answersThatNobodyTakesAreBoundedTogether() throws {
        var limits = HTTP2Limits()
        limits.connectionOutput = 200_000
        let pair = try Pair(limits)
        for id in stride(from: 1, through: 19, by: 2) { pair.request(HTTP2StreamID(id)) }
        for exchange in pair.owner.streams {
            exchange.head("HTTP/1.1 200 OK\r\n\r\n")
            while exchange.stream.isWritable { exchange.stream.sendBody(ByteBuffer(repeating: 0, count: 50_000)) }
            exchange.stream.flush()
        }
        #expect(pair.connection.queued <= 250_000)
        #expect(pair.owner.streams.allSatisfy { !$0.stream.isWritable })
        pair.pump()
        #expect(pair.seen.bytes(1) == 65_535 || pair.connection.queued > 100_000)
        pair.send(.rootStream, .windowUpdate(windowSizeIncrement: 2_000_000))
        pair.pump()
        #expect(pair.owner.streams.contains { $0.wakes > 0 && $0.stream.isWritable })
        pair.finish()
        #expect(pair.connection.queued == 0)
    }

    @Test func aResetDropsWhatWaits() throws {
        let pair = try Pair()
        pair.request(1)
        pair.owner.streams[0].head("HTTP/1.1 200 OK\r\n\r\n")
        pair.owner.streams[0].stream.sendBody(ByteBuffer(repeating: 0, count: 200_000), endStream: true)
        pair.owner.streams[0].stream.flush()
        pair.pump()
        #expect(pair.connection.queued == 200_000 - 65_535)
        pair.send(1, .rstStream(.cancel))
        #expect(pair.connection.queued == 0)
        // It was not all delivered: the exchange is told, though it had ended.
        #expect(pair.owner.streams[0].resets == 1)
        pair.finish()
    }
}

/// Frames by hand, for what a proper client does not send.
enum Raw {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let settings = frame(4, flags: 0, 0, [])
    static let settingsAck = frame(4, flags: 1, 0, [])
    /// GET https / example.com: three indexed fields and a literal with an indexed name.
    static let block: [UInt8] = [0x82, 0x87, 0x84, 0x01, 11] + Array("example.com".utf8)

    static func frame(_ type: UInt8, flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        let id = (0..<4).map { UInt8(truncatingIfNeeded: stream >> (24 - 8 * $0)) }
        return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags] + id + payload
    }

    static func request(_ stream: UInt32, endStream: Bool = true) -> [UInt8] {
        frame(1, flags: endStream ? 5 : 4, stream, block)
    }

    /// Error codes of the GOAWAY frames in these bytes.
    static func goAways(_ bytes: [UInt8]) -> [UInt8] {
        var codes: [UInt8] = []
        var at = 0
        while at + 9 <= bytes.count {
            let count = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
            if bytes[at + 3] == 7, at + 17 <= bytes.count { codes.append(bytes[at + 16]) }
            at += 9 + count
        }
        return codes
    }
}
