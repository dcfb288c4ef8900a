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
                // Answers that a pipelining client does not take must not pile up.
                guard isWritable else { return holdPipeline() }
                guard inbound.readableBytes > 0, receiveHead() else { return }
            case .receiving:
                guard receiveBody() else { return }
            case .waiting, .connecting, .sent, .answering:
                return holdPipeline()
            case .closed:
                inbound = ByteBuffer()
                return
            }
        }
    }

    /// The next request waits for this one's answer; its bytes stay within a limit.
    private func holdPipeline() {
        if inbound.readableBytes > Self.pipelineLimit { pauseReading() }
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
            let go = ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")
            context.writeAndFlush(wrapOutboundOut(.byteBuffer(go)), promise: nil)
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
        var parts = ChunkData()
        let limit = (route?.http ?? loop.router.defaults).maxRequestBody - body.length
        while true {
            switch inbound.withUnsafeReadableBytes({ decoder.next($0, at: &offset) }) {
            case .data(let range):
                parts.add(inbound, range)
                guard parts.bytes.readableBytes <= limit else {
                    refuse(.bodyTooLarge(limit: limit + body.length))
                    return false
                }
            case .trailer:
                continue
            case .needMore:
                inbound = ByteBuffer()
                bodyProgress = .chunked(decoder)
                _ = store(parts.bytes)
                return false
            case .end:
                inbound.moveReaderIndex(forwardBy: offset)
                return store(parts.bytes) && bodyEnded()
            case .rejected(let rejection):
                loop.log(.badChunks(rejection, peer: peer.facts.remoteAddress))
                refuse(.badRequest(status: 400, reason: "its chunked body is malformed (RFC 9112 section 7.1)"))
                return false
            }
        }
    }

    /// False when the body was refused.
    private func store(_ part: ByteBuffer) -> Bool {
        if part.readableBytes == 0 { return true }
        let stored = body.append(
            part, directory: loop.bufferDirectory, eventLoop: loop.eventLoop, threads: loop.threads,
            written: { [weak self] in self?.partWritten($0) })
        switch stored {
        case .stored: return true
        case .writing:
            if body.mustPause {
                // It is the disk that is waited for, not the client.
                pauseReading()
                stopTimer()
            }
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
        if bodyIsComplete {
            if !body.isWriting { perform(exchange.bodyEnded()) }
        } else if isReadPaused, !body.mustPause {
            startTimer(.body)
            resumeReading()
        }
    }

    private func bodyEnded() -> Bool {
        bodyIsComplete = true
        stopTimer()
        guard !body.isWriting else { return false }
        perform(exchange.bodyEnded())
        return true
    }
}

/// The body bytes of one read's chunks, in one piece: a client that sends them byte by byte must not cost a disk write
/// for each.
private struct ChunkData {
    private(set) var bytes = ByteBuffer()
    private var isSlice = false

    mutating func add(_ source: ByteBuffer, _ range: ByteRange) {
        let place = source.readerIndex + Int(range.start)
        // The range is the decoder's answer about these very bytes.
        var part = source.getSlice(at: place, length: range.count)!
        if bytes.readableBytes == 0 {
            bytes = part
            isSlice = true
            return
        }
        if isSlice {
            // Not appended to: that would copy all of the read's storage.
            var copy = ByteBufferAllocator().buffer(capacity: source.readableBytes)
            copy.writeBuffer(&bytes)
            bytes = copy
            isSlice = false
        }
        bytes.writeBuffer(&part)
    }
}
