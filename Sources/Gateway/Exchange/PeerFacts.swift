import HTTP1

/// Who a connection comes from and what is told to apps about it; made once for a connection.
final class PeerFacts {
    let fields: ForwardedFields
    /// As text, for logs.
    let address: String
    private let plain: ConnectionFacts
    private lazy var secure = ConnectionFacts(
        remoteAddress: plain.remoteAddress, remotePort: port, serverName: serverName, serverPort: plain.serverPort,
        isSecure: true)
    private let port: Int
    private let serverName: String

    /// `peer` nil is one on a Unix socket; it is on this machine, and believed. `isKnown` false: what comes is passed on for
    /// somebody of whom nothing is known, and nothing that he says of himself is believed.
    init(
        peer: (address: IPAddress, port: Int)?, local: (address: String, port: Int)?, isSecure: Bool,
        trusted: AddressRanges, isKnown: Bool = true
    ) {
        let isTrusted = isKnown && (peer.map { trusted.contains($0.address) } ?? true)
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
