import NIOCore
import Sockets

/// Who has a `PipelineChannel`. All calls come on its loop.
protocol PipelineChannelOwner: AnyObject {
    /// All that was flushed is with the kernel, after some of it had to wait, or when our side has ended.
    func channelDrained()
    /// The last call, after the pipeline was told.
    func channelClosed()
}

/// A NIO channel over a `StreamSocket`, for what comes as channel handlers: TLS and HTTP/2. Only what those need: no
/// options, no half-closed peers, no addresses.
///
/// `@unchecked Sendable`, as `Channel` demands it: everything is used on the socket's loop only; NIO's calls from other
/// threads go through the loop's tasks.
final class PipelineChannel: Channel, @unchecked Sendable {
    /// Bytes that wait from which on `isWritable` is false; it is true again when all have left.
    static let highWater = 128 << 10

    let loop: LoopContext
    let allocator = ByteBufferAllocator()
    private(set) lazy var pipeline = ChannelPipeline(channel: self)
    let closePromise: EventLoopPromise<Void>
    private(set) var isActive = false
    private(set) var isWritable = true

    /// Nil from the end on.
    private var socket: StreamSocket?
    private weak var owner: (any PipelineChannelOwner)?
    private let whenClosed: () -> Void

    /// Written and not flushed.
    private var pending: ContiguousArray<ByteBuffer> = []
    private var pendingBytes = 0
    /// Promises of writes, with the count of sent bytes at which they hold; those not flushed have none yet.
    private var promises: ContiguousArray<(sent: Int?, promise: EventLoopPromise<Void>)> = []
    private var isSending = false
    private var endsOutput = false

    /// Takes an open socket over. `whenClosed`: when its descriptor is closed, which may be later than the channel's end.
    init(_ socket: StreamSocket, loop: LoopContext, owner: any PipelineChannelOwner, whenClosed: @escaping () -> Void) {
        self.socket = socket
        self.loop = loop
        self.owner = owner
        self.whenClosed = whenClosed
        closePromise = loop.eventLoop.makePromise()
        socket.setOwner(self)
    }

    /// When the first handlers are there.
    func start() {
        guard socket != nil, !isActive else { return }
        isActive = true
        pipeline.syncOperations.fireChannelRegistered()
        pipeline.syncOperations.fireChannelActive()
    }

    /// Bytes that were given to it and are not with the kernel.
    var queuedBytes: Int { pendingBytes + (socket?.queuedBytes ?? 0) }
    var sentBytes: Int { socket?.sentBytes ?? 0 }

    func pauseReading() { socket?.pauseReading() }
    /// Nothing is read before this returns.
    func resumeReading() { socket?.resumeReading() }

    /// At once, with nothing more sent.
    func abort(resetting: Bool = false) { socket?.close(resetting: resetting) }

    // MARK: Writing

    func append(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        guard isActive else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        pending.append(bytes)
        pendingBytes += bytes.readableBytes
        if let promise { promises.append((nil, promise)) }
        updateWritability()
    }

    /// What one flush brings goes out in one system call.
    func sendPending() {
        guard let socket, var bytes = pending.first else { return }
        if pending.count > 1 {
            pending[0] = ByteBuffer()
            bytes.reserveCapacity(minimumWritableBytes: pendingBytes - bytes.readableBytes)
            for part in pending.dropFirst() { bytes.writeImmutableBuffer(part) }
        }
        pending.removeAll(keepingCapacity: pending.count <= 16)
        pendingBytes = 0
        let end = socket.sentBytes + socket.queuedBytes + bytes.readableBytes
        for index in promises.indices where promises[index].sent == nil { promises[index].sent = end }
        // The end of the socket comes from inside of it: handlers hear of that when they have returned.
        isSending = true
        bytes.withUnsafeReadableBytes { socket.send($0) }
        isSending = false
        settlePromises(upTo: socket.sentBytes)
        updateWritability()
    }

    private func settlePromises(upTo sent: Int) {
        while let first = promises.first, let end = first.sent, end <= sent {
            promises.removeFirst()
            first.promise.succeed(())
        }
    }

    private func updateWritability() {
        let queued = queuedBytes
        guard isActive, isWritable ? queued > Self.highWater : queued == 0 else { return }
        isWritable.toggle()
        pipeline.syncOperations.fireChannelWritabilityChanged()
    }

    // MARK: The end

    func endOutput() {
        sendPending()
        endsOutput = true
        socket?.endOutput()
    }

    /// The pipeline's own end: what was flushed still goes out, and the client has a moment to take it.
    func closeGracefully() {
        guard let socket else { return }
        self.socket = nil
        LingeringSocket.start(socket, loop: loop, whenClosed: whenClosed)
        end(ChannelError.ioOnClosedChannel)
    }

    private func end(_ error: any Error) {
        let wasActive = isActive
        isActive = false
        isWritable = false
        pending.removeAll()
        pendingBytes = 0
        let promises = self.promises
        self.promises.removeAll()
        for (_, promise) in promises { promise.fail(error) }
        if isSending {
            loop.eventLoop.executeLater { self.tellEnd(wasActive) }
        } else {
            tellEnd(wasActive)
        }
    }

    private func tellEnd(_ wasActive: Bool) {
        if wasActive {
            pipeline.syncOperations.fireChannelInactive()
            pipeline.syncOperations.fireChannelUnregistered()
        }
        let owner = self.owner
        self.owner = nil
        owner?.channelClosed()
        // Handlers may still be at work above us in the stack.
        loop.eventLoop.executeLater {
            self.removeHandlers(pipeline: self.pipeline)
            self.closePromise.succeed(())
        }
    }
}

extension PipelineChannel: StreamSocketOwner {
    func socketReceived(_ bytes: UnsafeRawBufferPointer) {
        guard isActive else { return }
        pipeline.syncOperations.fireChannelRead(NIOAny(ByteBuffer(bytes: bytes)))
        if isActive { pipeline.syncOperations.fireChannelReadComplete() }
    }

    func socketDrained() {
        settlePromises(upTo: sentBytes)
        updateWritability()
        owner?.channelDrained()
    }

    func socketClosed(_ end: SocketEnd) {
        guard socket != nil else { return }
        socket = nil
        whenClosed()
        self.end(end == .peer ? ChannelError.eof : ChannelError.ioOnClosedChannel)
    }
}
