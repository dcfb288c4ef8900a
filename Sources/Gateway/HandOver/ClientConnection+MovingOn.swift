import HTTP1
import Model
import NIOCore
import Sockets

// From the core that retires to the next one.
extension ClientConnection {
    /// An answer is whole, and the next core takes the next request. Not at once: whoever called may not be through with the bytes.
    func moveOnLater() {
        isMovingOn = true
        pauseReading()
        loop.eventLoop.executeLater { self.moveOn() }
    }

    /// If nothing is under way, the next core goes on with the connection.
    func moveOn() {
        isMovingOn = false
        guard transport.isOpen, !transport.isMessageFramed, !isLingering, case .idle = exchange.state else { return }
        // The core before is gone, or the server stops.
        guard let next = loop.nextCore else { return closeIdle() }
        // The rest of an answer goes first: `outputDrained` comes back to this.
        guard transport.queuedBytes == 0, spool.isEmpty else {
            isMovingOn = true
            return startTimer(.stall)
        }
        // More than goes along: some of it is answered here first.
        guard inbound.count <= HandedConnection.mostUnread else {
            resumeReading()
            return advance()
        }
        guard let released = transport.release() else { return closeIdle() }
        let origin = peer.origin
        let handed = HandedConnection(
            listener: origin.listener,
            peer: origin.peer.map { .init(address: $0.address.description, port: UInt16(clamping: $0.port)) },
            local: origin.local.map { .init(address: $0.address, port: UInt16(clamping: $0.port)) },
            isSecure: origin.isSecure, isKnown: origin.isKnown, isRelayed: origin.isRelayed || released.isRelay,
            isNew: timer.kind == .head, unread: Array(inbound.bytes))
        inbound.release()
        closed()
        next(handed, released.descriptor)
    }

    /// In the next core: the first thing that it does.
    func goOn(_ handed: HandedConnection) {
        if !handed.isNew { startTimer(.keepAlive) }
        // The core before waits for it, and an upgrade for that core.
        if handed.isRelayed { timer.deadline = min(timer.deadline, loop.deadline(after: Self.relayedIdleTime)) }
        if loop.isDraining, handed.unread.isEmpty { return beginDrain() }
        handed.unread.withUnsafeBytes { received($0) }
    }

    private static let relayedIdleTime = TimeAmount.seconds(20)

    /// Whether the client may send another request after this answer.
    var keepsClient: Bool { !loop.isDraining && !peer.origin.isRelayed }
}
