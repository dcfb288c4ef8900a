import Glibc
import Linux
import Model

/// The supervisor's end of the packet socket to one core. What the core is too slow to take waits here, in order.
final class CoreConnection {
    /// A core that is this far behind has stopped reading for good.
    static let longestQueue = 4096

    private let socket: Descriptor
    private var queue: [Packet] = []
    private let watch: Watch
    /// Of the core at the other end.
    let core: UInt32

    /// Asks the loop to wait for writability, or not.
    typealias Watch = (_ socket: Int32, _ wantsToWrite: Bool) -> Void

    private struct Packet {
        var bytes: [UInt8]
        /// Our own duplicates: the originals may be closed before the packet is sent.
        var descriptors: [Int32]
    }

    init(socket: consuming Descriptor, core: UInt32, watch: @escaping Watch) throws(SystemError) {
        self.core = core
        try socket.setNonBlocking()
        self.socket = socket
        self.watch = watch
    }

    deinit { queue.forEach { closeDescriptors($0.descriptors) } }

    var number: Int32 { socket.number }

    /// Nothing waits to be sent.
    var isIdle: Bool { queue.isEmpty }

    /// Throws when the core is gone (EPIPE), or so slow that it may be taken to be.
    func send(_ message: SupervisorMessage, descriptors: [Int32] = []) throws(SystemError) {
        let bytes = MessageCodec.encode(message)
        if queue.isEmpty {
            do throws(SystemError) {
                return try MessageSocket.send(socket.number, bytes, descriptors: descriptors)
            } catch  where error.errno == EAGAIN {
                watch(socket.number, true)
            }
        }
        guard queue.count < Self.longestQueue else { throw SystemError(call: "sendmsg", errno: ENOBUFS) }
        var packet = Packet(bytes: bytes, descriptors: [])
        do throws(SystemError) {
            for descriptor in descriptors { packet.descriptors.append(try duplicateDescriptor(descriptor).release()) }
        } catch {
            closeDescriptors(packet.descriptors)
            throw error
        }
        queue.append(packet)
    }

    /// To be called when the socket can be written again.
    func flush() throws(SystemError) {
        var sent = 0
        defer {
            queue.removeFirst(sent)
            if queue.isEmpty { watch(socket.number, false) }
        }
        for packet in queue {
            do throws(SystemError) {
                try MessageSocket.send(socket.number, packet.bytes, descriptors: packet.descriptors)
            } catch  where error.errno == EAGAIN {
                return
            }
            closeDescriptors(packet.descriptors)
            sent += 1
        }
    }

    enum Received {
        /// The loop owns the descriptors.
        case message(CoreMessage, descriptors: [Int32])
        case unreadable(reason: String)
        case nothingMore
        case closed
    }

    func receive() -> Received {
        do {
            guard let packet = try MessageSocket.receive(socket.number) else { return .closed }
            do {
                return .message(try MessageCodec.decodeCore(packet.bytes), descriptors: packet.descriptors)
            } catch {
                closeDescriptors(packet.descriptors)
                return .unreadable(reason: "\(error)")
            }
        } catch {
            switch error.errno {
            case EAGAIN: return .nothingMore
            case ECONNRESET: return .closed
            default: return .unreadable(reason: "\(error)")
            }
        }
    }
}
