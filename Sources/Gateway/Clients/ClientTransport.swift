import Sockets

/// What carries a client's requests and answers: a plain socket, TLS, or one stream of an HTTP/2 connection. It gives the
/// bytes of requests to its `ClientConnection` and takes the parts of answers from it.
///
/// A class and not a protocol: the calls are made for every request, and a table of functions is the cheapest way.
class ClientTransport {
    /// Set by `ClientConnection`, taken away when the transport is closed.
    final var connection: ClientConnection?

    /// Messages have frames of their own: no Content-Length or chunks are needed to tell where they end (HTTP/2).
    var isMessageFramed: Bool { false }
    /// Of a message-framed request: whether a body follows its head.
    var requestHasBody: Bool { false }
    /// Of a message-framed request: nothing more will come.
    var requestHasEnded: Bool { false }
    var isOpen: Bool { false }
    /// Bytes given to it that have not left.
    var queuedBytes: Int { 0 }
    /// Of that, what is held in memory: it counts against `buffer_memory_limit`.
    var queuedMemory: Int { 0 }

    /// A 1xx answer, whole.
    func sendInformational(_ head: UnsafeRawBufferPointer) {}
    /// The final head (with its empty line) and what of the body is there.
    func sendHead(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) {}
    /// The final head, of an answer whose body is a file that follows at once.
    func sendHeadOfFile(_ head: UnsafeRawBufferPointer) {
        sendHead(head, UnsafeRawBufferPointer(start: nil, count: 0))
    }
    func sendBody(_ bytes: UnsafeRawBufferPointer) {}
    func sendFile(_ file: any SendableFile, from offset: Int, count: Int) {}
    /// The answer is whole.
    func endMessage() {}

    /// Ends our side once everything has left; `ClientConnection.outputDrained` tells that.
    func endOutput() {}
    func close(resetting: Bool) {}
    func pauseReading() {}
    /// Nothing is read before this returns.
    func resumeReading() {}

    /// Gives the connection away, of which nothing may be under way or queued: the descriptor that its bytes come from and go
    /// to from here on. Its `ClientConnection` hears nothing more of it. Nil when it cannot be given away.
    func release() -> Released? { nil }
}

/// What is left of a connection that its transport has let go of.
struct Released {
    var descriptor: Int32
    /// It is one end of a pair: the transport stays, and passes on what comes.
    var isRelay: Bool
}

/// HTTP/1 straight over a socket.
final class PlainTransport: ClientTransport, StreamSocketOwner {
    private var socket: StreamSocket?
    private let whenClosed: () -> Void

    init(whenClosed: @escaping () -> Void) { self.whenClosed = whenClosed }

    func attach(_ socket: StreamSocket) { self.socket = socket }

    func socketReceived(_ bytes: UnsafeRawBufferPointer) { connection?.received(bytes) }
    func socketDrained() { connection?.outputDrained() }

    func socketClosed(_ end: SocketEnd) {
        let connection = self.connection
        self.connection = nil
        socket = nil
        whenClosed()
        connection?.closed()
    }

    override var isOpen: Bool { socket != nil }
    override var queuedBytes: Int { socket?.queuedBytes ?? 0 }
    override var queuedMemory: Int { socket?.queuedMemory ?? 0 }

    override func sendInformational(_ head: UnsafeRawBufferPointer) { socket?.send(head) }

    override func sendHead(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) {
        if body.isEmpty { socket?.send(head) } else { socket?.send(head, body) }
    }

    override func sendHeadOfFile(_ head: UnsafeRawBufferPointer) { socket?.send(head, more: true) }
    override func sendBody(_ bytes: UnsafeRawBufferPointer) { socket?.send(bytes) }

    override func sendFile(_ file: any SendableFile, from offset: Int, count: Int) {
        socket?.send(file, from: offset, count: count)
    }

    override func endOutput() { socket?.endOutput() }
    override func close(resetting: Bool) { socket?.close(resetting: resetting) }
    override func pauseReading() { socket?.pauseReading() }
    override func resumeReading() { socket?.resumeReading() }

    override func release() -> Released? {
        guard let descriptor = socket?.release() else { return nil }
        connection = nil
        socket = nil
        whenClosed()
        return Released(descriptor: descriptor, isRelay: false)
    }
}
