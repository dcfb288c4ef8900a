import Glibc
import HTTP1
import Linux
import Model
import NIOCore
import Pool
import ResponseCache
import Sockets

extension ClientConnection {
    /// Carries out one decision: the worker's connection first (it must be back before the next claim looks for it), then
    /// the claim, then the next step, which may lead to further decisions before this returns.
    func perform(_ action: ExchangeAction) {
        switch action.upstream {
        case .keep: break
        case .release: releaseUpstream()
        case .close: closeUpstream()
        }
        switch action.claim {
        case .keep: break
        case .giveBack(let outcome):
            giveBack(outcome)
        case .giveBackUnreachable:
            if let claim = take(&claim) { loop.pool.checkinUnreachable(claim) }
        case .giveBackOverdue:
            if let claim = take(&claim) { loop.pool.checkinOverdue(claim) }
        case .becomeStream: becomeStream()
        case .cancelTicket:
            if let ticket = take(&ticket) { loop.pool.cancel(ticket) }
        }
        switch action.step {
        case .none: break
        case .receiveBody: startReceivingBody()
        case .checkout: checkout()
        case .connect(let reusing): connect(reusing: reusing)
        case .connectAgain(let delay): connectAgain(after: delay)
        case .send: send()
        case .forwardHead: break
        case .answer(let failure, let keepAlive): answerFailure(failure, keepAlive: keepAlive)
        case .nextRequest: nextRequest()
        case .closeClient: closeClient()
        case .breakOffClient: breakOffClient()
        }
    }

    // MARK: A worker

    private func checkout() {
        let waiter = self.waiter ?? QueueWaiter(self)
        self.waiter = waiter
        guard let route, case .waiting(let request) = exchange.state else { return }
        let isUnlimited = route.isUnlimited(head.path.of(headBytes.bytes))
        let answer = loop.pool.checkout(
            route.app, waiter: waiter, preferring: stickyWish, of: versionWish, unlimited: isUnlimited,
            ahead: request.mayGoAhead && !isUnlimited, first: request.wasRecalled)
        switch answer {
        case .granted(let claim): granted(claim)
        case .queued(let ticket):
            self.ticket = ticket
            if times.queued == nil { times.queued = loop.eventLoop.time }
        case .refused(let refusal): refused(refusal)
        }
    }

    private func giveBack(_ outcome: ExchangeOutcome) {
        guard let claim = take(&claim) else { return }
        if isStream {
            isStream = false
            loop.pool.streamEnded(claim)
        } else {
            countRoute(claim, outcome)
            loop.pool.checkin(claim, outcome)
        }
    }

    private func countRoute(_ claim: Claim, _ outcome: ExchangeOutcome) {
        guard outcome != .notForwarded else { return }
        let bytes = headBytes.bytes
        let seconds = times.claimed.map { Double((loop.eventLoop.time - $0).nanoseconds) / 1e9 } ?? 0
        loop.routeCounts.withLock {
            $0.count(
                claim.endpoint.app, claim.endpoint.generation, isError: outcome != .ok, seconds: seconds,
                method: head.methodRange.of(bytes), path: head.path.of(bytes))
        }
    }

    func granted(_ claim: Claim) {
        ticket = nil
        self.claim = claim
        times.claimed = loop.eventLoop.time
        times.generation = claim.endpoint.generation
        if loop.logsAccess { lastEndpoint = claim.endpoint }
        perform(exchange.granted())
    }

    func refused(_ refusal: Refusal) {
        ticket = nil
        // Too late when the client has left meanwhile.
        guard let route else { return }
        perform(exchange.refused(GatewayFailure(refusal, queue: route.queueStatuses)))
    }

    private func connect(reusing: Bool) {
        guard let endpoint = claim?.endpoint else { return }
        if reusing, let idle = loop.upstreams.takeIdle(endpoint, idleFor: longestIdle(endpoint)) {
            upstream = idle
            idle.owner = self
            return perform(exchange.connected(reused: true))
        }
        loop.upstreams.connect(endpoint, for: self)
    }

    /// Our own loaders never close an idle connection by themselves. Other programs do, and one that closes in the moment
    /// in which a request is written leaves open whether it ran it: what must not run twice gets a connection there that
    /// served a moment ago, which no program's idle time is as short as, or a new one.
    private func longestIdle(_ endpoint: WorkerEndpoint) -> TimeAmount? {
        head.method.isIdempotent || endpoint.settings.kind != .generic ? nil : Upstreams.safeIdleTime
    }

