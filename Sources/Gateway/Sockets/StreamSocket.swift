internal import CLinux
internal import Glibc
package import Linux

/// Who a stream socket belongs to. All calls come on its loop.
package protocol StreamSocketOwner: AnyObject {
    /// Bytes that came, valid during the call only. Sockets are never read inside this call, whatever is resumed in it.
    func socketReceived(_ bytes: UnsafeRawBufferPointer)
    /// All that was given to `send` is with the kernel, after some of it had to wait.
    func socketDrained()
    /// A connection that was being made is there (`StreamSocket.connect`).
    func socketConnected()
    /// The last call, once, whoever closed it; it may come before `send` or `close` returns.
    func socketClosed(_ end: SocketEnd)
}

extension StreamSocketOwner {
    package func socketConnected() {}
}

/// How a connection came to its end.
package enum SocketEnd: Equatable, Sendable {
    /// `close` was called.
    case local
    /// The peer ended its side in good order.
    case peer
    /// `errno`: a reset, a broken pipe, a refused connection.
    case failed(Int32)
}

/// One connected TCP or Unix stream socket on a loop, non-blocking, edge-triggered: it is registered once, and costs one
/// recv(2) for what came and one send(2) for what goes.
package final class StreamSocket: SocketLoop.Watched {
    /// Reads of one socket before the others have their turn.
    private static let readsInTurn = 8

    package let loop: SocketLoop
    package private(set) var fd: Int32
    private var slot = 0
    var owner: (any StreamSocketOwner)?
    private var isConnecting = false
    private var isPaused = false
    private var mayHaveBytes = false
    private var hasPeerEnded = false
    private var isWaitingForTurn = false

    var queue = OutboundQueue()
    var isWaitingForRoom = false
    var endsOutputWhenDrained = false
    /// A peer that closes without having read all may have answered before: after a send that failed, what it sent is read
    /// out, and the end comes with that.
    package var readsOutAfterFailedSend = false
    private(set) var isOutputBroken = false
    /// Bytes that the kernel has taken in all.
    package internal(set) var sentBytes = 0

    /// Takes over a connected, non-blocking descriptor. `owner` is held until the socket is closed.
    package convenience init(_ descriptor: consuming Descriptor, loop: SocketLoop, owner: any StreamSocketOwner)
        throws(SystemError)
    {
        try self.init(descriptor.release(), loop, owner, isConnecting: false)
    }

    private init(_ fd: Int32, _ loop: SocketLoop, _ owner: any StreamSocketOwner, isConnecting: Bool)
        throws(SystemError)
    {
        self.fd = fd
        self.loop = loop
        self.isConnecting = isConnecting
        assert(loop.inEventLoop)
        do throws(SystemError) {
            slot = try loop.watch(fd, isConnecting ? Self.readingAndWriting : Self.reading, self)
        } catch {
            Glibc.close(fd)
            self.fd = -1
            throw error
        }
        self.owner = owner
    }

    package enum Connecting {
        case connected(StreamSocket)
        /// `socketConnected` or `socketClosed` will tell.
        case pending(StreamSocket)
        /// `errno`. EAGAIN: the listener's backlog is full (unix(7)).
        case failed(Int32)
    }

    package static func connect(unix path: String, loop: SocketLoop, owner: any StreamSocketOwner) -> Connecting {
        adopt(path.withCString { cl_stream_connect_unix($0) }, isPending: false, loop, owner)
    }

    /// To a port of this machine.
    package static func connect(port: Int, loop: SocketLoop, owner: any StreamSocketOwner) -> Connecting {
        var pending: Int32 = 0
        let fd = cl_stream_connect_loopback(Int32(clamping: port), &pending)
        return adopt(fd, isPending: pending != 0, loop, owner)
    }

    private static func adopt(
        _ fd: Int32, isPending: Bool, _ loop: SocketLoop, _ owner: any StreamSocketOwner
    ) -> Connecting {
        guard fd >= 0 else { return .failed(-fd) }
        do throws(SystemError) {
            let socket = try StreamSocket(fd, loop, owner, isConnecting: isPending)
            return isPending ? .pending(socket) : .connected(socket)
        } catch {
            return .failed(error.errno)
        }
    }

    package var isOpen: Bool { fd >= 0 }

    /// Of a Unix socket: the peer has not read all that the kernel has taken.
    package var isUnreadByPeer: Bool { cl_stream_unread_by_peer(fd) > 0 }

    // MARK: Events

    static let reading = UInt32(CL_EPOLL_IN) | UInt32(CL_EPOLL_RDHUP) | CL_EPOLL_EDGE
    /// Only while something waits for room: a Unix socket's peer would wake us up with everything that it reads.
    static let readingAndWriting = reading | UInt32(CL_EPOLL_OUT)

    package func ready(_ events: UInt32) {
        if isConnecting { return finishConnecting(events) }
        if isWaitingForRoom, events & (UInt32(CL_EPOLL_OUT) | UInt32(CL_EPOLL_ERR)) != 0 {
            flushQueue()
            guard isOpen else { return }
        }
        let ends = UInt32(CL_EPOLL_RDHUP) | UInt32(CL_EPOLL_HUP) | UInt32(CL_EPOLL_ERR)
        if events & ends != 0 { hasPeerEnded = true }
        guard events & (UInt32(CL_EPOLL_IN) | ends) != 0 else { return }
        mayHaveBytes = true
        // Nobody listens any more: whatever is unread is of no use. But a worker that has said all and closed (on a Unix
        // socket that is a hang-up) only has not been listened to.
        if isPaused, !readsOutAfterFailedSend, events & (UInt32(CL_EPOLL_ERR) | UInt32(CL_EPOLL_HUP)) != 0 {
            return closeNow(.failed(cl_stream_pending_error(fd)))
        }
        if !isWaitingForTurn { read() }
    }

    package func continueReading() {
        isWaitingForTurn = false
        read()
    }

    package func loopEnds() { close() }

    private func read() {
        let memory = loop.readMemory
        var reads = 0
        while mayHaveBytes, !isPaused, isOpen {
            guard reads < Self.readsInTurn else { return waitForTurn() }
            reads += 1
            // The pointer is of an allocation, never nil.
            let count = Int(cl_stream_receive(fd, memory.baseAddress!, memory.count))
            if count > 0 {
                // A short read is all there was; without the peer's end behind it, the next byte makes a new edge.
                if count < memory.count, !hasPeerEnded { mayHaveBytes = false }
                owner?.socketReceived(UnsafeRawBufferPointer(rebasing: memory[0..<count]))
            } else if count == 0 {
                return closeNow(.peer)
            } else if count == -Int(EAGAIN) {
                mayHaveBytes = false
            } else {
                return closeNow(.failed(Int32(truncatingIfNeeded: -count)))
            }
        }
    }

    func waitForTurn() {
        guard !isWaitingForTurn else { return }
        isWaitingForTurn = true
        loop.readLater(self)
    }

    private func finishConnecting(_ events: UInt32) {
        let error = cl_stream_pending_error(fd)
        guard error == 0, events & (UInt32(CL_EPOLL_OUT) | UInt32(CL_EPOLL_ERR) | UInt32(CL_EPOLL_HUP)) != 0 else {
            return closeNow(.failed(error == 0 ? ECONNREFUSED : error))
        }
        isConnecting = false
        loop.change(fd, Self.reading, slot: slot)
        owner?.socketConnected()
    }

    // MARK: Back-pressure

    package func pauseReading() { isPaused = true }

    /// Reads on in a later step of this turn, never before this returns.
    package func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        if mayHaveBytes, isOpen { waitForTurn() }
    }

    func waitForRoom(_ waits: Bool) {
        guard waits != isWaitingForRoom else { return }
        isWaitingForRoom = waits
        loop.change(fd, waits ? Self.readingAndWriting : Self.reading, slot: slot)
    }

    // MARK: The end

    /// What was not sent is dropped. `resetting`: the peer sees that it is not the regular end (RFC 9293 section 3.10.5).
    package func close(resetting: Bool = false) {
        guard isOpen else { return }
        if resetting { cl_stream_set_reset_on_close(fd) }
        closeNow(.local)
    }

    /// Hands the socket to another owner; the one before hears nothing more of it.
    package func setOwner(_ owner: any StreamSocketOwner) {
        if isOpen { self.owner = owner }
    }

    /// Gives the descriptor away, open as it is; the owner hears nothing more. Nil when it is closed, or something is queued.
    package func release() -> Int32? {
        guard isOpen, queue.isEmpty, !endsOutputWhenDrained, !isOutputBroken else { return nil }
        defer { fd = -1 }
        owner = nil
        loop.unwatch(fd, slot: slot, isShared: true)
        return fd
    }

    func readOut() {
        isOutputBroken = true
        queue.removeAll()
        waitForRoom(false)
        mayHaveBytes = true
        hasPeerEnded = true
        waitForTurn()
    }

    func closeNow(_ end: SocketEnd) {
        guard isOpen else { return }
        let owner = self.owner
        self.owner = nil
        loop.unwatch(fd, slot: slot, isShared: false)
        Glibc.close(fd)
        fd = -1
        queue.removeAll()
        owner?.socketClosed(end)
    }

    // MARK: Facts

    /// IP address and port; nil for a Unix socket, and for one that is gone.
    package var peerAddress: (address: String, port: Int)? { address(ofPeer: true) }
    package var localAddress: (address: String, port: Int)? { address(ofPeer: false) }

    private func address(ofPeer: Bool) -> (address: String, port: Int)? {
        var text = [CChar](repeating: 0, count: 46)
        var port: Int32 = 0
        guard isOpen, cl_stream_address(fd, ofPeer ? 1 : 0, &text, &port) == 0 else { return nil }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return (String(decoding: bytes, as: UTF8.self), Int(port))
    }

    package func setNoDelay() { cl_stream_set_no_delay(fd) }
}
