import HTTP1
import Model
import NIOCore
import Sockets
import TLS

/// The first bytes of a connection that is not simply HTTP: a PROXY protocol header, where the listener demands it, and then
/// whether it is TLS at all.
final class OpeningConnection: Carrier, StreamSocketOwner {
    private let loop: LoopContext
    private let listener: GatewayListener
    private let whenClosed: () -> Void
    private var socket: StreamSocket?
    private var ends: SocketEnds?
    private var received = RawBytes()

    init(_ listener: GatewayListener, loop: LoopContext, whenClosed: @escaping () -> Void) {
        self.listener = listener
        self.loop = loop
        self.whenClosed = whenClosed
    }

    func attach(_ socket: StreamSocket, _ ends: SocketEnds) {
        self.socket = socket
        self.ends = ends
        loop.carriers.add(self)
        deadline = loop.deadline(after: TimeAmount(loop.router.defaults.headerTimeout))
    }

    func socketReceived(_ bytes: UnsafeRawBufferPointer) {
        guard received.isEmpty else {
            received.append(bytes)
            // Whoever goes on with them must not lose them with us.
            withExtendedLifetime(self) { _ = take(received.bytes) }
            return
        }
        if !take(bytes) { received.assign(bytes) }
    }

    /// False when more is needed.

    private func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard listener.proxyProtocol else { return proceed(bytes, .unknown) }
        switch ProxyProtocol.parse(bytes) {
        case .needMore: return false
        case .header(let header):
            return proceed(UnsafeRawBufferPointer(rebasing: bytes[header.length...]), header.origin)
        case .rejected(let rejection):
            loop.log(.badProxyHeader(rejection, peer: ends?.peer?.address.description ?? "unix:"))
            socket?.close()
            return true
        }
    }

    private func proceed(_ rest: UnsafeRawBufferPointer, _ origin: ProxyOrigin) -> Bool {
        guard let socket else { return true }
        guard listener.isTLS else {
            leave()
            startPlain(socket, rest, peer(origin))
            return true
        }
        guard let first = rest.first else { return false }
        let peer = peer(origin)
        leave()
        if isMethod(first) {
            refusePlain(socket)
        } else if let certificates = loop.certificates {
            SecureConnection.start(
                socket, rest, certificates: certificates, loop: loop, peer: peer, whenClosed: whenClosed)
        } else {
            // Never opened like this; whoever does gets what a store without certificates gives.
            LingeringSocket.start(socket, loop: loop, whenClosed: whenClosed)
        }
        return true
    }

    /// A TLS record begins with its type, 20 to 24 (RFC 8446 section 5.1).
    private func isMethod(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "A") < 26 }

    /// The socket is another's from here on.
    private func leave() {
        socket = nil
        loop.carriers.remove(self)
    }

    private func startPlain(_ socket: StreamSocket, _ rest: UnsafeRawBufferPointer, _ peer: PeerFacts) {
        let transport = PlainTransport(whenClosed: whenClosed)
        socket.setOwner(transport)
        transport.attach(socket)
        _ = ClientConnection(loop: loop, peer: peer, transport: transport)
        if !rest.isEmpty { transport.socketReceived(rest) }
    }

    /// A person who left out the s of https reads this; TLS's own alert would be shown as garbage.
    private func refusePlain(_ socket: StreamSocket) {
        let answer = loop.errorPages.answer(
            status: 400, message: "This port speaks https, and the request came as plain http.",
            id: loop.nextErrorID(), accepts: .html)
        var text = answer.head + "Connection: close\r\n\r\n" + answer.body
        text.withUTF8 { socket.send(UnsafeRawBufferPointer($0)) }
        guard socket.isOpen else { return whenClosed() }
        LingeringSocket.start(socket, loop: loop, whenClosed: whenClosed)
    }

    /// Behind a balancer that does not say whose the connection is, somebody's own words follow: that they come by way of one
    /// that is trusted, or over a Unix socket, does not make them true.
    private func peer(_ origin: ProxyOrigin) -> PeerFacts {
        var from = ConnectionOrigin(
            listener: listener.name, peer: ends?.peer, local: ends?.local, isSecure: listener.isTLS)
        switch origin {
        case .client(let address, let port, let destination, let destinationPort):
            from.peer = (address, Int(port))
            from.local = ("\(destination)", Int(destinationPort))
        case .unixClient, .unknown: from.isKnown = !listener.proxyProtocol
        case .local: break
        }
        return PeerFacts(from, trusted: loop.trusted)
    }

    func socketDrained() {}

    func socketClosed(_ end: SocketEnd) {
        guard socket != nil else { return }
        leave()
        whenClosed()
    }

    override func deadlinePassed() { socket?.close() }
    override func closeNow() { socket?.close() }
}
