import HTTP1
import Model
import NIOCore
import Pool
import Sockets

/// An upgraded connection (RFC 9110 section 7.8).
struct Tunnel {
    /// Bytes to either side past which the other is not read.
    static let queueLimit = 64 * 1024

    /// What the worker sends, where it is WebSocket frames: a Close may be put in between two of them.
    var frames: WebSocketFrames?
    /// A Close is due, and waits for the end of a frame.
    var isEnding = false
}

// Upgrades, and answers that have no end in sight: what a drain gives `stream_drain` for.
extension ClientConnection {
    /// An upgrade is passed on for GET without a body, and never to h2c, which would let HTTP/2 past everything here.
    var passesUpgrade: Bool {
        guard head.upgrade, head.method == .get, head.body == .none, !transport.isMessageFramed else { return false }
        var asksForHTTP2 = false
        FieldText.forEachElement(head.upgradeProtocol.of(headBytes.bytes)) { name in
            if FieldText.equal(name, "h2c") { asksForHTTP2 = true }
        }
        return !asksForHTTP2
    }

    /// The worker switched protocols: `rest` is the first of what it has to say in the new one.
    func upstreamUpgraded(
        _ response: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ rest: UnsafeRawBufferPointer
    ) {
        guard case .sent = exchange.state, passesUpgrade else {
            return upstreamSentGarbage("it switched protocols unasked")
        }
        answer.status = 101
        let isWebSocket = FieldText.equal(head.upgradeProtocol.of(headBytes.bytes), "websocket")
        tunnel = Tunnel(frames: isWebSocket ? WebSocketFrames() : nil)
        loop.scratch.removeAll()
        let isWritten = loop.scratch.write(AnswerHead.encodedSize(response, headLength: bytes.count)) { memory in
            var writer = ByteWriter(memory)
            AnswerHead.begin(response, bytes, framing: .none, keepAlive: true, clientMinor: 1, to: &writer)
            return AnswerHead.end(&writer)
        }
        guard isWritten else { return upstreamSentGarbage("its head is too large") }
        stopTimer()
        clearDeadlines()
        perform(exchange.upgraded())
        transport.sendHead(loop.scratch.bytes, UnsafeRawBufferPointer(start: nil, count: 0))
        if !rest.isEmpty { relayToClient(rest) }
        // What the client said meanwhile may have been a lot.
        resumeReading()
        advance()
    }

    func relayToClient(_ bytes: UnsafeRawBufferPointer) {
        guard case .tunnel = exchange.state else { return }
        answer.bodyBytes += bytes.count
        tunnel?.frames?.scan(bytes)
        transport.sendBody(bytes)
        checkBackPressure()
        if tunnel?.isEnding == true, tunnel?.frames?.canClose == true { endStream() }
    }

    func relayToWorker(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let upstream else { return bytes.count }
        upstream.sendBody(bytes)
        countMemory()
        if upstream.queuedBytes > (isOverMemory ? 0 : Tunnel.queueLimit) { pauseReading() }
        return bytes.count
    }

    /// From the sweep: a deadline of this request has passed.
    func deadlinesPassed(_ now: NIODeadline) {
        if requestEnd <= now {
            requestEnd = .distantFuture
            perform(exchange.upstreamTimedOut())
        }
        if streamBegin <= now {
            streamBegin = .distantFuture
            // `max_request_time` is not for streams.
            requestEnd = .distantFuture
            perform(exchange.answerIsStream())
        }
        if streamEnd <= now {
            streamEnd = .distantFuture
            endStream()
        }
    }

    /// The claim takes no place any more. When its worker is being drained already, the stream has only so long.
    func becomeStream() {
        guard let claim, !isStream else { return }
        isStream = true
        countTraffic()
        if let left = loop.pool.becomeStream(claim) { endStream(within: left) }
    }

    /// The worker's generation drains: this stream ends at some moment of `window`, so that not all clients come back at
    /// once. With `abort_websockets_on_process_shutdown: false` an upgraded one has all of the window to end by itself.
    func endStream(within window: Duration) {
        let nanoseconds = max(window.wholeNanoseconds, 0)
        // At the end of the window its worker is stopped, and the sweep may be late: the Close comes before that.
        let last = nanoseconds - min(nanoseconds / 10, Self.frameTime.nanoseconds)
        let hasAll = tunnel != nil && claim?.endpoint.settings.http.abortWebsocketsOnProcessShutdown == false
        let delay = hasAll ? last : Int64.random(in: 0...last)
        streamEnd = min(streamEnd, loop.eventLoop.time + .nanoseconds(delay))
    }

    /// How long the end of a frame is waited for.
    private static let frameTime = TimeAmount.seconds(2)

    private func endStream() {
        switch exchange.state {
        case .tunnel:
            if let frames = tunnel?.frames, !frames.isAtBoundary, tunnel?.isEnding == false {
                tunnel?.isEnding = true
                streamEnd = loop.deadline(after: Self.frameTime)
                return
            }
            if tunnel?.frames?.canClose == true {
                WebSocketFrames.closeFrame().withUnsafeBytes { transport.sendBody($0) }
            }
            perform(exchange.tunnelEnded())
        case .answering: perform(exchange.streamTimedOut())
        default: break
        }
    }
}
