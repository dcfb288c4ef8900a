internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// From the client.
extension HTTP2Connection {
    func received(_ frame: HTTP2Frame) {
        guard end == nil else { return }
        switch frame.payload {
        case .headers(let headers):
            if let stream = streams[frame.streamID] {
                receivedTrailers(headers, stream)
            } else {
                open(frame.streamID, headers)
            }
        case .data(let data): receivedBody(data, frame.streamID)
        // The stream's end is told by its own event.
        case .rstStream: clientReset()
        case .ping(let data, ack: true): if data == Self.drainPing { drainTimerFired() }
        case .settings(.ack):
            settingsAreKnown = true
            for stream in streams.values { stream.window.target = limits.streamWindow }
        case .goAway: clientLeaves()
        default: break
        }
    }

    private func open(_ id: HTTP2StreamID, _ frame: HTTP2Frame.FramePayload.Headers) {
        // Trailers of a stream that is gone here and not yet there must never become a request.
        guard id > lastStreamID else { return }
        lastStreamID = id
        resetLimit.streamOpened()
        guard streams.count < limits.streams else {
            refuse(id, .refusedStream)
            return
        }
        do throws(MalformedRequest) {
            let (head, length) = try RequestFields.head(
                of: frame.headers, endsStream: frame.endStream,
                allocator: context?.channel.allocator ?? ByteBufferAllocator())
            start(id, head, length, hasBody: !frame.endStream)
        } catch {
            refuse(id, error == .connect ? .connectError : .protocolError)
        }
    }

    private func start(_ id: HTTP2StreamID, _ head: ByteBuffer, _ length: Int?, hasBody: Bool) {
        guard let owner else { return }
        let target = settingsAreKnown ? limits.streamWindow : InboundWindow.initialSize
        let stream = HTTP2Stream(id, self, window: InboundWindow(target: target, size: target))
        stream.declaredLength = length
        stream.isWritable = !outputIsFull
        stream.requestEnded = !hasBody
        streams[id] = stream
        let exchange = owner.streamOpened(stream)
        stream.owner = exchange
        exchange.requestHead(head, hasBody: hasBody, declaredLength: length)
        if !hasBody { stream.owner?.requestEnded() }
        countRequest()
    }

    /// A request that nobody sees. Counted with the client's resets: it costs as much.
    private func refuse(_ id: HTTP2StreamID, _ code: HTTP2ErrorCode) {
        reset(id, code)
        clientReset()
    }

    private func receivedTrailers(_ frame: HTTP2Frame.FramePayload.Headers, _ stream: HTTP2Stream) {
        guard frame.endStream, !stream.requestEnded, (try? RequestFields.checkTrailers(frame.headers)) != nil else {
            spoil(stream)
            return
        }
        endRequest(stream)
    }

    private func receivedBody(_ frame: HTTP2Frame.FramePayload.Data, _ id: HTTP2StreamID) {
        guard let stream = streams[id], case .byteBuffer(let part) = frame.data else { return }
        let count = part.readableBytes
        stream.receivedLength += count
        if let declared = stream.declaredLength, stream.receivedLength > declared {
            spoil(stream)
            return
        }
        stream.window.received(count)
        window.received(count)
        if stream.owner == nil || stream.answerEnded {
            consumed(count, of: stream)
        } else if count > 0 {
            stream.owner?.requestBody(part)
        }
        if frame.endStream { endRequest(stream) }
    }

    private func endRequest(_ stream: HTTP2Stream) {
        if let declared = stream.declaredLength, stream.receivedLength != declared {
            spoil(stream)
            return
        }
        // The owner may have reset it meanwhile.
        guard stream.isOpen else { return }
        stream.requestEnded = true
        stream.owner?.requestEnded()
    }

    /// The client broke the rules of this stream.
    private func spoil(_ stream: HTTP2Stream) {
        guard stream.isOpen else { return }
        reset(stream.id, .protocolError)
        clientReset()
    }

    /// The frame may have to wait for the socket; here the stream is gone at once.
    func reset(_ id: HTTP2StreamID, _ code: HTTP2ErrorCode) {
        frameLayer.ourResets += 1
        write(.rstStream(code), id)
        requestFlush()
        streamClosed(id)
    }

    func clientReset() {
        guard end == nil, let context else { return }
        if resetLimit.streamWasReset(at: context.eventLoop.now) { shut(.tooManyResets, .enhanceYourCalm) }
    }

    /// The frame layer says so once for each stream.
    func streamClosed(_ id: HTTP2StreamID) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        window.consumed(stream.window.held)
        dequeue(stream.queued)
        stream.close()
        giveBackWindow()
        guard streams.isEmpty, end == nil else { return }
        owner?.connectionIsIdle()
        closeIfDrained()
    }
}

/// How much more the client may send.
extension HTTP2Connection {
    func openWindow() {
        giveBackWindow()
        requestFlush()
    }

    func windowChanged(_ event: NIOHTTP2WindowUpdatedEvent) {
        guard let size = event.inboundWindowSize else { return }
        if event.streamID == .rootStream {
            window.size = size
            giveBackWindow()
        } else if let stream = streams[event.streamID] {
            stream.window.size = size
            giveBackWindow(of: stream)
        }
    }

    func consumed(_ bytes: Int, of stream: HTTP2Stream) {
        let taken = min(bytes, stream.window.held)
        stream.window.consumed(taken)
        window.consumed(taken)
        giveBackWindow(of: stream)
        giveBackWindow()
        requestFlush()
    }

    private func giveBackWindow(of stream: HTTP2Stream) {
        guard !stream.requestEnded, stream.isOpen, let bytes = stream.window.increment() else { return }
        write(.windowUpdate(windowSizeIncrement: bytes), stream)
    }

    private func giveBackWindow() {
        guard end == nil, let bytes = window.increment() else { return }
        write(.windowUpdate(windowSizeIncrement: bytes), .rootStream)
    }
}
