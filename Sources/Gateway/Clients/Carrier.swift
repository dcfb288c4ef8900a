import NIOCore

/// What holds a client's socket and is not a `ClientConnection`: a connection that has not said yet what it is, TLS around
/// one, the end of one. Its loop looks at it once a second.
class Carrier {
    /// Place in `Carriers`, kept by it.
    fileprivate final var position = -1
    /// Of what is waited for at the moment.
    final var deadline = NIODeadline.distantFuture

    func deadlinePassed() {}
    /// Once a second.
    func look(_ now: NIODeadline) { if deadline <= now { passDeadline() } }
    /// The server is being stopped.
    func beginDrain() {}
    /// Whatever is under way.
    func closeNow() {}

    final func passDeadline() {
        deadline = .distantFuture
        deadlinePassed()
    }
}

/// All carriers of a loop.
final class Carriers {
    private var all: ContiguousArray<Carrier> = []

    var count: Int { all.count }

    func add(_ carrier: Carrier) {
        carrier.position = all.count
        all.append(carrier)
    }

    func remove(_ carrier: Carrier) {
        let position = carrier.position
        guard all.indices.contains(position), all[position] === carrier else { return }
        let last = all.removeLast()
        if last !== carrier {
            all[position] = last
            last.position = position
        }
    }

    // Each goes through a copy: what is called may end its carrier, and begin another.
    func sweep(_ now: NIODeadline) { for carrier in all { carrier.look(now) } }
    func beginDrain() { for carrier in all { carrier.beginDrain() } }
    func closeAll() { for carrier in all { carrier.closeNow() } }
}
