/// What is the same for all requests of a client's connection, encoded once for the session protocol.
package struct ConnectionFacts: Sendable {
    /// Peer's IP address as text; `unix:` for a Unix socket.
    package let remoteAddress: String
    package let serverPort: Int
    package let isSecure: Bool
    /// REMOTE_ADDR, REMOTE_PORT, SERVER_PORT and HTTPS as session-protocol pairs.
    let sessionPairs: ContiguousArray<UInt8>
    /// SERVER_NAME of an HTTP/1.0 request without Host.
    let fallbackName: ContiguousArray<UInt8>

    /// NUL bytes in the arguments are dropped: they would end a pair early.
    package init(
        remoteAddress: String, remotePort: Int, serverName: String, serverPort: Int, isSecure: Bool
    ) {
        self.remoteAddress = remoteAddress
        self.serverPort = serverPort
        self.isSecure = isSecure
        fallbackName = ContiguousArray(serverName.utf8.filter { $0 != 0 })
        var pairs: [(String, String)] = [
            ("REMOTE_ADDR", remoteAddress), ("REMOTE_PORT", String(remotePort)), ("SERVER_PORT", String(serverPort)),
        ]
        if isSecure { pairs.append(("HTTPS", "on")) }
        var bytes: ContiguousArray<UInt8> = []
        for (key, value) in pairs {
            bytes.append(contentsOf: key.utf8)
            bytes.append(0)
            bytes.append(contentsOf: value.utf8.filter { $0 != 0 })
            bytes.append(0)
        }
        sessionPairs = bytes
    }
}

/// How one request is passed on; decided by the gateway, the same for both worker protocols.
package struct Forwarding: Equatable, Sendable {
    /// The framing that the worker sees: the client's, or `.length` of what was buffered.
    package var body: BodyFraming
    /// Pass `Upgrade` and `Connection: upgrade` on.
    package var upgrade: Bool
    /// Length of the app's base URI in the raw path: becomes SCRIPT_NAME, PATH_INFO is the rest. Session protocol only.
    package var basePathLength: Int
    /// Fields of the client that are dropped besides the hop-by-hop ones, usually because the gateway adds its own.
    package var dropping: FieldSet

    package init(
        body: BodyFraming, upgrade: Bool = false, basePathLength: Int = 0, dropping: FieldSet = FieldSet()
    ) {
        self.body = body
        self.upgrade = upgrade
        self.basePathLength = basePathLength
        self.dropping = dropping
    }
}
