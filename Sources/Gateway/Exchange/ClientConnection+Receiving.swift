import HTTP1
import Model
import NIOCore
import Pool

extension ClientConnection {
    /// Goes on with whatever the bytes at hand allow.
    func advance() {
        while true {
            switch exchange.state {
            case .idle:
                guard inbound.readableBytes > 0, receiveHead() else { return }
            case .receiving:
                guard receiveBody() else { return }
            case .waiting, .connecting, .sent, .answering:
                // The next request waits for this one's answer; its bytes stay within a limit.
                if inbound.readableBytes > Self.pipelineLimit { pauseReading() }
                return
            case .closed:
                inbound.clear()
                return
            }
        }
    }

    /// True when a head was taken (or refused) and there may be more to do.
    private func receiveHead() -> Bool {
        let result = inbound.withUnsafeReadableBytes { parser.parse($0, into: &head) }
        switch result {
        case .needMore:
            if timer.kind != .head { startTimer(.head) }
            return false
        case .rejected(let rejection):
            loop.log(.rejected(rejection, peer: peer.facts.remoteAddress))
            perform(
                exchange.requestRefused(.badRequest(status: rejection.status, reason: rejection.description)))
            return false
        case .complete(let length):
            // The slice shares its storage; nothing is copied.
            headBytes = inbound.readSlice(length: length)!
            beginRequest()
            return true
        }
    }

    private func beginRequest() {
        stopTimer()
        answer = AnswerProgress()
        answer.headOnly = head.method == .head
        bodyIsComplete = false
        guard head.method != .connect else { return refuse(.badRequest(status: 405, reason: "CONNECT is not served")) }
        guard let route = loop.router.route(head, headBytes) else { return refuse(.unknownHost) }
        self.route = route
        let hasBody: Bool
        switch head.body {
        case .none, .length(0): hasBody = false
        case .length(let length):
            guard length <= route.http.maxRequestBody else {
                return refuse(.bodyTooLarge(limit: route.http.maxRequestBody))
            }
            bodyProgress = .length(remaining: length)
            hasBody = true
        case .chunked:
            bodyProgress = .chunked(ChunkedDecoder())
            hasBody = true
        }
        perform(exchange.requestHead(.init(isIdempotent: head.method.isIdempotent, hasBody: hasBody)))
    }

    func refuse(_ failure: GatewayFailure) { perform(exchange.requestRefused(failure)) }

    /// RFC 9110 section 10.1.1: the client waits for this before it sends the body.
    func startReceivingBody() {
        startTimer(.body)
        if head.expectContinue, inbound.readableBytes == 0 {
            var buffer = context.channel.allocator.buffer(capacity: 32)
            buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
            context.writeAndFlush(wrapOutboundOut(.byteBuffer(buffer)), promise: nil)
        }
    }

    /// True when the body is complete and the exchange went on.
    private func receiveBody() -> Bool {
        guard !bodyIsComplete, inbound.readableBytes > 0 else { return false }
        startTimer(.body)
        switch bodyProgress {
        case .none: return false
        case .length(let remaining):
            let part = inbound.readSlice(length: min(remaining, inbound.readableBytes))!
            bodyProgress = .length(remaining: remaining - part.readableBytes)
            guard store(part) else { return false }
            if remaining == part.readableBytes { return bodyEnded() }
            return false
        case .chunked(var decoder):
            bodyProgress = .none
            return receiveChunks(&decoder)
        }
    }

    private func receiveChunks(_ decoder: inout ChunkedDecoder) -> Bool {
        var offset = 0
        // Parts are cut out of a copy of the buffer's handle: `inbound` moves on only when all is consumed.
        let received = inbound
        while true {
            switch received.withUnsafeReadableBytes({ decoder.next($0, at: &offset) }) {
            case .data(let range):
                let part = received.getSlice(at: received.readerIndex + Int(range.start), length: range.count)!
                guard body.length + part.readableBytes <= route!.http.maxRequestBody else {
                    refuse(.bodyTooLarge(limit: route!.http.maxRequestBody))
                    return false
                }
                guard store(part) else { return false }
            case .trailer:
                continue
            case .needMore:
                inbound.clear()
                bodyProgress = .chunked(decoder)
                return false
            case .end:
                inbound.moveReaderIndex(forwardBy: offset)
                return bodyEnded()
            case .rejected(let rejection):
                loop.log(.badChunks(rejection, peer: peer.facts.remoteAddress))
                refuse(.badRequest(status: 400, reason: "its chunked body is malformed (RFC 9112 section 7.1)"))
                return false
            }
        }
    }

    /// False when the body was refused.
    private func store(_ part: ByteBuffer) -> Bool {
        let stored = body.append(
            part, directory: loop.bufferDirectory, eventLoop: loop.eventLoop, threads: loop.threads,
            written: { [weak self] in self?.partWritten($0) })
        switch stored {
        case .stored: return true
        case .writing:
            if body.mustPause { pauseReading() }
            return true
        case .full(let disk):
            loop.log(.bufferFull(disk: disk))
            refuse(.bufferFull(disk: disk))
            return false
        }
    }

    private func partWritten(_ isWritten: Bool) {
        guard case .receiving = exchange.state else { return }
        guard isWritten else {
            loop.log(.bufferFull(disk: true))
            return refuse(.bufferFull(disk: true))
        }
        if !body.mustPause { resumeReading() }
        if bodyIsComplete, !body.isWriting { finishBody() }
    }

    private func bodyEnded() -> Bool {
        bodyIsComplete = true
        stopTimer()
        guard !body.isWriting else { return false }
        finishBody()
        return true
    }

    private func finishBody() {
        perform(exchange.bodyEnded())
        // Bytes of a following request may have come with the last ones of this body.
        if case .idle = exchange.state { advance() }
    }
}
