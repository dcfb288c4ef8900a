internal import CLinux
internal import Glibc
package import Linux
import NIOCore

/// Accepts on a listening descriptor for one loop. The descriptor is a copy of the supervisor's, whose socket lives on.
package final class ListeningSocket: SocketLoop.Watched {
    /// Connections taken in one turn, so that a flood of them does not stop those that are there.
    private static let acceptsInTurn = 64
    /// No backlog is longer (`socket_backlog`).
    private static let longestQueue = 65_536
    /// How long nothing is accepted when there are no descriptors to spare or no memory: connections wait in the kernel.
    private static let pause = TimeAmount.milliseconds(200)

    private let loop: SocketLoop
    private let fd: Int32
    private var slot = 0
    private var isOpen = true
    private var accepted: ((consuming Descriptor) -> Void)?
    private var isLast: (Int32) -> Bool
    private var failed: ((SystemError) -> Void)?

    /// On the loop. `isLast` tells by a descriptor's number whether those after it are kept for others; `failed` is told of each
    /// pause.
    package init(
        _ descriptor: consuming Descriptor, loop: SocketLoop, accepted: @escaping (consuming Descriptor) -> Void,
        isLast: @escaping (Int32) -> Bool = { _ in false }, failed: @escaping (SystemError) -> Void
    ) throws(SystemError) {
        self.loop = loop
        try descriptor.setNonBlocking()
        fd = descriptor.release()
        self.accepted = accepted
        self.isLast = isLast
        self.failed = failed
        slot = try loop.watch(fd, UInt32(CL_EPOLL_IN), self)
    }

    package func ready(_ events: UInt32) {
        for _ in 0..<Self.acceptsInTurn {
            let client = cl_stream_accept(fd)
            if client >= 0 {
                accepted?(Descriptor(owning: client))
                guard isOpen else { return }
                if isLast(client) { return rest(EMFILE) }
                continue
            }
            switch -client {
            case EAGAIN: return
            // Errors of a connection that is gone again, and of the network (accept(2)): not of this listener.
            case ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
                EPERM:
                continue
            default: return rest(-client)
            }
        }
    }

    /// Nobody will have the socket after this: a connection that was not taken from it would be reset.
    package func acceptWaiting() {
        for _ in 0..<Self.longestQueue where isOpen {
            let client = cl_stream_accept(fd)
            if client == -EAGAIN { return }
            if client >= 0 { accepted?(Descriptor(owning: client)) }
        }
    }

    package func continueReading() {}
    package func loopEnds() { close() }

    /// EMFILE, ENFILE, ENOBUFS, ENOMEM: epoll would tell at once again, so it is not asked for a while.
    private func rest(_ number: Int32) {
        loop.change(fd, 0, slot: slot)
        failed?(SystemError(call: "accept", errno: number))
        goOnLater()
    }

    private func goOnLater() {
        _ = loop.timers.add(loop.time + Self.pause) { [weak self] in
            guard let self, isOpen else { return }
            if hasRoom { loop.change(fd, UInt32(CL_EPOLL_IN), slot: slot) } else { goOnLater() }
        }
    }

    private var hasRoom: Bool {
        guard let next = try? duplicateDescriptor(fd) else { return !isLast(.max) }
        return !isLast(next.number)
    }

    /// Stops accepting. What has not been accepted waits for whoever else has the socket.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        loop.unwatch(fd, slot: slot, isShared: true)
        Glibc.close(fd)
        accepted = nil
        isLast = { _ in false }
        failed = nil
    }
}
