import HTTP1
import Model
import NIOCore
import Pool
import Sockets

extension ClientConnection {
    /// From the transport; valid during the call.
    func received(_ bytes: UnsafeRawBufferPointer) {
        if isLingering { return }
        // What waits already goes first, and a connection that is in the middle of taking bytes goes on there.
        guard inbound.isEmpty, !isTaking else {
            inbound.append(bytes)
            return advance()
        }
        isTaking = true
        let taken = take(bytes)
        isTaking = false
        if taken < bytes.count, !isLingering {
            inbound.append(UnsafeRawBufferPointer(rebasing: bytes[taken...]))
            holdPipeline()
        }
    }

    /// Goes on with the bytes that wait.
    func advance() {
        guard !isTaking, !inbound.isEmpty else { return }
        isTaking = true
        let taken = take(inbound.bytes)
        isTaking = false
        inbound.dropFirst(taken)
        if isLingering || (inbound.isEmpty && inbound.capacity > 4096) { inbound.release() }
        if !inbound.isEmpty { holdPipeline() } else { countMemory() }
    }

    /// How many of the bytes could be taken.
    private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        var offset = 0
        while offset < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            let taken: Int
            switch exchange.state {
            case .idle where isReadyForRequest: taken = takeHead(rest)
            case .idle: return offset
            case .receiving: taken = takeBody(rest)
            case .sent, .answering:
                guard streamsBody, !bodyIsComplete else { return offset }
                taken = takeBody(rest)
            case .tunnel: taken = relayToWorker(rest)
            case .looking, .waiting, .connecting: return offset
            case .closed: return bytes.count
            }
            if taken == 0 { return offset }
            offset += taken
        }
        return offset
    }

    /// Answers that a pipelining client does not take must not pile up.
    private var isReadyForRequest: Bool { transport.queuedBytes == 0 && spool.isEmpty && !isMovingOn }

    /// The next request waits for this one's answer; its bytes stay within a limit.
    private func holdPipeline() {
        countMemory()
        if case .idle = exchange.state, isReadyForRequest { return }
        if inbound.count > Self.pipelineLimit || isOverMemory { pauseReading() }
    }

    /// 0 when the head is not whole.
    private func takeHead(_ bytes: UnsafeRawBufferPointer) -> Int {
        switch parser.parse(bytes, into: &head) {
        case .needMore:
            if timer.kind != .head { startTimer(.head) }
            return 0
        case .rejected(let rejection):
            loop.log(.rejected(rejection, peer: peer.address))
            refuseHead(bytes, .badRequest(status: rejection.status, reason: rejection.description))
            return bytes.count
        case .complete(let length):
            headBytes.assign(UnsafeRawBufferPointer(rebasing: bytes[0..<length]))
            beginRequest(hasMore: length < bytes.count)
            return length
        }
    }

    /// The transport says that a message-framed request is whole. What of its body waits here is the last of it.
    func requestEnded() {
        guard case .framed = bodyProgress, transport.requestHasEnded, !bodyIsComplete, inbound.isEmpty else { return }
        switch exchange.state {
        case .receiving: bodyEnded()
        case .sent, .answering: if streamsBody { bodyEnded() }
        default: break
        }
    }

    private func takeFramed(_ bytes: UnsafeRawBufferPointer) {
        let limit = (route?.http ?? loop.router.defaults).maxRequestBody
        guard bytes.count <= limit - body.length - streamedBytes else { return refuse(.bodyTooLarge(limit: limit)) }
        if store(bytes), transport.requestHasEnded { bodyEnded() }
    }

    /// A head that is malformed, or did not come in time. What was read of it are ranges of `bytes`; what is left from the
    /// request before must not show in its answer and its line.
    func refuseHead(_ bytes: UnsafeRawBufferPointer, _ failure: GatewayFailure) {
        headBytes.assign(bytes)
        answer = AnswerProgress()
        times.begin(loop.eventLoop.time)
        origin = nil
        refuse(failure)
    }

    private func beginRequest(hasMore: Bool) {
        stopTimer()
        answer = AnswerProgress()
        answer.headOnly = head.method == .head
        bodyIsComplete = false
        streamsBody = false
        pace = BodyPace()
        times.begin(loop.eventLoop.time)
        origin = peer.fields.origin(
            head, headBytes.bytes, trusted: loop.trusted, id: loop.requestIDs.next(), arrived: loop.wallTime)
        if transport.isMessageFramed {
            head.keepAlive = false
            // To a worker it is a body whose length is not known yet.
            if head.body == .none, transport.requestHasBody { head.body = .chunked }
        }
        if redirectsToHTTPS() { return }
        guard head.method != .connect else { return refuse(.badRequest(status: 405, reason: "CONNECT is not served")) }
        guard let route = loop.router.route(head, headBytes.bytes) else { return refuse(.unknownHost) }
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
        if hasBody, transport.isMessageFramed { bodyProgress = .framed }
        if !hasBody, head.method == .get || head.method == .head, answerWithFile() { return }
        streamsBody = hasBody && !route.http.requestBuffering
        let request = ExchangeStateMachine.Request(
            isIdempotent: head.method.isIdempotent, hasBody: hasBody, streamsBody: streamsBody,
            isSafe: head.method.isSafe && !hasBody && !head.upgrade)
        guard route.http.cache.isOn, !hasBody else { return go(request, hasMore: hasMore) }
        askCache(request)
    }

    private func go(_ request: ExchangeStateMachine.Request, hasMore: Bool) {
        perform(exchange.requestHead(request))
        guard head.expectContinue, !hasMore else { return }
        switch exchange.state {
        case .receiving: sendContinue()
        case .sent where streamsBody: sendContinue()
        default: break
        }
    }

    func refuse(_ failure: GatewayFailure) { perform(exchange.requestRefused(failure)) }

    func startReceivingBody() { startTimer(.body) }

    /// RFC 9110 section 10.1.1: the client waits for this before it sends the body.
    func sendContinue() {
        let go: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
        transport.sendInformational(UnsafeRawBufferPointer(start: go.utf8Start, count: go.utf8CodeUnitCount))
    }

    /// How many bytes belong to the body and were stored.
    private func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard !bodyIsComplete else { return 0 }
        // Once the answer has begun, it is the client's reading that is watched.
        if exchange.state != .answering { startTimer(.body) }
        switch bodyProgress {
        case .none: return 0
        case .framed:
            takeFramed(bytes)
            return bytes.count
        case .length(let remaining):
            let count = min(remaining, bytes.count)
            bodyProgress = .length(remaining: remaining - count)
            guard store(UnsafeRawBufferPointer(rebasing: bytes[0..<count])) else { return bytes.count }
            if remaining == count { bodyEnded() }
            return count
        case .chunked(var decoder):
            bodyProgress = .none
            return takeChunks(bytes, &decoder)
        }
    }

    private func takeChunks(_ bytes: UnsafeRawBufferPointer, _ decoder: inout ChunkedDecoder) -> Int {
        var offset = 0
        // The body bytes of one read's chunks in one piece: a client that sends them byte by byte must not cost a disk
        // write for each.
        var data = RawBytes()
        let limit = (route?.http ?? loop.router.defaults).maxRequestBody - body.length - streamedBytes
        while true {
            switch decoder.next(bytes, at: &offset) {
            case .data(let range):
                guard data.count + range.count <= limit else {
                    refuse(.bodyTooLarge(limit: limit + body.length + streamedBytes))
                    return bytes.count
                }
                data.append(range.of(bytes))
            case .trailer: continue
            case .needMore:
                bodyProgress = .chunked(decoder)
                _ = store(data.bytes)
                return bytes.count
            case .end:
                if store(data.bytes) { bodyEnded() }
                return offset
            case .rejected(let rejection):
                loop.log(.badChunks(rejection, peer: peer.address))
                refuse(.badRequest(status: 400, reason: "its chunked body is malformed (RFC 9112 section 7.1)"))
                return bytes.count
            }
        }
    }

    /// False when the body was refused, or the request ended meanwhile.
    private func store(_ part: UnsafeRawBufferPointer) -> Bool {
        if part.isEmpty { return true }
        if streamsBody { return streamToWorker(part) }
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

    private func bodyEnded() {
        bodyIsComplete = true
        if timer.kind == .body { stopTimer() }
        if streamsBody { return streamedBodyEnded() }
        if !body.isWriting { perform(exchange.bodyEnded()) }
    }
}
