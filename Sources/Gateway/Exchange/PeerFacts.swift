import HTTP1

/// Where a connection comes from.
struct ConnectionOrigin {
    /// Name of the listener that took it.
    var listener = ""
    /// Nil is one on a Unix socket; it is on this machine, and believed.
    var peer: (address: IPAddress, port: Int)?
    var local: (address: String, port: Int)?
    var isSecure = false
    /// False: what comes is passed on for somebody of whom nothing is known, and nothing that he says of himself is believed.
    var isKnown = true
    /// Another core takes it out of TLS and will soon be gone: the next answer is its last.
    var isRelayed = false
}

/// Who a connection comes from and what is told to apps about it; made once for a connection.
final class PeerFacts {
    let origin: ConnectionOrigin
    let fields: ForwardedFields
    /// As text, for logs.
    let address: String
    private let plain: ConnectionFacts
    private lazy var secure = ConnectionFacts(
        remoteAddress: plain.remoteAddress, remotePort: port, serverName: serverName, serverPort: plain.serverPort,
        isSecure: true)
    private let port: Int
    private let serverName: String

    init(_ origin: ConnectionOrigin, trusted: AddressRanges) {
        self.origin = origin
        let (peer, local, isSecure) = (origin.peer, origin.local, origin.isSecure)
        let isTrusted = origin.isKnown && (peer.map { trusted.contains($0.address) } ?? true)
        address = peer?.address.description ?? "127.0.0.1"
        port = peer?.port ?? 0
        serverName = local?.address ?? "localhost"
        let serverPort = local?.port ?? (isSecure ? 443 : 80)
        fields = ForwardedFields(
            peer: peer?.address, serverPort: serverPort, isSecure: isSecure, isTrusted: isTrusted)
        plain = ConnectionFacts(
            remoteAddress: address, remotePort: port, serverName: serverName, serverPort: serverPort, isSecure: false)
    }

    /// For a request whose client's own connection was, or was not, https.
    func facts(isSecure: Bool) -> ConnectionFacts { isSecure ? secure : plain }
}
