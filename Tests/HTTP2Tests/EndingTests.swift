import NIOCore
import NIOEmbedded
import NIOHTTP2
import Testing

@testable import HTTP2

@Suite struct EndingTests {
    @Test func aDrainTakesRequestsUnderWayAndThenCloses() throws {
        let pair = try Pair()
        pair.request(1)
        pair.isConnected = false
        pair.connection.beginDrain()
        // Sent before the client knew.
        pair.request(3)
        pair.isConnected = true
        pair.pump()
        #expect(pair.owner.drains == 1 && pair.owner.streams.count == 2)
        #expect(pair.seen.goAways.map(\.last) == [.maxID, 3] && pair.seen.goAways.allSatisfy { $0.code == .noError })
        #expect(pair.server.isActive)
        pair.owner.streams[0].answer("a")
        pair.pump()
        #expect(pair.server.isActive)
        pair.owner.streams[1].answer("b")
        pair.pump()
        #expect(pair.seen.ended(1) && pair.seen.ended(3))
        #expect(pair.owner.ends == [.drained] && !pair.server.isActive)
        pair.finish()
    }

    @Test func aDrainOfAnIdleConnectionStillTakesARequestUnderWay() throws {
        let pair = try Pair()
        pair.isConnected = false
        pair.connection.beginDrain()
        pair.request(1)
        pair.isConnected = true
        pair.pump()
        #expect(pair.owner.streams.count == 1 && pair.seen.goAways.map(\.last) == [.maxID, 1])
        pair.owner.streams[0].answer("a")
        pair.pump()
        #expect(pair.seen.ended(1) && pair.owner.ends == [.drained])
        pair.finish()
    }

    @Test func aClientThatAnswersNoPingIsNotWaitedFor() throws {
        let pair = try Pair(rawClient: true)
        pair.raw(Raw.preface + Raw.settings + Raw.request(1))
        pair.connection.beginDrain()
        #expect(Raw.goAways(pair.written()) == [0])
        pair.connection.drainTimerFired()
        #expect(Raw.goAways(pair.written()) == [0] && pair.server.isActive)
        // From here on a new stream is refused: the client may try it elsewhere.
        pair.raw(Raw.request(3))
        #expect(pair.owner.streams.count == 1)
        pair.owner.streams[0].answer("x")
        _ = pair.written()
        #expect(pair.owner.ends == [.drained] && !pair.server.isActive)
        pair.finish()
    }

    @Test func anIdleConnectionIsClosedAndABusyOneIsNot() throws {
        let pair = try Pair()
        pair.request(1)
        #expect(!pair.connection.closeIdle())
        pair.owner.streams[0].answer("x")
        pair.pump()
        #expect(pair.connection.isIdle && pair.connection.closeIdle())
        pair.pump()
        #expect(pair.seen.goAways.map(\.last) == [1] && pair.owner.ends == [.drained])
        pair.finish()
    }

    @Test func afterEnoughRequestsAConnectionIsDrained() throws {
        var limits = HTTP2Limits()
        limits.requests = 3
        let pair = try Pair(limits)
        pair.owner.answers = true
        for id: HTTP2StreamID in [1, 3, 5] { pair.request(id) }
        #expect(pair.owner.drains == 1 && pair.seen.ended(5))
        #expect(pair.owner.ends == [.drained] && pair.seen.goAways.map(\.last) == [.maxID, 5])
        pair.finish()
    }

    @Test func aClientThatLeavesGetsItsAnswersFirst() throws {
        let pair = try Pair()
        pair.request(1)
        pair.send(.rootStream, .goAway(lastStreamID: .rootStream, errorCode: .noError, opaqueData: nil))
        #expect(pair.server.isActive)
        pair.owner.streams[0].answer("x")
        pair.pump()
        #expect(pair.seen.ended(1) && pair.owner.ends == [.drained])
        pair.finish()
    }

    @Test func theEndOfTheConnectionResetsItsStreams() throws {
        let pair = try Pair()
        pair.request(1)
        pair.request(3, method: "POST", endStream: false)
        pair.server.close(promise: nil)
        pair.server.embeddedEventLoop.run()
        #expect(pair.owner.streams.map(\.resets) == [1, 1] && pair.owner.ends == [.closedByClient])
        pair.owner.streams[0].answer("x")
        pair.connection.beginDrain()
        pair.connection.closeNow()
        #expect(pair.owner.ends.count == 1)
        pair.finish()
    }

    @Test func anErrorBelowIsTheEnd() throws {
        let pair = try Pair()
        pair.request(1)
        pair.server.pipeline.fireErrorCaught(ChannelError.ioOnClosedChannel)
        #expect(pair.owner.streams[0].resets == 1)
        #expect(pair.owner.ends.count == 1 && !pair.server.isActive)
        pair.finish()
    }
}
