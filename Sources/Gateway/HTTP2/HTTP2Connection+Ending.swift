internal import NIOCore
internal import NIOHTTP2

extension HTTP2Connection {
    enum DrainState {
        case none
        /// The client was told that there will be a last stream; those under way to us are still taken.
        case announced
        /// The last stream is fixed.
        case closing
    }

    static let drainPing = HTTP2PingData(withInteger: 0x6472_6169_6e21_0000)
    private static let goAwayFrame: [UInt8] =
        [0, 0, 8, 7, 0, 0, 0, 0, 0] + [0x7f, 0xff, 0xff, 0xff] + [0, 0, 0, 0]

    /// Begins the end that loses no request (RFC 9113 section 6.8): GOAWAY without a last stream; after a round trip, or when
    /// `drainTimerFired`, another with it; and the connection closes when its streams are done.
    package func beginDrain() {
        guard end == nil, case .none = drain, context != nil else { return }
        drain = .announced
        // Past the frame layer: that would refuse new streams from here on.
        output.writeRaw(Self.goAwayFrame)
        write(.ping(Self.drainPing, ack: false), .rootStream)
        owner?.drainBegan()
    }

    /// A second after `drainBegan`. Harmless at any other time.
    package func drainTimerFired() {
        guard end == nil, case .announced = drain else { return }
        drain = .closing
        writeGoAway(.noError)
        requestFlush()
        closeIfDrained()
    }

    /// Closes a connection that has no streams; false, and nothing done, when it has some.
    package func closeIdle() -> Bool {
        guard streams.isEmpty, end == nil else { return false }
        shut(.drained, .noError)
        return true
    }

    /// Closes whatever is under way.
    package func closeNow() { shut(.drained, .noError) }

    package var isIdle: Bool { streams.isEmpty }

    func closeIfDrained() {
        guard case .closing = drain, streams.isEmpty else { return }
        shut(.drained)
    }

    func countRequest() {
        requests += 1
        if requests == limits.requests { beginDrain() }
    }

    /// Its GOAWAY: it will open no more streams, so there is no one to announce anything to.
    func clientLeaves() {
        guard case .none = drain else { return }
        drain = .closing
        closeIfDrained()
    }

    private func writeGoAway(_ code: HTTP2ErrorCode) {
        frameLayer.ourGoAways += 1
        write(.goAway(lastStreamID: lastStreamID, errorCode: code, opaqueData: nil), .rootStream)
    }

    /// GOAWAY if there is a code, and the end.
    func shut(_ reason: HTTP2End, _ code: HTTP2ErrorCode? = nil) {
        guard end == nil, let context else { return }
        // Set before anything is written: what that calls back must not begin another end.
        end = reason
        if let code { writeGoAway(code) }
        context.flush()
        finish(reason)
        context.close(promise: nil)
    }

    /// The first reason counts.
    func finish(_ reason: HTTP2End) {
        if end == nil { end = reason }
        context = nil
        let streams = self.streams.values
        self.streams = [:]
        written = []
        queued = 0
        for stream in streams { stream.close() }
        let owner = self.owner
        self.owner = nil
        owner?.connectionEnded(end ?? reason)
    }
}
