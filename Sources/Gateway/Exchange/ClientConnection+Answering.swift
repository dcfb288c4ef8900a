import Glibc
import HTTP1
import Model
import NIOCore
import Pool

extension ClientConnection {
    /// The worker's final head, and what of the body came with it. Small answers go out in one write.
    func upstreamHead(_ response: ResponseHead, _ bytes: ByteBuffer, body part: ByteBuffer, isComplete: Bool) {
        guard case .forwardHead = exchange.answerHead().step else { return }
        stopTimer()
        answer.isError = response.status >= 500
        let framing = clientFraming(response)
        answer.keepClient = head.keepAlive && framing != .untilClose && !loop.isDraining
        scratch.clear()
        let isWritten = bytes.withUnsafeReadableBytes { source in
            let extra = loop.answerFields.count
            return scratch.fill(AnswerHead.encodedSize(response, headLength: source.count, extra: extra)) { writer in
                AnswerHead.begin(
                    response, source, framing: framing, keepAlive: answer.keepClient, clientMinor: head.versionMinor,
                    dropping: FieldSet(), to: &writer)
                loop.writeAnswerFields(response, to: &writer)
                return AnswerHead.end(&writer)
            }
        }
        guard isWritten else { return perform(exchange.upstreamSentGarbage()) }
        forward(part)
        if isComplete { upstreamEnded() }
    }

    /// What the client sees, given what the worker sent and what the client understands.
    private func clientFraming(_ response: ResponseHead) -> ResponseFraming {
        switch response.framing {
        case .none, .length:
            return response.framing
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

    /// More of the answer's body, framed as the worker framed it (`chunkDecode` answers arrive decoded).
    func upstreamBody(_ part: ByteBuffer) {
        guard case .answering = exchange.state, part.readableBytes > 0 else { return }
        scratch.clear()
        forward(part)
    }

    /// Bytes up to this many are copied behind the head, to save a system call; more go as they are.
    private static let copyLimit = 16 * 1024

    /// Sends `scratch`, and `part` behind it.
    private func forward(_ part: ByteBuffer) {
        guard let context else { return }
        // Moved, not shared: a second reference would make the next write copy it.
        var prefix = ByteBuffer()
        swap(&prefix, &scratch)
        defer {
            scratch = prefix
            if !isWritable { clientIsSlow() }
        }
        let encodes = answer.framing == .chunkEncode && part.readableBytes > 0 && !answer.headOnly
        if encodes {
            _ = prefix.fill(ChunkedEncoder.maxHeaderLength) { writer in
                ChunkedEncoder.writeHeader(length: part.readableBytes, to: &writer)
                return writer.count
            }
        }
        if part.readableBytes <= Self.copyLimit {
            prefix.writeImmutableBuffer(part)
            if encodes { prefix.writeStaticString("\r\n") }
            if prefix.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(.byteBuffer(prefix)), promise: nil) }
            return
        }
        if prefix.readableBytes > 0 { context.write(wrapOutboundOut(.byteBuffer(prefix)), promise: nil) }
        context.write(wrapOutboundOut(.byteBuffer(part)), promise: nil)
        if encodes {
            context.write(wrapOutboundOut(.byteBuffer(ByteBuffer(staticString: "\r\n"))), promise: nil)
        }
        context.flush()
    }

    /// The worker's answer is whole.
    func upstreamEnded() {
        guard case .answering = exchange.state else { return }
        if answer.framing == .chunkEncode, !answer.headOnly {
            let end = ByteBuffer(staticString: ChunkedEncoder.bodyEnd)
            context.writeAndFlush(wrapOutboundOut(.byteBuffer(end)), promise: nil)
        }
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
        guard let context else { return }
        let keep = keepAlive && head.keepAlive && !loop.isDraining
        let id = loop.nextErrorID()
        if failure.status >= 500 { loop.log(.answered(failure, id: id)) }
        let page = loop.errorPages.page(failure, id: id, route: route, wantsBody: head.method != .head, keepAlive: keep)
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(page)), promise: nil)
        if keep { nextRequest() } else { closeClient() }
    }

    // MARK: Back-pressure

    /// The worker is not read until the client has taken more; a client that takes nothing for too long is let go.
    func clientIsSlow() {
        upstream?.pauseReading()
        if timer.kind == .none { startTimer(.stall) }
    }

    func clientTookMore() {
        if timer.kind == .stall { if isLingering { startTimer(.stall) } else { stopTimer() } }
        upstream?.resumeReading()
        // Pipelined requests wait for this, too.
        if case .idle = exchange.state, !isLingering {
            resumeReading()
            advance()
        }
    }

    // MARK: After the answer

    func nextRequest() {
        endRequest()
        resumeReading()
        if loop.isDraining, inbound.readableBytes == 0 { return closeIdle() }
        startTimer(.keepAlive)
        // Not from inside `perform`'s caller chain: pipelined requests would nest as deep as there are.
        if inbound.readableBytes > 0, let context {
            context.eventLoop.assumeIsolated().execute { [weak self] in self?.advance() }
        }
    }

    func closeClient() {
        exchange.closeIdle()
        endRequest()
        inbound = ByteBuffer()
        closeAfterWriting()
    }

    /// Where the end of the connection is the end of the answer, only a reset says that it is not whole.
    func breakOffClient() {
        guard answer.endsByClose, let context else { return closeClient() }
        endRequest()
        inbound = ByteBuffer()
        if let socket = context.channel as? any SocketOptionProvider {
            socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenFailure { _ in }
        }
        context.close(promise: nil)
    }

    private func endRequest() {
        stopTimer()
        body.discard()
        bodyProgress = .none
        bodyIsComplete = false
        headBytes = ByteBuffer()
        route = nil
        head.reset()
        parser.reset()
    }
}
