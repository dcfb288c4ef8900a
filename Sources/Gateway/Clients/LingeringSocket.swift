import Model
import NIOCore
import Sockets

/// The end of a connection whose owner is through with it: what is queued goes out, and what the client still sends is read
/// and dropped, or the kernel's reset could overtake the last bytes (RFC 9112 section 9.6).
final class LingeringSocket: Carrier, StreamSocketOwner {
    private let loop: LoopContext
    private let socket: StreamSocket
    private let whenClosed: () -> Void

    /// Takes an open socket over.
    static func start(_ socket: StreamSocket, loop: LoopContext, whenClosed: @escaping () -> Void) {
        let lingering = LingeringSocket(socket, loop, whenClosed)
        loop.carriers.add(lingering)
        socket.setOwner(lingering)
        lingering.deadline = loop.deadline(after: TimeAmount(loop.router.defaults.bodyTimeout))
        socket.resumeReading()
        socket.endOutput()
        // Our side may have been ended long ago: then nobody says so again.
        if socket.queuedBytes == 0 { lingering.socketDrained() }
    }

    private init(_ socket: StreamSocket, _ loop: LoopContext, _ whenClosed: @escaping () -> Void) {
        self.socket = socket
        self.loop = loop
        self.whenClosed = whenClosed
    }

    func socketReceived(_ bytes: UnsafeRawBufferPointer) {}
    func socketDrained() { deadline = loop.deadline(after: loop.lingerTime) }

    func socketClosed(_ end: SocketEnd) {
        loop.carriers.remove(self)
        whenClosed()
    }

    override func deadlinePassed() { socket.close() }
    override func closeNow() { socket.close() }
}
