import HTTP1
import NIOCore
import Pool

/// One connection to a worker: parses its answers and hands them to the client's connection that owns it for the length
/// of one exchange.
final class UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = IOData

    private enum Phase {
        case idle
        case head
        case length(remaining: Int)
        case scanning(ChunkedScanner)
        case decoding(ChunkedDecoder)
        case untilClose
        /// Broken off: whatever still comes is dropped.
        case over
    }

    let endpoint: WorkerEndpoint
    /// Set for the length of one exchange; taken away at its end, which also breaks the cycle.
    var owner: ClientConnection?
    private let upstreams: Upstreams
    private var context: ChannelHandlerContext!
    private var phase = Phase.idle
    private var received = ByteBuffer()
    private var parser = ResponseHeadParser()
    private var head = ResponseHead()
    private var method = Method.get
    private var isPaused = false
    private var readWasHeld = false
    /// The request's head is with the kernel: from then on the worker may have run the request.
    private(set) var headIsOut = false
    private var requestIsOut = false
    private var requestHasBody = false
    private var wasReset = false
    /// From `connected` to `channelInactive`; asking the channel costs several retains.
    private(set) var isActive = false

    init(_ endpoint: WorkerEndpoint, upstreams: Upstreams) {
        self.endpoint = endpoint
        self.upstreams = upstreams
    }

    /// After an answer: the worker goes on with this connection, has sent nothing more, and nothing more is sent to it (an
    /// answer may come before the request's body was taken).
    var canBeKept: Bool { head.keepAlive && received.readableBytes == 0 && requestIsOut && isActive }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    /// The connection is made, which is told before `channelActive` comes.
    func connected() { isActive = context?.channel.isActive ?? false }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    // MARK: The request

    func expectAnswer(to method: Method) {
        self.method = method
        phase = .head
        parser.reset()
        head.reset()
    }

    /// May lose the connection before it returns; then the owner has been told.
    func send(_ head: ByteBuffer, _ body: RequestBody) {
        guard let context else { return }
        headIsOut = false
        requestIsOut = false
        requestHasBody = !body.isEmpty
        guard requestHasBody else {
            context.writeAndFlush(wrapOutboundOut(.byteBuffer(head)), promise: nil)
            // A write that fails has closed the channel by now. One that waits for room counts as done.
            headIsOut = isActive
            requestIsOut = headIsOut
            return
        }
        // Head and body may leave in one system call; only the promises tell how far it came.
        let headPromise = context.eventLoop.makePromise(of: Void.self)
        headPromise.futureResult.assumeIsolated().whenSuccess { self.headIsOut = true }
        context.write(wrapOutboundOut(.byteBuffer(head)), promise: headPromise)
        let bodyPromise = context.eventLoop.makePromise(of: Void.self)
        // `body` is held until then: its file must stay open.
        bodyPromise.futureResult.assumeIsolated().whenComplete { result in
            if case .success = result { self.requestIsOut = true }
            withExtendedLifetime(body) {}
        }
        let bytes: IOData = if let file = body.file { .fileRegion(file.region()) } else { .byteBuffer(body.memory) }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: bodyPromise)
    }

    func close() {
        owner = nil
        phase = .over
        context?.close(promise: nil)
    }

    // MARK: The answer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard let owner else { return unexpectedBytes(context) }
        switch phase {
        case .head:
            received.append(&bytes)
            receiveHead(owner)
        case .idle:
            unexpectedBytes(context)
        case .over:
            break
        default:
            received = bytes
            let (part, isComplete) = takeBody(owner)
            owner.upstreamBody(part)
            if isComplete { finish(owner) }
        }
    }

    private func receiveHead(_ owner: ClientConnection) {
        while true {
            let result = received.withUnsafeReadableBytes { parser.parse($0, requestMethod: method, into: &head) }
            switch result {
            case .needMore: return
            case .rejected(let rejection): return breakOff(owner, rejection.description)
            case .complete(let length):
                let headBytes = received.readSlice(length: length)!
                if head.isInformational { continue }
                guard head.status != 101 else { return breakOff(owner, "it switched protocols unasked") }
                startBody(owner)
                let (part, isComplete) = takeBody(owner)
                guard case .over = phase else {
                    if isComplete { phase = .idle }
                    return owner.upstreamHead(head, headBytes, body: part, isComplete: isComplete)
                }
                return
            }
        }
    }

    private func startBody(_ owner: ClientConnection) {
        switch head.framing {
        case .none: phase = .length(remaining: 0)
        case .length(let length): phase = .length(remaining: length)
        case .untilClose: phase = .untilClose
        case .chunked where owner.head.versionMinor == 0: phase = .decoding(ChunkedDecoder())
        case .chunked: phase = .scanning(ChunkedScanner())
        }
    }

    /// What of `received` belongs to the body, as the client shall get it, and whether the body ends with it.
    private func takeBody(_ owner: ClientConnection) -> (ByteBuffer, isComplete: Bool) {
        switch phase {
        case .length(let remaining):
            let part = received.readSlice(length: min(remaining, received.readableBytes))!
            phase = .length(remaining: remaining - part.readableBytes)
            return (part, part.readableBytes == remaining)
        case .scanning(var scanner):
            switch received.withUnsafeReadableBytes({ scanner.scan($0) }) {
            case .more:
                phase = .scanning(scanner)
                return (takeAll(), false)
            case .end(let length):
                return (received.readSlice(length: length)!, true)
            case .rejected(let rejection):
                breakOff(owner, "its chunked body is malformed (\(rejection))")
                return (ByteBuffer(), false)
            }
        case .decoding(var decoder):
            return decode(&decoder, owner)
        case .untilClose:
            return (takeAll(), false)
        case .idle, .head, .over:
            return (ByteBuffer(), false)
        }
    }

    private func decode(_ decoder: inout ChunkedDecoder, _ owner: ClientConnection) -> (ByteBuffer, isComplete: Bool) {
        let bytes = takeAll()
        var offset = 0
        var data = ByteBuffer()
        while true {
            switch bytes.withUnsafeReadableBytes({ decoder.next($0, at: &offset) }) {
            case .data(let range):
                var part = bytes.getSlice(at: bytes.readerIndex + Int(range.start), length: range.count)!
                data.writeBuffer(&part)
            case .trailer: continue
            case .needMore:
                phase = .decoding(decoder)
                return (data, false)
            case .end:
                received = bytes
                received.moveReaderIndex(forwardBy: offset)
                return (data, true)
            case .rejected(let rejection):
                breakOff(owner, "its chunked body is malformed (\(rejection))")
                return (ByteBuffer(), false)
            }
        }
    }

    private func takeAll() -> ByteBuffer {
        defer { received = ByteBuffer() }
        return received
    }

    private func finish(_ owner: ClientConnection) {
        phase = .idle
        owner.upstreamEnded()
    }

    private func breakOff(_ owner: ClientConnection, _ reason: String) {
        phase = .over
        owner.upstreamSentGarbage(reason)
    }

    /// A worker that speaks without being asked is not in step with us any more.
    private func unexpectedBytes(_ context: ChannelHandlerContext) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        isActive = false
        let phase = self.phase
        self.phase = .over
        upstreams.connectionEnded(self)
        if let owner {
            self.owner = nil
            // A worker that closes without having read a body resets the connection; otherwise a reset is no end.
            if case .untilClose = phase, !wasReset || requestHasBody {
                owner.upstreamEnded()
            } else {
                owner.upstreamLost(self)
            }
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        wasReset = true
        context.close(promise: nil)
    }

    // MARK: Back-pressure

    func pauseReading() { isPaused = true }

    func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        if readWasHeld {
            readWasHeld = false
            context?.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if isPaused { readWasHeld = true } else { context.read() }
    }
}

extension ByteBuffer {
    /// Bytes that were read are not carried along: a peer that always has more on its way would make the buffer grow for
    /// ever.
    mutating func append(_ bytes: inout ByteBuffer) {
        if readableBytes == 0 {
            self = bytes
            return
        }
        if readerIndex > 32 * 1024 { discardReadBytes() }
        writeBuffer(&bytes)
    }
}
