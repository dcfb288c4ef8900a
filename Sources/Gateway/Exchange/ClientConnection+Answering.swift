import AccessLog
import Compression
import HTTP1
import Model
import NIOCore
import Pool
import ResponseCache
import Sockets
import StaticFiles

extension ClientConnection {
    /// Interim answers of a worker before its final one.
    private static let interimLimit = 16

    /// A 1xx answer: passed on, but 100, which the gateway has said itself, and not to HTTP/1.0 clients, who know none
    /// (RFC 9110 section 15.2). 103 goes to HTTP/2 clients only, as browsers have it: nginx before 1.29, and others between us and
    /// them, take one for the whole answer (RFC 8297 section 3), and Rails makes one for every page that names its assets.
    func upstreamInterim(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer) {
        guard case .sent = exchange.state else { return }
        answer.interimCount += 1
        guard answer.interimCount <= Self.interimLimit else { return upstreamSentGarbage("too many 1xx answers") }
        guard response.status != 100, head.versionMinor > 0, response.status != 103 || transport.isMessageFramed else {
            return
        }
        loop.scratch.removeAll()
        let isWritten = loop.scratch.write(AnswerHead.encodedSize(response, headLength: bytes.count)) { memory in
            var writer = ByteWriter(memory)
            AnswerHead.begin(
                response, bytes, framing: .none, keepAlive: true, clientMinor: head.versionMinor, to: &writer)
            return AnswerHead.end(&writer)
        }
        if isWritten { transport.sendInformational(loop.scratch.bytes) }
    }

