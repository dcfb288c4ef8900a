internal import NIOCore
internal import NIOHTTP2

/// What waits for the client's windows and its socket. The frame layer holds it; this counts it.
extension HTTP2Connection {
    func queue(_ bytes: Int, on stream: HTTP2Stream) {
        stream.queued += bytes
        queued += bytes
        // The sender looks at `isWritable` itself; the others need not know before they send.
        if stream.queued > limits.streamOutput { stream.isWritable = false }
        if queued > limits.connectionOutput, !outputIsFull {
            outputIsFull = true
            for stream in streams.values { stream.isWritable = false }
        }
    }

    func dequeue(_ bytes: Int) { queued = max(0, queued - bytes) }

    /// From inside the frame layer, which must not be called back from here: it is about to write this frame.
    func wrote(_ frame: HTTP2Frame) {
        frameLayer.wrote(frame.payload)
        guard let stream = streams[frame.streamID] else { return }
        switch frame.payload {
        case .data(let data):
            let bytes = data.data.readableBytes
            stream.queued = max(0, stream.queued - bytes)
            dequeue(bytes)
            if data.endStream ? !stream.requestEnded : !stream.isWritable { written.append(stream) }
        case .headers(let headers) where headers.endStream && !stream.requestEnded: written.append(stream)
        default: break
        }
    }

    /// After every call into the frame layer that may have written.
    func lookAtWritten() {
        if holdsBackNews { return }
        // A stream's owner, woken, may write at once, and so on: but only so often as its client takes something.
        while !written.isEmpty || outputIsFull && queued <= limits.connectionOutput / 2 {
            let streams = wakeable()
            for stream in streams { wake(stream) }
        }
        requestFlush()
    }

    private func wakeable() -> [HTTP2Stream] {
        var found = written
        written.removeAll(keepingCapacity: true)
        if outputIsFull, queued <= limits.connectionOutput / 2 {
            outputIsFull = false
            found += streams.values.filter { stream in !found.contains { $0 === stream } }
        }
        return found
    }

    private func wake(_ stream: HTTP2Stream) {
        guard stream.isOpen else { return }
        if stream.answerEnded, stream.queued == 0, !stream.requestEnded {
            // The answer is whole and the rest of the request unwanted (RFC 9113 section 8.1).
            reset(stream.id, .noError)
            return
        }
        guard !stream.isWritable, !outputIsFull, stream.queued <= limits.streamOutput / 2 else { return }
        stream.isWritable = true
        stream.owner?.streamBecameWritable()
    }
}
