import HTTP1
import HTTP2
import NIOCore
import Sockets

/// One stream of an HTTP/2 connection, for the one request that it carries.
///
/// The end of the answer goes out with `endOutput`, the last call of every exchange: until then the exchange may still have
/// something to send from its file.
final class StreamTransport: ClientTransport, HTTP2StreamOwner {
    private let stream: HTTP2Stream
    private let loop: LoopContext
    private let peer: PeerFacts

    // The request.
    private var hasBody = false
    private var hasRequestEnded = false
    private var isPaused = false
    /// Of the body, given to the exchange while it was paused.
    private var unconsumed = 0

    // The answer.
    private var parts = PendingParts()
    /// By Content-Length; nil when the end is not known beforehand.
    private var remaining: Int?
    /// What the stream's end goes with: a head without body, or the last bytes.
    private var held: Held?
    private var wantsEnd = false
    private var hasEnded = false

    private enum Held {
        case head(ByteBuffer)
        case body(ByteBuffer)
    }

    init(_ stream: HTTP2Stream, loop: LoopContext, peer: PeerFacts) {
        self.stream = stream
        self.loop = loop
        self.peer = peer
    }

    // MARK: From the client

    func requestHead(_ bytes: ByteBuffer, hasBody: Bool, declaredLength: Int?) {
        self.hasBody = hasBody
        let connection = ClientConnection(loop: loop, peer: peer, transport: self)
        bytes.withUnsafeReadableBytes { connection.received($0) }
    }

    func requestBody(_ part: ByteBuffer) {
        part.withUnsafeReadableBytes { connection?.received($0) }
        if isPaused { unconsumed += part.readableBytes } else { stream.consumed(part.readableBytes) }
    }

    func requestEnded() {
        hasRequestEnded = true
        connection?.requestEnded()
    }

    func streamWasReset() { closed() }
    func streamEnded() { closed() }

    func streamBecameWritable() {
        moveParts()
        connection?.outputDrained()
    }

    private func closed() {
        hasEnded = true
        parts.removeAll()
        let connection = self.connection
        self.connection = nil
        connection?.closed()
    }

    override func pauseReading() { isPaused = true }

    override func resumeReading() {
        isPaused = false
        guard unconsumed > 0 else { return }
        stream.consumed(unconsumed)
        unconsumed = 0
    }

    // MARK: To the client

    override var isMessageFramed: Bool { true }
    override var requestHasBody: Bool { hasBody }
    override var requestHasEnded: Bool { hasRequestEnded }
    override var isOpen: Bool { stream.isOpen && !hasEnded }
    /// What the stream takes is gone, as far as the exchange needs to know: it is told of the rest only when it was too much.
    override var queuedBytes: Int { parts.byteCount + (stream.isWritable ? 0 : stream.queuedBytes) }
    override var queuedMemory: Int { parts.byteCount - parts.fileByteCount + stream.queuedBytes }

    override func sendInformational(_ head: UnsafeRawBufferPointer) {
        _ = stream.sendHead(http1: head, endStream: false)
        stream.flush()
    }

    override func sendHead(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) {
        guard let parsed = stream.parseHead(head) else { return close(resetting: true) }
        let hasNoBody = parsed.status == 204 || parsed.status == 304 || connection?.answer.headOnly ?? true
        remaining = hasNoBody ? 0 : parsed.contentLength
        if remaining == 0 {
            held = .head(ByteBuffer(bytes: head))
            return
        }
        stream.sendHead(parsed, of: head, contentLength: parsed.contentLength, endStream: false)
        if body.isEmpty { stream.flush() } else { sendBody(body) }
    }

    override func sendBody(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty, isOpen else { return }
        if parts.isEmpty, stream.isWritable {
            pass(ByteBuffer(bytes: bytes))
        } else {
            parts.append(ByteBuffer(bytes: bytes))
        }
    }

    override func sendFile(_ file: any SendableFile, from offset: Int, count: Int) {
        guard isOpen else { return }
        let wasEmpty = parts.isEmpty
        parts.append(file, from: offset, count: count)
        if wasEmpty { moveParts() }
    }

    private func pass(_ bytes: ByteBuffer) {
        // The head says that there is none.
        if case .head = held { return }
        if let remaining {
            self.remaining = remaining - bytes.readableBytes
            if self.remaining == 0 {
                held = .body(bytes)
                return
            }
        }
        stream.sendBody(bytes)
        stream.flush()
    }

    private func moveParts() {
        while stream.isWritable, isOpen, !parts.isEmpty {
            switch parts.next() {
            case .empty: break
            case .piece(let piece): pass(piece)
            case .failed: return close(resetting: true)
            }
        }
        endIfDue()
    }

    override func endOutput() {
        wantsEnd = true
        endIfDue()
    }

    /// May end the stream, and with it the exchange, before it returns.
    private func endIfDue() {
        guard wantsEnd, !hasEnded, parts.isEmpty else { return }
        hasEnded = true
        switch held {
        case .head(let head): _ = head.withUnsafeReadableBytes { stream.sendHead(http1: $0, endStream: true) }
        case .body(let bytes): stream.sendBody(bytes, endStream: true)
        case nil: stream.sendEnd()
        }
        held = nil
    }

    /// Only a reset says that an answer is not whole.
    override func close(resetting: Bool) {
        stream.reset()
        closed()
    }
}
