import Linux
import NIOCore
import Sockets

/// A client's TLS connection whose requests another core answers: what TLS has in its memory cannot be given away as a descriptor, so
/// this core goes on with that, and passes the plain bytes on over a socket pair. It lives until the next answer, which is the last.
final class Relay: StreamSocketOwner {
    /// Of one side's bytes that the other has not taken.
    private static let limit = 128 << 10

    private let transport: SecureTransport
    private var socket: StreamSocket?

    /// The descriptor is the next core's.
    static func start(_ transport: SecureTransport, loop: SocketLoop) -> (relay: Relay, descriptor: Int32)? {
        do throws(SystemError) {
            let pair = try streamPair()
            let relay = Relay(transport)
            relay.socket = try StreamSocket(pair.first, loop: loop, owner: relay)
            return (relay, pair.second.release())
        } catch {
            return nil
        }
    }

    private init(_ transport: SecureTransport) { self.transport = transport }

    // MARK: The client

    func received(_ bytes: UnsafeRawBufferPointer) {
        socket?.send(bytes)
        if let socket, socket.queuedBytes > Self.limit { transport.pauseReading() }
    }

    func clientTookAll() { socket?.resumeReading() }

    func clientIsGone() {
        socket?.close()
        socket = nil
    }

    // MARK: The next core

    func socketReceived(_ bytes: UnsafeRawBufferPointer) {
        transport.sendBody(bytes)
        if transport.queuedBytes > Self.limit { socket?.pauseReading() }
    }

    func socketDrained() { transport.resumeReading() }

    func socketClosed(_ end: SocketEnd) {
        guard socket != nil else { return }
        socket = nil
        if end == .peer { transport.endRelayed() } else { transport.close(resetting: true) }
    }
}
