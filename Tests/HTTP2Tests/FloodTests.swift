import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2
import Testing

@testable import HTTP2

/// What a stranger can send too much of. Each ends with GOAWAY and a reason for the log.
@Suite struct FloodTests {
    private static let calm: UInt8 = 11

    private func opened() throws -> Pair {
        let pair = try Pair(rawClient: true)
        pair.raw(Raw.preface + Raw.settings + Raw.settingsAck)
        _ = pair.written()
        return pair
    }

    private func expectEnd(_ pair: Pair, _ code: UInt8?, sourceLocation: SourceLocation = #_sourceLocation) {
        let codes = Raw.goAways(pair.written())
        #expect(codes.first == code, sourceLocation: sourceLocation)
        #expect(pair.owner.ends.count == 1, sourceLocation: sourceLocation)
        #expect(!pair.server.isActive, sourceLocation: sourceLocation)
        #expect(pair.owner.streams.allSatisfy { !$0.stream.isOpen }, sourceLocation: sourceLocation)
        pair.finish()
    }

    @Test func rapidResetIsStopped() throws {
        let pair = try opened()
        for index in 0..<300 where pair.server.isActive {
            let id = UInt32(index * 2 + 1)
            pair.raw(Raw.request(id) + Raw.frame(3, flags: 0, id, [0, 0, 0, 8]))
        }
        #expect(pair.owner.streams.count == 101 && pair.owner.ends == [.tooManyResets])
        expectEnd(pair, Self.calm)
    }

    @Test func aClientThatOftenCancelsAndMoreOftenDoesNotGoesOn() throws {
        let pair = try opened()
        pair.owner.answers = true
        var id: UInt32 = 1
        for index in 0..<600 {
            pair.owner.answers = index % 3 != 0
            pair.raw(Raw.request(id))
            if index % 3 == 0 { pair.raw(Raw.frame(3, flags: 0, id, [0, 0, 0, 8])) }
            id += 2
        }
        #expect(pair.owner.streams.count == 600 && pair.owner.ends.isEmpty)
        pair.finish()
    }

    @Test func malformedRequestsCountLikeResets() throws {
        let pair = try opened()
        for index in 0..<300 where pair.server.isActive {
            pair.raw(Raw.frame(1, flags: 5, UInt32(index * 2 + 1), [0x82]))
        }
        #expect(pair.owner.streams.isEmpty && pair.owner.ends == [.tooManyResets])
        expectEnd(pair, Self.calm)
    }

    @Test("more streams than allowed end the connection", arguments: [true, false])
    func streams(_ settingsAreKnown: Bool) throws {
        let pair = try Pair(rawClient: true)
        pair.raw(Raw.preface + Raw.settings + (settingsAreKnown ? Raw.settingsAck : []))
        for index in 0..<130 where pair.server.isActive { pair.raw(Raw.request(UInt32(index * 2 + 1))) }
        #expect(pair.owner.streams.count == (settingsAreKnown ? 128 : 100))
        #expect(pair.owner.streams.allSatisfy { $0.resets == 1 })
        expectEnd(pair, 1)
    }

    @Test func aContinuationFloodIsStopped() throws {
        let pair = try opened()
        pair.raw(Raw.frame(1, flags: 1, 1, Raw.block))
        for _ in 0..<100 where pair.server.isActive { pair.raw(Raw.frame(9, flags: 0, 1, [])) }
        expectEnd(pair, Self.calm)
    }

    @Test func aBombOfIndexedFieldsIsStopped() throws {
        let pair = try opened()
        // A field of 4,000 bytes into the dynamic table, then two bytes for each copy of it.
        let value = [UInt8](repeating: 0x61, count: 4000)
        let literal: [UInt8] =
            [0x40, 1, 0x78, 0x7f] + [UInt8((4000 - 127) & 127 | 128), UInt8((4000 - 127) >> 7)] + value
        let bomb = Raw.block + literal + [UInt8](repeating: 0xbe, count: 1000)
        pair.raw(Raw.frame(1, flags: 5, 1, bomb))
        #expect(pair.owner.streams.isEmpty)
        #expect(pair.owner.ends.count == 1 && !pair.server.isActive)
        #expect(!Raw.goAways(pair.written()).isEmpty)
        pair.finish()
    }

