import HTTP1
import Linux
package import Model
import NIOCore
import Sockets

/// Takes a client's connection with its descriptor, from any loop; it is the taker's from there on. Must not block.
package typealias NextCore = @Sendable (HandedConnection, _ descriptor: Int32) -> Void

/// Clients stay connected when another core goes on: each connection moves with its descriptor, when nothing is under way on it.
extension Gateway {
    /// Another core goes on: stops accepting. Who is connected gets the answer to what is under way; then, and at once when it is idle,
    /// the connection is the next core's. HTTP/2 is told to go away: its clients lose nothing by that (RFC 9113 section 6.8).
    /// No connection to a worker is kept.
    package func retire(to next: @escaping NextCore) async {
        await stopAccepting()
        for loop in loops { loop.eventLoop.execute { loop.context.value.beginRetirement(next) } }
    }

    /// A client of a core that retires: goes on as if it had been accepted here, whatever the limit of connections.
    package func adopt(_ handed: HandedConnection, _ descriptor: Int32) {
        _ = connections.add()
        let count = listenerCount(handed.listener)
        count.add()
        let loop = anyLoop()
        loop.eventLoop.execute { [connections] in
            let context = loop.context.value
            let transport = PlainTransport { connections.remove(from: count) }
            do throws(SystemError) {
                let socket = try StreamSocket(Descriptor(owning: descriptor), loop: loop.eventLoop, owner: transport)
                transport.attach(socket)
                let peer = PeerFacts(ConnectionOrigin(handed), trusted: context.trusted)
                ClientConnection(loop: context, peer: peer, transport: transport).goOn(handed)
            } catch {
                connections.remove(from: count)
                context.log(.acceptFailed(reason: error.description))
            }
        }
    }
}

extension ConnectionOrigin {
    init(_ handed: HandedConnection) {
        self.init(
            listener: handed.listener,
            peer: handed.peer.flatMap { end in IPAddress(end.address).map { ($0, Int(end.port)) } },
            local: handed.local.map { ($0.address, Int($0.port)) }, isSecure: handed.isSecure,
            isKnown: handed.isKnown, isRelayed: handed.isRelayed)
    }
}
