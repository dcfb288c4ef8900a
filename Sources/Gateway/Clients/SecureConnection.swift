import HTTP1
import HTTP2
import Model
import NIOCore
import Pool
import Sockets
import TLS

/// One client's TLS connection: the handshake, and then either one `ClientConnection` or those of HTTP/2's streams.
final class SecureConnection: Carrier, PipelineChannelOwner {
    static let handshakeLimit = TimeAmount.seconds(10)
    /// Between our two GOAWAYs of a drain, for clients that do not answer a ping (RFC 9113 section 6.8).
    private static let drainPause = TimeAmount.seconds(1)

    private let loop: LoopContext
    private let peer: PeerFacts
    private var channel: PipelineChannel?
    private var transport: SecureTransport?
    private var http2: HTTP2Connection?

    // Whether the client takes anything of what waits for it.
    private var sentAtLastLook = 0
    private var stallDeadline = NIODeadline.distantFuture

    /// Takes an open socket over, of which nothing was read but `first`.
    static func start(
        _ socket: StreamSocket, _ first: UnsafeRawBufferPointer, certificates: CertificateStore, loop: LoopContext,
        peer: PeerFacts, whenClosed: @escaping () -> Void
    ) {
        let connection = SecureConnection(loop, peer)
        loop.carriers.add(connection)
        let channel = PipelineChannel(socket, loop: loop, owner: connection, whenClosed: whenClosed)
        connection.begin(channel, certificates)
        if !first.isEmpty { channel.socketReceived(first) }
    }

    private init(_ loop: LoopContext, _ peer: PeerFacts) {
        self.loop = loop
        self.peer = peer
    }

    private func begin(_ channel: PipelineChannel, _ certificates: CertificateStore) {
        self.channel = channel
        let limit = min(Self.handshakeLimit, TimeAmount(loop.router.defaults.headerTimeout))
        deadline = loop.deadline(after: limit)
        do {
            try certificates.addHandlers(to: channel) { [weak self] in self?.handshakeEnded($0) }
            channel.start()
        } catch {
            failed("\(error)")
        }
    }

    // MARK: The handshake

    private func handshakeEnded(_ result: Result<TLSNegotiation, any Error>) {
        switch result {
        case .failure(TLSNegotiation.Failure.closedDuringHandshake): break
        case .failure(let error): failed("\(error)")
        case .success(let negotiation):
            do {
                if negotiation.application == .http2 { try beginHTTP2() } else { try beginHTTP1() }
            } catch {
                failed("\(error)")
            }
        }
    }

    private func failed(_ reason: String) {
        loop.log(.secureConnectionFailed(reason: reason, peer: peer.address))
        // An alert may be on its way to the client.
        channel?.close(promise: nil)
    }

    private func beginHTTP1() throws {
        guard let channel else { return }
        let transport = SecureTransport(channel) { [weak self] in self?.relayEnded() }
        try channel.pipeline.syncOperations.addHandler(transport)
        self.transport = transport
        deadline = .distantFuture
        _ = ClientConnection(loop: loop, peer: peer, transport: transport)
    }

    /// As after HTTP/2: the client has a moment for its farewell.
    private func relayEnded() { deadline = loop.deadline(after: Self.handshakeLimit) }

    private func beginHTTP2() throws {
        guard let channel else { return }
        let eventLoop = loop.eventLoop
        http2 = try HTTP2Connection.add(to: channel, owner: self) { connection in
            eventLoop.executeLater { connection.flushNow() }
        }
        deadline = loop.deadline(after: TimeAmount(loop.router.defaults.headerTimeout))
        if loop.isDraining || loop.nextCore != nil { http2?.beginDrain() }
    }

    // MARK: The channel

    func channelDrained() { transport?.drained() }

    func channelClosed() {
        channel = nil
        loop.carriers.remove(self)
        // Already told, unless the channel went before it was active.
        transport?.closed()
        transport = nil
        http2 = nil
    }

    // MARK: Time

    override func look(_ now: NIODeadline) {
        if deadline <= now { passDeadline() }
        guard let channel, channel.queuedBytes > 0 else {
            stallDeadline = .distantFuture
            return
        }
        if channel.sentBytes != sentAtLastLook || stallDeadline == .distantFuture {
            sentAtLastLook = channel.sentBytes
            stallDeadline = now + TimeAmount(loop.router.defaults.bodyTimeout)
        } else if stallDeadline <= now {
            channel.abort()
        }
    }

    override func deadlinePassed() {
        guard let http2 else {
            channel?.abort()
            return
        }
        _ = http2.closeIdle()
    }

    override func beginDrain() { http2?.beginDrain() }
    override func closeNow() { channel?.abort() }
}

extension SecureConnection: HTTP2ConnectionOwner {
    func streamOpened(_ stream: HTTP2Stream) -> any HTTP2StreamOwner {
        deadline = .distantFuture
        return StreamTransport(stream, loop: loop, peer: peer)
    }

    func connectionIsIdle() {
        deadline = loop.deadline(after: TimeAmount(loop.router.defaults.keepAliveTimeout))
    }

    func drainBegan() {
        loop.eventLoop.assumeIsolated().scheduleTask(in: Self.drainPause) { [weak self] in
            self?.http2?.drainTimerFired()
        }
    }

    func connectionEnded(_ reason: HTTP2End) {
        http2 = nil
        // TLS says farewell, and waits a few seconds for the client's.
        deadline = loop.deadline(after: Self.handshakeLimit)
        let words: String
        switch reason {
        case .closedByClient, .drained, .transport: return
        case .protocolError(let error): words = error
        case .tooManyResets: words = "the client resets too many of its streams"
        }
        loop.log(.secureConnectionFailed(reason: words, peer: peer.address))
    }
}
