import Glibc
import HTTP1
import Linux
import Model
import NIOCore
import Pool
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
            if let claim = take(&claim) { loop.pool.checkin(claim, outcome) }
        case .giveBackUnreachable:
            if let claim = take(&claim) { loop.pool.checkinUnreachable(claim) }
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
        switch loop.pool.checkout(route!.app, waiter: waiter) {
        case .granted(let claim): granted(claim)
        case .queued(let ticket): self.ticket = ticket
        case .refused(let refusal): refused(refusal)
        }
    }

    func granted(_ claim: Claim) {
        ticket = nil
        self.claim = claim
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
        if reusing, mayReuse(endpoint), let idle = loop.upstreams.takeIdle(endpoint) {
            upstream = idle
            idle.owner = self
            return perform(exchange.connected(reused: true))
        }
        loop.upstreams.connect(endpoint, for: self)
    }

    /// Our own loaders never close an idle connection by themselves. Other programs do, and one that closes in the moment
    /// in which a request is written leaves open whether it ran it: what must not run twice gets a new connection there.
    private func mayReuse(_ endpoint: WorkerEndpoint) -> Bool {
        head.method.isIdempotent || endpoint.settings.kind != .generic
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
        perform(exchange.connectFailed(isBusy: number == EAGAIN))
    }

    // MARK: The request to it

    private func send() {
        guard let upstream, writeHead(to: upstream.endpoint) else {
            return perform(exchange.headTooLarge())
        }
        if let limit = upstream.endpoint.settings.http.maxRequestTime.nonZero { startTimer(.answer(limit)) }
        // Gone before anything was written, and nothing more will be heard of it.
        guard upstream.isActive else { return perform(exchange.writeFailed()) }
        upstream.send(loop.scratch.bytes, body, method: head.method)
        // The connection may be lost by now, and the request even on its way to another worker: nothing may follow here.
    }

    /// Into the loop's scratch. False when the head cannot be expressed in the worker's protocol within its limits.
    private func writeHead(to endpoint: WorkerEndpoint) -> Bool {
        let forwarding = Forwarding(
            body: head.body == .none && body.isEmpty ? .none : .length(body.length), dropping: peer.dropping)
        let bytes = headBytes.bytes
        loop.scratch.removeAll()
        switch endpoint.wireProtocol {
        case .session:
            let size = SessionHead.encodedSize(head, headLength: bytes.count, peer.facts, extra: peer.extraSize)
            return loop.scratch.write(size) { memory in
                var writer = ByteWriter(memory)
                SessionHead.begin(head, bytes, peer.facts, forwarding, to: &writer)
                peer.writeFields(SessionHead.self, head, bytes, to: &writer)
                return SessionHead.end(&writer)
            }
        case .http:
            let size = ForwardHead.encodedSize(head, headLength: bytes.count, extra: peer.extraSize)
            return loop.scratch.write(size) { memory in
                var writer = ByteWriter(memory)
                ForwardHead.begin(head, bytes, forwarding, to: &writer)
                peer.writeFields(ForwardHead.self, head, bytes, to: &writer)
                return ForwardHead.end(&writer)
            }
        }
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
