import HTTP1
import Sockets

/// Who is at the two ends of a client's socket.
struct SocketEnds {
    /// Nil for a Unix socket, whose peer is on this machine.
    let peer: (address: IPAddress, port: Int)?
    let local: (address: String, port: Int)?

    /// Nil when a TCP client has reset its connection already: what it sent can still be read, but nobody says any more who it
    /// was, and it must not pass for one on a Unix socket.
    init?(_ socket: StreamSocket) {
        local = socket.localAddress
        peer = socket.peerAddress.flatMap { peer in IPAddress(peer.address).map { ($0, peer.port) } }
        if peer == nil, local != nil { return nil }
    }
}