    private func connectAgain(after delay: Duration) {
        guard let endpoint = claim?.endpoint else { return }
        loop.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) { [weak self] in
            guard let self, case .connecting = exchange.state, claim?.endpoint === endpoint else { return }
            loop.upstreams.connect(endpoint, for: self)
        }
    }

    /// From `Upstreams.connect`; the exchange may be over by now.
    func upstreamConnected(_ connection: UpstreamConnection) {
        guard case .connecting = exchange.state, claim?.endpoint === connection.endpoint else {
            return connection.close()
        }
        upstream = connection
        connection.owner = self
        perform(exchange.connected(reused: false))
    }

    func upstreamConnectFailed(_ endpoint: WorkerEndpoint, errno number: Int32) {
        guard case .connecting = exchange.state, claim?.endpoint === endpoint else { return }
        loop.log(.connectFailed(endpoint.worker, reason: SystemError.describe(number)))
        perform(exchange.connectFailed(isBusy: number == EAGAIN || isOurWant(number)))
    }

    /// That this process or machine has no descriptors or memory left says nothing about the worker.
    private func isOurWant(_ number: Int32) -> Bool {
        number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM
    }

    // MARK: The request to it

    private func send() {
        guard let upstream, writeHead(to: upstream.endpoint) else {
            return perform(exchange.headTooLarge())
        }
        // Requests without a place (`unlimited_concurrency_paths`) are streams from the start.
        if let limit = upstream.endpoint.settings.http.maxRequestTime.nonZero, claim?.takesPlace == true,
            requestEnd == .distantFuture
        {
            requestEnd = loop.deadline(after: TimeAmount(limit))
        }
        // Gone before anything was written, and nothing more will be heard of it.
        guard upstream.isActive else { return perform(exchange.writeFailed()) }
        if upstream.endpoint.takesAhead { loop.upstreams.watch() }
        let isStreaming = streamsBody
        if isStreaming {
            startTimer(.body)
            if head.expectContinue, inbound.isEmpty, !isTaking { sendContinue() }
        }
        upstream.send(loop.scratch.bytes, body, method: head.method, isUpgrade: passesUpgrade)
        if isStreaming { return takeStreamedBody() }
        // The connection may be lost by now, and the request even on its way to another worker: nothing may follow here.
    }

    /// Into the loop's scratch. False when the head cannot be expressed in the worker's protocol within its limits.
    private func writeHead(to endpoint: WorkerEndpoint) -> Bool {
        guard let origin, let route else { return false }
        let fields = peer.fields
        let form = streamsBody ? head.body : head.body == .none ? .none : .length(body.length)
        var dropping = ForwardedFields.dropping
        if cacheToken?.dropsConditions == true { dropping = dropping.union([.ifNoneMatch, .ifModifiedSince]) }
        let forwarding = Forwarding(
            body: form, upgrade: passesUpgrade, basePathLength: route.basePath.count, dropping: dropping)
        let bytes = headBytes.bytes
        let extra = fields.extraSize(head)
        loop.scratch.removeAll()
        switch endpoint.wireProtocol {
        case .session:
            let facts = peer.facts(isSecure: origin.isSecure)
            let size = SessionHead.encodedSize(head, headLength: bytes.count, facts, extra: extra)
            return loop.scratch.write(size) { memory in
                var writer = ByteWriter(memory)
                SessionHead.begin(head, bytes, facts, forwarding, to: &writer)
                fields.write(as: .session, head, bytes, origin, to: &writer)
                return SessionHead.end(&writer)
            }
        case .http:
            let size = ForwardHead.encodedSize(head, headLength: bytes.count, extra: extra)
            return loop.scratch.write(size) { memory in
                var writer = ByteWriter(memory)
                ForwardHead.begin(head, bytes, forwarding, to: &writer)
                fields.write(as: .http, head, bytes, origin, to: &writer)
                return ForwardHead.end(&writer)
            }
        }
    }

    /// What of a streamed body is there already goes behind the head.
    private func takeStreamedBody() {
        guard case .sent = exchange.state else { return }
        resumeReading()
        advance()
        requestEnded()
    }

    /// The worker has not read the request that was sent to it some time ago.
    func upstreamIsSlow() {
        guard case .sent(let request, _) = exchange.state, request.mayGoAhead, let claim, loop.pool.mayRecall(claim)
        else { return }
        requestEnd = .distantFuture
        perform(exchange.recalled())
    }

    // MARK: Its connection

    private func releaseUpstream() {
        guard let upstream = take(&upstream) else { return }
        upstream.owner = nil
        upstream.resumeReading()
        loop.upstreams.putIdle(upstream)
    }

    private func closeUpstream() {
        guard let upstream = take(&upstream) else { return }
        upstream.owner = nil
        upstream.close()
    }
}

/// The pool's way back to a connection that waits in an app's queue. One for the connection's life, made when it first
/// asks: it carries the event loop, so that grants from any thread arrive on it.
final class QueueWaiter: CheckoutWaiter {
    private let eventLoop: any EventLoop
    private let connection: NIOLoopBound<ClientConnection>

    init(_ connection: ClientConnection) {
        eventLoop = connection.loop.eventLoop
        self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
    }

    func checkoutGranted(_ claim: Claim) {
        eventLoop.execute { [connection] in connection.value.granted(claim) }
    }

    func checkoutRefused(_ refusal: Refusal) {
        eventLoop.execute { [connection] in connection.value.refused(refusal) }
    }
}

/// Takes the value out, leaving nil: what is given back is given back once.
func take<Value>(_ value: inout Value?) -> Value? {
    defer { value = nil }
    return value
}

extension Duration {
    var nonZero: Duration? { self > .zero ? self : nil }
}
