import AccessLog
import Compression
import HTTP1
import Model
import NIOCore
import Pool
import ResponseCache
import Sockets

/// The shell of a client's connection: bytes and events of its transport in, actions of `ExchangeStateMachine` out. Bound
/// to one event loop; reused for all requests of the connection, so a kept-alive request makes almost no object.
///
/// Read on in the order of a request: `+Receiving` (head and body), `+WithoutWorker` (files, cache), `+Exchange` (claim, send,
/// retry), `+Answering` and `+Output` (the way back), `+Streams` (upgrades, answers without an end).
final class ClientConnection {
    /// Bytes of further (pipelined) requests that are kept while one is in work; then the client is not read.
    static let pipelineLimit = 64 * 1024

    let loop: LoopContext
    let peer: PeerFacts
    let transport: ClientTransport
    /// Place in `loop.connections`, kept by the loop.
    var position = 0

    var exchange = ExchangeStateMachine()

    // The request that is received or in work.
    /// Bytes that came and could not be taken yet: an unfinished head, requests that wait for the answer before them.
    var inbound = RawBytes()
    var isTaking = false
    var parser = RequestHeadParser()
    var head = RequestHead()
    /// What `head` points into.
    var headBytes = RawBytes()
    var body: RequestBody
    var bodyProgress = BodyProgress.none
    var bodyIsComplete = false
    var streamsBody = false
    var streamedBytes = 0
    var pace = BodyPace()
    var route: Route?
    var origin: RequestOrigin?

    // The worker's side of it.
    var waiter: QueueWaiter?
    var ticket: Ticket?
    var claim: Claim?
    var upstream: UpstreamConnection?
    /// The claim takes no place any more: `Pool.streamEnded` ends it.
    var isStream = false

    // The response cache's.
    var cacheWaiter: CacheWaiterBox?
    var cacheTicket: WaitTicket?
    var cacheToken: FillToken?
    var isFillingCache = false

    var tunnel: Tunnel?
    /// The head of an answer whose body is a file, while the worker's own body is read out.
    var outgoing = RawBytes()
    var answer = AnswerProgress()
    var spool: AnswerSpool
    /// Of `buffer_memory_limit`, for all that waits in memory but the request's body; past the limit parts go to the spool at
    /// once, and whoever sends has to wait.
    var heldMemory = 0
    var isOverMemory = false

    var timer = ConnectionTimer.none
    /// `max_request_time`, when an answer counts as a stream, when a stream is ended: looked at by the sweep, too.
    var requestEnd = NIODeadline.distantFuture
    var streamBegin = NIODeadline.distantFuture
    var streamEnd = NIODeadline.distantFuture
    var times = RequestTimes()
    /// Who worked on the request, for the access log.
    var lastEndpoint: WorkerEndpoint?
    var isReadPaused = false
    /// No further request is begun here: the next core is to have it.
    var isMovingOn = false
    var isLingering = false

    init(loop: LoopContext, peer: PeerFacts, transport: ClientTransport) {
        self.loop = loop
        self.peer = peer
        self.transport = transport
        body = RequestBody(budget: loop.budget)
        spool = AnswerSpool(budget: loop.budget)
        transport.connection = self
        loop.add(self)
        startTimer(.head)
        if loop.nextCore != nil { loop.eventLoop.executeLater { self.moveOn() } }
    }

    /// The transport is gone; nothing can be sent any more.
    func closed() {
        timer = .none
        let wasUnderWay = route != nil
        perform(exchange.clientGone())
        countTraffic()
        if wasUnderWay { logAccess() }
        leaveCache()
        clearDeadlines()
        tunnel = nil
        answer.dropGzip(loop)
        body.discard()
        spool.discard()
        holdMemory(0)
        loop.remove(self)
        waiter = nil
        cacheWaiter = nil
    }

    func clearDeadlines() {
        requestEnd = .distantFuture
        streamBegin = .distantFuture
        streamEnd = .distantFuture
    }

    // MARK: Reading only as much as is wanted

    func pauseReading() {
        guard !isReadPaused else { return }
        isReadPaused = true
        transport.pauseReading()
    }

    func resumeReading() {
        guard isReadPaused else { return }
        isReadPaused = false
        transport.resumeReading()
    }

    // MARK: Closing

    /// Sends what is there, then the end of our side, and reads out what the client still sends: closing with unread bytes
    /// makes the kernel send a reset, which can overtake the answer (RFC 9112 section 9.6).
    func closeAfterWriting() {
        guard !isLingering, transport.isOpen else { return }
        isLingering = true
        if !isTaking { inbound.release() }
        resumeReading()
        // A slow client may take long for what is written; the short time to linger begins when it has all.
        startTimer(.stall)
        if spool.isEmpty { transport.endOutput() }
    }

    /// Nothing is under way: what the client may have sent in this moment is not answered any more.
    func closeIdle() {
        exchange.closeIdle()
        closeAfterWriting()
    }

    /// The server is being stopped: an idle connection ends now, a busy one after its answer. One that was made a moment ago has its
    /// first request on the way, and gets the time for it.
    func beginDrain() {
        guard case .idle = exchange.state, inbound.isEmpty else { return }
        guard timer.kind == .head else { return closeIdle() }
        timer.deadline = min(timer.deadline, loop.deadline(after: Self.firstRequest))
    }

    static let firstRequest = TimeAmount.seconds(1)

    /// Nothing was asked over it yet.
    var expectsFirstRequest: Bool {
        guard case .idle = exchange.state, timer.kind == .head else { return false }
        return transport.isOpen && !isLingering
    }
}

/// How far a request body has come.
enum BodyProgress {
    case none
    case length(remaining: Int)
    case chunked(ChunkedDecoder)
    /// The transport tells the end.
    case framed
}
