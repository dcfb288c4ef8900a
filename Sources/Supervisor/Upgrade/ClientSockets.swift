import Linux

/// A packet socket between two cores: one that retires gives its clients' connections (`HandedConnection`) to the next.
final class ClientSockets {
    private let pair: SocketPair

    init() throws(SystemError) { pair = try MessageSocket.pair() }

    /// For the core that retires.
    var sending: Int32 { pair.first.number }
    /// For the core that begins.
    var receiving: Int32 { pair.second.number }
}