    /// The worker's final head. What of the body came with it follows at once by `upstreamBody`, so that small answers go
    /// out in one write. Says how the body is wanted.
    func upstreamHead(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> UpstreamBodyForm {
        guard case .sent = exchange.state else { return .asItIs }
        if timer.kind == .body { stopTimer() }
        answer.isError = response.status >= 500
        answer.status = response.status
        invalidateCache(response, bytes)
        if response.known.contains(.xPassengerRequestOOBWork), let claim { loop.pool.workerWantsWork(claim) }
        if response.known.bits & ClientConnection.fileFields.bits != 0 {
            switch takeFile(response, bytes) {
            case .none: break
            case .taken: return .decoded
            case .refused:
                perform(exchange.upstreamSentGarbage())
                return .asItIs
            }
        }
        isFillingCache = beginFill(response, bytes)
        guard beginAnswer(response, bytes, age: nil) else {
            perform(exchange.upstreamSentGarbage())
            return .asItIs
        }
        if answer.isOpenEnded { streamBegin = loop.eventLoop.time + loop.streamAge }
        return answer.framing == .passThrough && answer.gzip == nil && !isFillingCache ? .asItIs : .decoded
    }

    /// More of the answer's body, in the form that `upstreamHead` asked for.
    func upstreamBody(_ part: UnsafeRawBufferPointer, isComplete: Bool) {
        // Not before the first of the body was found good: until then the client can be told that the answer is not.
        if answer.headIsPending { perform(exchange.answerHead()) }
        if answer.file != nil {
            if isComplete { upstreamEnded() }
            return
        }
        guard case .answering = exchange.state else { return }
        if isFillingCache, let token = cacheToken, !part.isEmpty {
            isFillingCache = loop.cache?.append(token, part, now: loop.instant) ?? false
        }
        deliver(part)
        if isComplete { upstreamEnded() }
    }

    /// The worker's answer is whole.
    func upstreamEnded() {
        if let file = take(&answer.file) { return sendNamedFile(file) }
        if answer.headIsPending { perform(exchange.answerHead()) }
        guard case .answering = exchange.state else {
            if case .tunnel = exchange.state { perform(exchange.tunnelEnded()) }
            return
        }
        if isFillingCache, let token = take(&cacheToken) { loop.cache?.finish(token, now: loop.instant) }
        endDelivery()
        giveBackAfterAnswer()
    }

    private func giveBackAfterAnswer() {
        let bodyIsTaken = !streamsBody || bodyIsComplete
        let keepUpstream = bodyIsTaken && (upstream?.canBeKept ?? false)
        answer.keepClient = answer.keepClient && bodyIsTaken
        perform(
            exchange.answerEnded(isError: answer.isError, keepUpstream: keepUpstream, keepClient: answer.keepClient))
    }

    func upstreamLost(_ connection: UpstreamConnection) {
        guard upstream === connection else { return }
        stopTimer()
        if case .tunnel = exchange.state { return perform(exchange.tunnelEnded()) }
        answer.headIsPending = false
        answer.dropGzip(loop)
        dropNamedFile()
        guard connection.headIsOut else { return perform(exchange.writeFailed()) }
        let worker = connection.endpoint.worker
        if exchange.state == .answering { countFailure(.brokenOff) }
        loop.log(.upstreamLost(worker, answerHadBegun: exchange.state == .answering))
        perform(exchange.upstreamLost(.workerDied))
    }

    func upstreamSentExcess(_ worker: WorkerNumber) { loop.log(.answerTooLong(worker)) }

    func upstreamSentGarbage(_ reason: String) {
        if let upstream { loop.log(.badAnswer(upstream.endpoint.worker, reason: reason)) }
        stopTimer()
        answer.headIsPending = false
        perform(exchange.upstreamSentGarbage())
    }

    // MARK: The head

    /// Writes the client's head into the loop's scratch, to leave with the first of the body.
    @discardableResult
    func beginAnswer(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer, age: Int?) -> Bool {
        let compression = compress(response, bytes)
        let framing = clientFraming(response)
        answer.keepClient = head.keepAlive && !answer.endsByClose && keepsClient
        answer.headIsPending = writeAnswerHead(response, bytes, framing, compression, age)
        return answer.headIsPending
    }

    private func writeAnswerHead(
        _ response: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ framing: ResponseFraming,
        _ compression: CompressedFields?, _ age: Int?
    ) -> Bool {
        let fields = loop.answerFields
        var dropping = ClientConnection.ownFields
        if let compression { dropping = dropping.union(compression.dropping) }
        if answer.isMissingAsset, answer.status == 404 { dropping.insert(.cacheControl) }
        let extra = fields.count + (route?.setFields.count ?? 0) + cookieSize + bytes.count + 256
        loop.scratch.removeAll()
        return loop.scratch.write(AnswerHead.encodedSize(response, headLength: bytes.count, extra: extra)) { memory in
            var writer = ByteWriter(memory)
            AnswerHead.begin(
                response, bytes, framing: framing, keepAlive: answer.keepClient || transport.isMessageFramed,
                clientMinor: transport.isMessageFramed ? 1 : head.versionMinor, dropping: dropping,
                replaced: route?.replaced, to: &writer)
            let begin = writer.count
            fields.write(response.known, to: &writer)
            if let replaced = route?.replaced { writer.removeFields(replaced, from: begin) }
            compression?.write(response, bytes, to: &writer)
            if let age {
                writer.write("Age: ")
                writer.write(decimal: age)
                writer.write("\r\n")
            }
            if answer.isMissingAsset, answer.status == 404 { writer.write("Cache-Control: no-store\r\n") }
            writeCookies(to: &writer)
            if let route, !route.setFields.isEmpty { route.setFields.withUnsafeBytes { writer.write($0) } }
            return AnswerHead.end(&writer)
        }
    }

    /// Fields that are between the app and this server.
    private static let fileFields: FieldSet = [.xSendfile, .xAccelRedirect, .xAccelBuffering]
    /// Said to the gateway, and not to clients.
    private static let ownFields = fileFields.union([.xPassengerRequestOOBWork])

    /// What the client sees, given what the worker sent and what the client understands.
    private func clientFraming(_ response: ResponseHead) -> ResponseFraming {
        answer.isOpenEnded = response.framing == .chunked || response.framing == .untilClose
        // A body that is not what the worker sends has no known length, and neither has it a HEAD's answer.
        let isCompressed = answer.gzip != nil
        if case .none = response.framing { return isCompressed ? .chunked : .none }
        if case .length = response.framing, !isCompressed { return response.framing }
        if transport.isMessageFramed {
            answer.framing = .chunkDecode
            // Without a length: the worker's is not that of a compressed body.
            return .untilClose
        }
        guard head.versionMinor > 0 else {
            answer.framing = response.framing == .chunked ? .chunkDecode : .passThrough
            answer.endsByClose = true
            return .untilClose
        }
        let passes = response.framing == .chunked && !isCompressed && !isFillingCache
        answer.framing = passes ? .passThrough : .chunkEncode
        return .chunked
    }

    // MARK: Compression

    private func compress(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> CompressedFields? {
        guard let route, route.http.gzip else { return nil }
        let requestBytes = headBytes.bytes
        let own = OwnOrigin(isSecure: origin?.isSecure ?? false, host: head.host.of(requestBytes))
        var decision = CompressionDecision.judge(
            request: head, requestBytes, answer: response, bytes, own: own)
        if case .compress(let isPadded) = decision {
            answer.gzip = loop.gzip.take(isPadded: isPadded)
            if answer.gzip == nil { decision = .leave(.busy) }
        }
        return CompressedFields(decision)
    }

    // MARK: The response cache

    private func beginFill(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let token = cacheToken, let cache = loop.cache, let claim else { return false }
        if cache.begin(
            token, answeredBy: claim.endpoint.generation, response, bytes, now: loop.instant,
            wallClock: Int(loop.wallTime.milliseconds / 1000))
        {
            return true
        }
        cacheToken = nil
        return false
    }

    private func invalidateCache(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer) {
        guard head.method != .get, head.method != .head, let route, route.http.cache.isOn, let cache = loop.cache else {
            return
        }
        for target in Invalidation.targets(app: route.name, head, headBytes.bytes, response, bytes) {
            cache.invalidate(target, now: loop.instant)
        }
    }

    // MARK: X-Sendfile and X-Accel-Redirect

    private enum NamedFile { case none, taken, refused }

    /// Whether the answer's body is a file that the app named. A file that it may not name, or that is not there, makes the
    /// answer a bad one: the app's own body beside such a field is mostly empty, and would pass for a success.
    private func takeFile(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> NamedFile {
        let named = response.first(.xAccelRedirect)?.of(bytes)
        // Answers that cannot have a body (RFC 9110 section 6.4.1) cannot have a file's.
        guard let resolver = route?.sendfile, let value = named ?? response.first(.xSendfile)?.of(bytes),
            !value.isEmpty,
            response.status != 204, response.status != 304
        else { return .none }
        switch named == nil ? resolver.sendfile(value) : resolver.accelRedirect(value) {
        case .success(let file):
            let isPlain = response.status == 200 && (head.method == .get || head.method == .head)
            answer.file =
                isPlain
                ? FileAnswer.plan(file, head, headBytes.bytes) { loop.random() } : FileAnswer.whole(file.plain, head)
            if writeFileHead(response, bytes) { return .taken }
            dropNamedFile()
            return .refused
        case .failure(let refusal):
            loop.log(.fileRefused(reason: refusal.description))
            return .refused
        }
    }

    /// The app's status and fields, the file's length and validators. Kept aside: the worker's own body comes first.
    private func writeFileHead(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let plan = answer.file else { return false }
        var changed = response
        if response.status == 200 { changed.status = plan.status }
        if changed.status != response.status { changed.reason = .empty }
        changed.framing = .none
        changed.contentLength = nil
        answer.status = changed.status
        answer.keepClient = head.keepAlive && keepsClient
        let dropping = ClientConnection.ownFields.union([.eTag, .lastModified, .acceptRanges])
        let said = FieldSet(bits: response.known.bits & ClientConnection.appKnowsBetter.bits)
        let size = AnswerHead.encodedSize(
            response, headLength: bytes.count, extra: FileAnswer.largestHead + cookieSize + 256)
        let isWritten = writeOwnHead(size, known: response.known) { writer in
            AnswerHead.begin(
                changed, bytes, framing: .none, keepAlive: true, clientMinor: 1, dropping: dropping,
                replaced: route?.replaced, to: &writer)
            plan.writeFields(omitting: said, to: &writer)
            writeCookies(to: &writer)
        }
        guard isWritten else { return false }
        outgoing.assign(loop.scratch.bytes)
        return true
    }

    /// Of a named file's fields, those that the app may have said itself.
    private static let appKnowsBetter: FieldSet = [.contentType, .cacheControl, .vary]

    private func dropNamedFile() {
        guard answer.file != nil else { return }
        answer.file = nil
        outgoing.release()
    }

    private func sendNamedFile(_ plan: FileAnswer) {
        perform(exchange.answerHead())
        guard case .answering = exchange.state else { return }
        loop.scratch.assign(outgoing.bytes)
        outgoing.release()
        sendOwn(plan)
        giveBackAfterAnswer()
    }

    // MARK: Our own answers

    func answerFailure(_ failure: GatewayFailure, keepAlive: Bool) {
        guard transport.isOpen else { return }
        // What the client still sends of a streamed body must not be taken for a request.
        let bodyIsTaken = !streamsBody || bodyIsComplete
        answer.keepClient = keepAlive && head.keepAlive && bodyIsTaken && keepsClient
        answer.status = failure.status
        answer.source = .gateway
        countFailure(failure.reason)
        let id = loop.nextErrorID()
        if failure.status >= 500 {
            loop.log(.answered(failure, id: id, app: route?.name, request: requestID(headBytes.bytes)))
        }
        let page = loop.errorPages.answer(
            failure, id: id, route: route, accepts: ErrorFormat(head, headBytes.bytes), custom: route?.errorTemplate,
            boot: bootFailure(failure))
        send(ByteBuffer(string: page.head), ByteBuffer(string: head.method == .head ? "" : page.body))
    }

    /// Of an app whose pages may tell it.
    private func bootFailure(_ failure: GatewayFailure) -> BootFailure? {
        guard case .notBooted = failure, let route, route.showsDetails else { return nil }
        return loop.pool.failureToShow(route.app)
    }

    /// An answer of ours, whole but for the fields that every answer has.
    func send(_ own: ByteBuffer, _ body: ByteBuffer) {
        let isWritten = own.withUnsafeReadableBytes { head in
            writeOwnHead(head.count, known: [.date]) { $0.write(head) }
        }
        guard isWritten else { return transport.close(resetting: false) }
        answer.bodyBytes = body.readableBytes
        body.withUnsafeReadableBytes { transport.sendHead(loop.scratch.bytes, $0) }
        transport.endMessage()
        if answer.keepClient { nextRequest() } else { closeClient() }
    }

    // MARK: After the answer

    func nextRequest() {
        endRequest()
        if loop.nextCore != nil { return moveOnLater() }
        resumeReading()
        if loop.isDraining, inbound.isEmpty { return closeIdle() }
        startTimer(transport.queuedBytes == 0 && spool.isEmpty ? .keepAlive : .stall)
        advance()
    }

    func closeClient() {
        exchange.closeIdle()
        endRequest()
        closeAfterWriting()
    }

    /// Where the end of the connection is the end of the answer, only a reset says that it is not whole.
    func breakOffClient() {
        let endsByClose = answer.endsByClose || transport.isMessageFramed
        endRequest()
        if endsByClose { return transport.close(resetting: true) }
        closeAfterWriting()
    }

    private func endRequest() {
        stopTimer()
        countTraffic()
        logAccess()
        leaveCache()
        clearDeadlines()
        answer.dropGzip(loop)
        dropNamedFile()
        body.discard()
        bodyProgress = .none
        bodyIsComplete = false
        streamsBody = false
        streamedBytes = 0
        tunnel = nil
        route = nil
        head.reset()
        parser.reset()
    }
}
