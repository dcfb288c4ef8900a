import HTTP1
import Sockets

// `request_buffering: off`: the body goes to the worker as it comes. The worker is held for as long as that takes, and the
// request cannot be sent again.
extension ClientConnection {
    /// Bytes to a worker past which the client is not read.
    private static let queueLimit = 64 * 1024

    func streamToWorker(_ part: UnsafeRawBufferPointer) -> Bool {
        streamedBytes += part.count
        exchange.bodyWasStreamed()
        guard let upstream else { return true }
        if head.body == .chunked {
            loop.writeChunk(part)
            upstream.sendBody(loop.scratch.bytes)
        } else {
            upstream.sendBody(part)
        }
        // The worker may have been lost by that.
        guard streamsBody else { return false }
        countMemory()
        if upstream.queuedBytes > (isOverMemory ? 0 : Self.queueLimit) {
            // It is the worker that is waited for, not the client.
            pauseReading()
            if timer.kind == .body { stopTimer() }
        }
        return true
    }

    func streamedBodyEnded() {
        guard head.body == .chunked else { return }
        let end: StaticString = "0\r\n\r\n"
        upstream?.sendBody(UnsafeRawBufferPointer(start: end.utf8Start, count: end.utf8CodeUnitCount))
    }

    /// The worker took what waited for it.
    func upstreamDrained() {
        countMemory()
        guard isReadPaused else { return }
        switch exchange.state {
        case .sent, .answering, .tunnel:
            if case .sent = exchange.state, streamsBody, !bodyIsComplete { startTimer(.body) }
            resumeReading()
            advance()
        default: break
        }
    }
}
