import HTTP1
import Model
import NIOCore
import NIOPosix
import Pool

/// The shell of a client's connection: bytes and events of one channel in, actions of `ExchangeStateMachine` out. Bound
/// to one event loop; reused for all requests of the connection, so a kept-alive request makes almost no object.
///
/// Read on in `+Receiving` (head and body), `+Exchange` (claim, send, retry), `+Answering` (the way back).
final class ClientConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = IOData

    /// Bytes of further (pipelined) requests that are kept while one is in work; then the client is not read.
    static let pipelineLimit = 64 * 1024

    let loop: LoopContext
    let peer: PeerFacts
    /// Place in `loop.connections`, kept by the loop.
    var position = 0

    var exchange = ExchangeStateMachine()
    var context: ChannelHandlerContext!

    // The request that is received or in work.
    var inbound = ByteBuffer()
    var parser = RequestHeadParser()
    var head = RequestHead()
    var headBytes = ByteBuffer()
    var body: RequestBody
    var bodyProgress = BodyProgress.none
    var bodyIsComplete = false
    var route: Route?

    // The worker's side of it.
    var waiter: QueueWaiter?
    var ticket: Ticket?
    var claim: Claim?
    var upstream: UpstreamConnection?
    /// Bytes of the request's head as written, kept for a retry.
    var outgoing = ByteBuffer()
    var answer = AnswerProgress()
    /// Reused for each answer's head and small bodies: NIO has let go of it by the time the next one is written.
    var scratch = ByteBuffer()

    var timer = ConnectionTimer.none
    /// As `channelWritabilityChanged` told: asking the channel costs several retains.
    var isWritable = true
    var isReadPaused = false
    var readWasHeld = false
    var isLingering = false

    init(loop: LoopContext, peer: PeerFacts) {
        self.loop = loop
        self.peer = peer
        body = RequestBody(budget: loop.budget)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
        startTimer(.head)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        loop.remove(self)
        waiter = nil
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isLingering { return }
        var bytes = unwrapInboundIn(data)
        inbound.append(&bytes)
        advance()
    }

    func channelInactive(context: ChannelHandlerContext) {
        perform(exchange.clientGone())
        body.discard()
        timer = .none
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable { clientTookMore() } else { clientIsSlow() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Resets and broken pipes are how clients leave.
        context.close(promise: nil)
    }

    // MARK: Reading only as much as is wanted

    func read(context: ChannelHandlerContext) {
        if isReadPaused { readWasHeld = true } else { context.read() }
    }

    func pauseReading() { isReadPaused = true }

    func resumeReading() {
        guard isReadPaused else { return }
        isReadPaused = false
        if readWasHeld {
            readWasHeld = false
            context?.read()
        }
    }

    // MARK: Closing

    /// Sends what is written, then the end of our side, and reads out what the client still sends: closing with unread
    /// bytes makes the kernel send a reset, which can overtake the answer (RFC 9112 section 9.6).
    func closeAfterWriting() {
        guard !isLingering, let context else { return }
        isLingering = true
        resumeReading()
        // A slow client may take long for what is written; the short time to linger begins when it has all.
        startTimer(.stall)
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        isWritten.futureResult.assumeIsolated().whenComplete { [weak self] _ in
            guard let self, self.context != nil else { return }
            startTimer(.linger)
        }
        context.close(mode: .output, promise: isWritten)
    }

    /// Nothing is under way: what the client may have sent in this moment is not answered any more.
    func closeIdle() {
        exchange.closeIdle()
        closeAfterWriting()
    }

    /// The server is being stopped: an idle connection ends now, a busy one after its answer.
    func beginDrain() {
        if case .idle = exchange.state, inbound.readableBytes == 0 { closeIdle() }
    }
}

/// How far a request body has come.
enum BodyProgress {
    case none
    case length(remaining: Int)
    case chunked(ChunkedDecoder)
}

/// How the worker's answer goes to the client.
struct AnswerProgress {
    enum Framing { case passThrough, chunkEncode, chunkDecode }
    var framing = Framing.passThrough
    var isError = false
    var keepClient = true
    var headOnly = false
    /// The client finds the answer's end by the end of the connection (HTTP/1.0).
    var endsByClose = false
}