    @Test func aBlockThatIsTooLargeOnTheWireIsStopped() throws {
        let pair = try opened()
        let field: [UInt8] =
            [0, 1, 0x78, 0x7f] + [UInt8((8000 - 127) & 127 | 128), UInt8((8000 - 127) >> 7)]
            + [UInt8](repeating: 0x61, count: 8000)
        pair.raw(Raw.frame(1, flags: 1, 1, Raw.block + field))
        for _ in 0..<9 where pair.server.isActive { pair.raw(Raw.frame(9, flags: 0, 1, field)) }
        #expect(pair.owner.streams.isEmpty && pair.owner.ends.count == 1)
        pair.finish()
    }

    static let floods: [(String, [UInt8])] = [
        ("PING", Raw.frame(6, flags: 0, 0, [UInt8](repeating: 0, count: 8))),
        ("SETTINGS", Raw.settings),
        ("PRIORITY", Raw.frame(2, flags: 0, 3, [0, 0, 0, 0, 16])),
    ]

    @Test("a flood of control frames is stopped", arguments: floods)
    func controlFrames(_ name: String, _ frame: [UInt8]) throws {
        let pair = try opened()
        for _ in 0..<1000 where pair.server.isActive { pair.raw(frame) }
        expectEnd(pair, Self.calm)
    }

    @Test func aFloodOfEmptyDataIsStopped() throws {
        let pair = try opened()
        pair.raw(Raw.request(1, endStream: false))
        for _ in 0..<8 { pair.raw(Raw.frame(0, flags: 0, 1, [])) }
        #expect(pair.server.isActive)
        pair.raw(Raw.frame(0, flags: 0, 1, []))
        #expect(pair.owner.streams[0].resets == 1)
        expectEnd(pair, Self.calm)
    }

    /// CVE-2025-8671: no reset from the client, but as many from us.
    @Test func provokedResetsAreCounted() throws {
        let pair = try opened()
        for index in 0..<300 where pair.server.isActive {
            let id = UInt32(index * 2 + 1)
            // A window of more than 2^31 - 1 is an error of its stream.
            pair.raw(Raw.request(id) + Raw.frame(8, flags: 0, id, [0x7f, 0xff, 0xff, 0xff]))
        }
        #expect(pair.owner.streams.count <= 102)
        expectEnd(pair, Self.calm)
    }

    static let nonsense: [(String, [UInt8])] = [
        ("HTTP/1.1", Array("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".utf8)),
        ("a frame that is too large", Raw.preface + Raw.settings + [1, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("data on an idle stream", Raw.preface + Raw.settings + Raw.frame(0, flags: 0, 1, [1])),
        ("a stream of the server's", Raw.preface + Raw.settings + Raw.request(2)),
        ("a stream twice", Raw.preface + Raw.settings + Raw.request(5) + Raw.request(3)),
        (
            "data past the window",
            Raw.preface + Raw.settings + Raw.request(1, endStream: false)
                + (0..<80).flatMap { _ in Raw.frame(0, flags: 0, 1, [UInt8](repeating: 0, count: 16_384)) }
        ),
    ]

    @Test("what is no HTTP/2 ends the connection", arguments: nonsense)
    func protocolErrors(_ name: String, _ bytes: [UInt8]) throws {
        let pair = try Pair(rawClient: true)
        pair.raw(bytes)
        #expect(pair.owner.ends.count == 1 || pair.owner.streams.allSatisfy { $0.resets == 1 })
        pair.finish()
    }

    @Test func resetsLongAgoAreForgotten() {
        var limit = ResetLimit(resets: 10)
        for index in 0..<1000 {
            limit.streamOpened()
            let now = NIODeadline.uptimeNanoseconds(UInt64(index) * 4_000_000_000)
            let isTooMuch = limit.streamWasReset(at: now)
            #expect(!isTooMuch)
        }
    }
}
