import Compression
import HTTP1
import Model
import NIOCore
import Sockets

// An answer on its way to the client: framing, and what waits for a client that is slow.
extension ClientConnection {
    /// The pending head, if there is one, and a part of the body behind it, compressed and framed as was decided.
    func deliver(_ part: UnsafeRawBufferPointer) {
        guard let gzip = answer.gzip else { return frame(part) }
        let isHeld = !answer.isOpenEnded
        if answer.headOnly || part.isEmpty { return frame(UnsafeRawBufferPointer(start: nil, count: 0)) }
        var out = RawBytes()
        do throws(GzipFailure) {
            // An app that pauses wants its clients to have what it has sent.
            try gzip.compress(part, flush: isHeld ? .none : .sync) { out.append($0) }
        } catch {
            return upstreamSentGarbage("compression failed: \(error)")
        }
        frame(out.bytes)
    }

    /// The body is whole.
    func endDelivery() {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        if let gzip = answer.gzip, !answer.headOnly {
            var out = RawBytes()
            do throws(GzipFailure) {
                try gzip.compress(nothing, flush: .finish) { out.append($0) }
            } catch {
                return upstreamSentGarbage("compression failed: \(error)")
            }
            frame(out.bytes)
        }
        if answer.headIsPending { frame(nothing) }
        if answer.framing == .chunkEncode, !answer.headOnly {
            let end: StaticString = "0\r\n\r\n"
            sendOrSpool(UnsafeRawBufferPointer(start: end.utf8Start, count: end.utf8CodeUnitCount))
        }
        transport.endMessage()
    }

    private func frame(_ part: UnsafeRawBufferPointer) {
        answer.bodyBytes += part.count
        let encodes = answer.framing == .chunkEncode && !part.isEmpty && !answer.headOnly
        if answer.headIsPending {
            answer.headIsPending = false
            guard !encodes else {
                transport.sendHead(loop.scratch.bytes, UnsafeRawBufferPointer(start: nil, count: 0))
                return sendChunk(part)
            }
            transport.sendHead(loop.scratch.bytes, part)
        } else if encodes {
            return sendChunk(part)
        } else if !part.isEmpty {
            sendOrSpool(part)
        }
        checkBackPressure()
    }

    private func sendChunk(_ part: UnsafeRawBufferPointer) {
        loop.writeChunk(part)
        sendOrSpool(loop.scratch.bytes)
        checkBackPressure()
    }

    func sendOrSpool(_ bytes: UnsafeRawBufferPointer) {
        let waiting = transport.queuedBytes
        let isShort = waiting + bytes.count <= AnswerSpool.memoryLimit && !isOverMemory
        if spool.isEmpty, waiting == 0 || isShort {
            return transport.sendBody(bytes)
        }
        let isKept = spool.append(
            bytes, directory: loop.bufferDirectory, eventLoop: loop.eventLoop, threads: loop.threads,
            written: { [weak self] in self?.spoolWritten($0) })
        if !isKept { loop.log(.bufferFull(disk: true)) }
    }

    private func spoolWritten(_ isWritten: Bool) {
        spool.partWritten(isWritten)
        if transport.queuedBytes == 0 { outputDrained() } else { resumeUpstream() }
        checkBackPressure()
    }

    /// The worker is not read while more waits than the client's share; a client that takes nothing for too long is let go.
    func checkBackPressure() {
        countMemory()
        let waits = transport.queuedBytes + spool.count > 0
        guard waits || isOverMemory else { return }
        if mustHoldBack { upstream?.pauseReading() }
        if waits, timer.kind == .none { startTimer(.stall) }
    }

    private var highWatermark: Int {
        if case .tunnel = exchange.state { return Tunnel.queueLimit }
        return route?.http.responseBufferHighWatermark ?? AnswerSpool.memoryLimit
    }

    /// A tunnel's bytes cannot go to the spool: past the limit over all they must not become more. Its worker can wait, the
    /// tunnel takes no place of it.
    private var mustHoldBack: Bool {
        if transport.queuedBytes + spool.size >= highWatermark || spool.isFull { return true }
        return isOverMemory && tunnel != nil && transport.queuedMemory > 0
    }

    /// Everything that waits in memory on either side, after some of it has come or gone; the request's body counts itself.
    func countMemory() {
        guard transport.isOpen else { return }
        let bytes = transport.queuedMemory + inbound.count + (upstream?.queuedMemory ?? 0)
        if bytes > 0 || heldMemory > 0 || isOverMemory { holdMemory(bytes) }
    }

    /// From the sweep: nobody tells when a stream of HTTP/2 that was not full has less.
    func recountMemory() {
        if heldMemory > 0 || isOverMemory { countMemory() }
    }

    /// Takes from the limit over all answers and bodies, or gives back. What a part is past it was read already and has to be
    /// somewhere: so a connection may be one part over, and not more.
    func holdMemory(_ bytes: Int) {
        if bytes > heldMemory {
            isOverMemory = !loop.budget.takeMemory(bytes - heldMemory)
            if !isOverMemory { heldMemory = bytes }
        } else {
            loop.budget.returnMemory(heldMemory - bytes)
            heldMemory = bytes
            isOverMemory = false
        }
    }

    /// The transport has room again.
    func outputDrained() {
        countMemory()
        if !spool.isEmpty { moveSpool() }
        guard transport.queuedBytes == 0, spool.isEmpty else {
            // It took something: a new term.
            if timer.kind == .stall { startTimer(.stall) }
            return resumeUpstream()
        }
        if isLingering {
            transport.endOutput()
            // The end of a stream is not lost by a client that is slow with its last bytes.
            return startTimer(transport.isMessageFramed ? .stall : .linger)
        }
        if timer.kind == .stall { stopTimer() }
        if isMovingOn { return moveOn() }
        resumeUpstream()
        // Pipelined requests wait for this, too.
        if case .idle = exchange.state {
            if timer.kind == .none { startTimer(.keepAlive) }
            resumeReading()
            advance()
        }
    }

    private func moveSpool() {
        while transport.queuedBytes == 0, let piece = spool.next() {
            switch piece {
            case .file(let file, let offset, let count): transport.sendFile(file, from: offset, count: count)
            case .memory(let bytes): bytes.withUnsafeReadableBytes { transport.sendBody($0) }
            }
        }
    }

    private func resumeUpstream() {
        if !mustHoldBack { upstream?.resumeReading() }
    }
}
