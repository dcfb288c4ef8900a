import HTTP1
import Model
import NIOCore
import Pool
import Sockets

extension ClientConnection {
    /// The worker's final head. What of the body came with it follows at once by `upstreamBody`, so that small answers go
    /// out in one write. Says how the body is wanted.
    func upstreamHead(_ response: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> UpstreamBodyForm {
        guard case .sent = exchange.state else { return .asItIs }
        stopTimer()
        answer.isError = response.status >= 500
        let framing = clientFraming(response)
        answer.keepClient =
            head.keepAlive && framing != .untilClose && !loop.isDraining && !transport.isMessageFramed
        answer.headIsPending = writeAnswerHead(response, bytes, framing: framing)
        guard answer.headIsPending else {
            perform(exchange.upstreamSentGarbage())
            return .asItIs
        }
        return answer.framing == .chunkDecode ? .decoded : .asItIs
    }

    private func writeAnswerHead(
        _ response: ResponseHead, _ bytes: UnsafeRawBufferPointer, framing: ResponseFraming
    ) -> Bool {
        loop.scratch.removeAll()
        let fields = loop.answerFields
        let size = AnswerHead.encodedSize(response, headLength: bytes.count, extra: fields.count)
        return loop.scratch.write(size) { memory in
            var writer = ByteWriter(memory)
            AnswerHead.begin(
                response, bytes, framing: framing, keepAlive: answer.keepClient || transport.isMessageFramed,
                clientMinor: head.versionMinor,
                dropping: FieldSet(), to: &writer)
            fields.write(response.known, to: &writer)
            return AnswerHead.end(&writer)
        }
    }

    /// What the client sees, given what the worker sent and what the client understands.
    private func clientFraming(_ response: ResponseHead) -> ResponseFraming {
        switch response.framing {
        case .none, .length:
            return response.framing
        case .chunked where transport.isMessageFramed:
            answer.framing = .chunkDecode
            return .none
        case .untilClose where transport.isMessageFramed:
            return .none
        case .chunked where head.versionMinor == 0:
            answer.framing = .chunkDecode
            answer.endsByClose = true
            return .untilClose
        case .chunked:
            return .chunked
        case .untilClose where head.versionMinor == 0:
            answer.endsByClose = true
            return .untilClose
        case .untilClose:
            answer.framing = .chunkEncode
            return .chunked
        }
    }

    /// More of the answer's body, in the form that `upstreamHead` asked for.
    func upstreamBody(_ part: UnsafeRawBufferPointer, isComplete: Bool) {
        // Not before the first of the body was found good: until then the client can be told that the answer is not.
        if answer.headIsPending { perform(exchange.answerHead()) }
        guard case .answering = exchange.state else { return }
        deliver(part)
        if isComplete { upstreamEnded() }
    }

    // MARK: To the client

    /// The pending head, if there is one, and a part of the body behind it.
    private func deliver(_ part: UnsafeRawBufferPointer) {
        let encodes = answer.framing == .chunkEncode && !part.isEmpty && !answer.headOnly
        if answer.headIsPending {
            answer.headIsPending = false
            guard !encodes else {
                transport.sendHead(loop.scratch.bytes, UnsafeRawBufferPointer(start: nil, count: 0))
                return deliverChunk(part)
            }
            transport.sendHead(loop.scratch.bytes, part)
        } else if encodes {
            return deliverChunk(part)
        } else if !part.isEmpty {
            sendOrSpool(part)
        }
        checkBackPressure()
    }

    private func deliverChunk(_ part: UnsafeRawBufferPointer) {
        loop.scratch.removeAll()
        _ = loop.scratch.write(part.count + ChunkedEncoder.maxHeaderLength + 2) { memory in
            var writer = ByteWriter(memory)
            ChunkedEncoder.writeHeader(length: part.count, to: &writer)
            writer.write(part)
            writer.write("\r\n")
            return writer.count
        }
        sendOrSpool(loop.scratch.bytes)
        checkBackPressure()
    }

    private func sendOrSpool(_ bytes: UnsafeRawBufferPointer) {
        if spool.isEmpty, transport.queuedBytes + bytes.count <= AnswerSpool.memoryLimit || transport.queuedBytes == 0 {
            return transport.sendBody(bytes)
        }
        let isKept = spool.append(
            bytes, directory: loop.bufferDirectory, eventLoop: loop.eventLoop, threads: loop.threads,
            written: { [weak self] in self?.spoolWritten($0) })
        if !isKept { loop.log(.bufferFull(disk: true)) }
    }

    private func spoolWritten(_ isWritten: Bool) {
        spool.partWritten(isWritten)
        if transport.queuedBytes == 0 { outputDrained() }
        checkBackPressure()
    }

    /// The worker's answer is whole.
    func upstreamEnded() {
        guard case .answering = exchange.state else { return }
        if answer.headIsPending { deliver(UnsafeRawBufferPointer(start: nil, count: 0)) }
        if answer.framing == .chunkEncode, !answer.headOnly {
            let end: StaticString = "0\r\n\r\n"
            sendOrSpool(UnsafeRawBufferPointer(start: end.utf8Start, count: end.utf8CodeUnitCount))
        }
        transport.endMessage()
        let keepUpstream = upstream?.canBeKept ?? false
        perform(
            exchange.answerEnded(isError: answer.isError, keepUpstream: keepUpstream, keepClient: answer.keepClient))
    }

    func upstreamLost(_ connection: UpstreamConnection) {
        guard upstream === connection else { return }
        stopTimer()
        guard connection.headIsOut else { return perform(exchange.writeFailed()) }
        let worker = connection.endpoint.worker
        loop.log(.upstreamLost(worker, answerHadBegun: exchange.state == .answering))
        perform(exchange.upstreamLost(.workerDied))
    }

    func upstreamSentGarbage(_ reason: String) {
        if let upstream { loop.log(.badAnswer(upstream.endpoint.worker, reason: reason)) }
        stopTimer()
        perform(exchange.upstreamSentGarbage())
    }

    // MARK: Our own answers

    func answerFailure(_ failure: GatewayFailure, keepAlive: Bool) {
        guard transport.isOpen else { return }
        let keep = keepAlive && head.keepAlive && !loop.isDraining && !transport.isMessageFramed
        let id = loop.nextErrorID()
        if failure.status >= 500 { loop.log(.answered(failure, id: id)) }
        // The head is known to be whole only once it led to an app.
        let format = route == nil ? ErrorFormat.html : ErrorFormat(head, headBytes.bytes)
        send(loop.errorPages.answer(failure, id: id, route: route, accepts: format), keepAlive: keep)
        transport.endMessage()
        if keep { nextRequest() } else { closeClient() }
    }

    private func send(_ page: ErrorAnswer, keepAlive: Bool) {
        var head = page.head
        if !transport.isMessageFramed { head += "Connection: \(keepAlive ? "keep-alive" : "close")\r\n" }
        head += "\r\n"
        // HEAD gets the head that GET would get (RFC 9110 section 9.3.2).
        answer.headOnly = self.head.method == .head
        var body = answer.headOnly ? "" : page.body
        head.withUTF8 { head in
            body.withUTF8 { transport.sendHead(UnsafeRawBufferPointer(head), UnsafeRawBufferPointer($0)) }
        }
    }

    // MARK: Back-pressure

    /// The worker is not read while more waits than the client's share; a client that takes nothing for too long is let go.
    func checkBackPressure() {
        let waiting = transport.queuedBytes + spool.count
        guard waiting > 0 else { return }
        let limit = route?.http.responseBufferHighWatermark ?? AnswerSpool.memoryLimit
        if waiting >= limit || spool.isFull { upstream?.pauseReading() }
        if timer.kind == .none { startTimer(.stall) }
    }

    /// The transport has room again.
    func outputDrained() {
        if !spool.isEmpty { spoolMoves() }
        guard transport.queuedBytes == 0, spool.isEmpty else {
            // It took something: a new term.
            if timer.kind == .stall { startTimer(.stall) }
            return resumeUpstream()
        }
        if isLingering {
            transport.endOutput()
            return startTimer(.linger)
        }
        if timer.kind == .stall { stopTimer() }
        resumeUpstream()
        // Pipelined requests wait for this, too.
        if case .idle = exchange.state {
            if timer.kind == .none { startTimer(.keepAlive) }
            resumeReading()
            advance()
        }
    }

    private func spoolMoves() {
        while transport.queuedBytes == 0, let piece = spool.next() {
            switch piece {
            case .file(let file, let offset, let count): transport.sendFile(file, from: offset, count: count)
            case .memory(let bytes): bytes.withUnsafeReadableBytes { transport.sendBody($0) }
            }
        }
        if isLingering, spool.isEmpty { transport.endOutput() }
    }

    private func resumeUpstream() {
        let limit = route?.http.responseBufferHighWatermark ?? AnswerSpool.memoryLimit
        if transport.queuedBytes + spool.count < limit, !spool.isFull { upstream?.resumeReading() }
    }

    // MARK: After the answer

    func nextRequest() {
        endRequest()
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
        endRequest()
        if answer.endsByClose || transport.isMessageFramed { return transport.close(resetting: true) }
        closeAfterWriting()
    }

    private func endRequest() {
        stopTimer()
        body.discard()
        bodyProgress = .none
        bodyIsComplete = false
        route = nil
        head.reset()
        parser.reset()
    }
}

/// How a client's connection wants an answer's body from the worker's.
enum UpstreamBodyForm {
    /// With the framing that it came in.
    case asItIs
    /// Without chunks.
    case decoded
}
