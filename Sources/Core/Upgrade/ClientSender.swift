import Dispatch
import Gateway
import Glibc
import Linux
import Logging
import Model
import Synchronization

/// Gives clients' connections to the next core, in the order in which they come, on a queue of its own: that core may not take
/// them for a while.
final class ClientSender: Sendable {
    /// Descriptors in flight have a limit (ETOOMANYREFS, unix(7)), which the next core's taking them makes room in.
    private static let pause: UInt32 = 2_000

    private let socket: Descriptor
    private let queue = DispatchQueue(label: "passenger.clients")
    private let isOver = Atomic(false)
    private let whenOver = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ socket: consuming Descriptor) { self.socket = socket }

    /// Called once, on any thread, when there is nobody who would take what is sent.
    func whenNobodyTakes(_ body: @escaping @Sendable () -> Void) { whenOver.withLock { $0 = body } }

    /// The descriptor is the sender's. When it cannot be given away, the connection ends.
    func send(_ connection: HandedConnection, _ descriptor: Int32) {
        queue.async { [self] in
            let descriptor = Descriptor(owning: descriptor)
            guard !isOver.load(ordering: .relaxed) else { return }
            let bytes = MessageCodec.encode(connection)
            while true {
                do throws(SystemError) {
                    return try MessageSocket.send(socket.number, bytes, descriptors: [descriptor.number])
                } catch {
                    guard error.errno == ETOOMANYREFS || error.errno == EINTR else { return end() }
                    usleep(Self.pause)
                }
            }
        }
    }

    private func end() {
        isOver.store(true, ordering: .relaxed)
        whenOver.withLock { body in
            defer { body = nil }
            return body
        }?()
    }

    /// When all that was sent is on its way, or after so long.
    func settled(within time: Duration) async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let waiter = Shared<CheckedContinuation<Void, Never>?>(done)
            let resume: @Sendable () -> Void = {
                waiter.withLock { waiter in
                    defer { waiter = nil }
                    return waiter
                }?.resume()
            }
            queue.async(execute: resume)
            DispatchQueue.global().asyncAfter(
                deadline: .now() + .nanoseconds(Int(time.wholeNanoseconds)), execute: resume)
        }
    }
}

/// Takes the clients of a core that retires, until it has ended.
func takeClients(_ socket: consuming Descriptor, _ gateway: Gateway, _ logger: Logger) {
    let number = socket.release()
    startThread(name: "clients") {
        let socket = Descriptor(owning: number)
        while true {
            do {
                guard let (bytes, descriptors) = try MessageSocket.receive(socket.number) else { return }
                guard let descriptor = descriptors.first else { continue }
                for other in descriptors.dropFirst() { _ = Descriptor(owning: other) }
                do {
                    gateway.adopt(try MessageCodec.decodeClient(bytes), descriptor)
                } catch {
                    _ = Descriptor(owning: descriptor)
                    logger.error("a client of the core before is lost: \(error)")
                }
            } catch {
                logger.error("a client of the core before is lost: \(error)")
                // There was no descriptor left for it (MSG_CTRUNC): for the next there may be.
                guard let failure = error as? SystemError, failure.errno == EMSGSIZE else { return }
            }
        }
    }
}
