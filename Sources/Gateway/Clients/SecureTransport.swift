import NIOCore
import Sockets

/// HTTP/1 inside TLS: the last handler of its channel.
final class SecureTransport: ClientTransport, ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of files that are encrypted before other connections have their turn.
    private static let fileBytesInTurn = 1 << 20

    private var channel: PipelineChannel?
    private var context: ChannelHandlerContext?
    private var parts = PendingParts()
    private var wantsEnd = false
    private var hasEnded = false
    private var isWaitingForTurn = false
    /// Set once another core answers the requests.
    private var relay: Relay?
    private let whenRelayEnds: () -> Void

    init(_ channel: PipelineChannel, whenRelayEnds: @escaping () -> Void) {
        self.channel = channel
        self.whenRelayEnds = whenRelayEnds
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    // MARK: From the client

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        bytes.withUnsafeReadableBytes { if let relay { relay.received($0) } else { connection?.received($0) } }
    }

    /// The end follows by itself when there is one (RFC 8446 section 6); a client that goes without a farewell has nothing
    /// that could be cut short: its requests say how long they are.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) { closed() }

    func closed() {
        channel = nil
        context = nil
        parts.removeAll()
        let connection = self.connection
        self.connection = nil
        connection?.closed()
        relay?.clientIsGone()
        relay = nil
    }

    // MARK: To the client

    override var isOpen: Bool { channel != nil }
    override var queuedBytes: Int { parts.byteCount + (channel?.queuedBytes ?? 0) }
    override var queuedMemory: Int { queuedBytes - parts.fileByteCount }

    override func sendInformational(_ head: UnsafeRawBufferPointer) { sendBody(head) }

    override func sendHead(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(head.count + body.count)
        bytes.writeBytes(head)
        bytes.writeBytes(body)
        send(bytes)
    }

    override func sendBody(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty, context != nil else { return }
        send(ByteBuffer(bytes: bytes))
    }

    private func send(_ bytes: ByteBuffer) {
        if parts.isEmpty { write(bytes) } else { parts.append(bytes) }
    }

    /// One record for what belongs together, unless it is more than 16 KiB (RFC 8446 section 5.1).
    private func write(_ bytes: ByteBuffer) {
        guard !hasEnded else { return }
        context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    override func sendFile(_ file: any SendableFile, from offset: Int, count: Int) {
        guard channel != nil else { return }
        let wasEmpty = parts.isEmpty
        parts.append(file, from: offset, count: count)
        if wasEmpty { moveParts() }
    }

    private func moveParts() {
        var budget = Self.fileBytesInTurn
        while let channel, channel.isWritable, !parts.isEmpty {
            guard budget > 0 else { return moveLater() }
            switch parts.next() {
            case .empty: break
            case .piece(let piece):
                budget -= piece.readableBytes
                write(piece)
            case .failed: return channel.abort(resetting: true)
            }
        }
        endIfDue()
    }

    private func moveLater() {
        guard !isWaitingForTurn, let channel else { return }
        isWaitingForTurn = true
        channel.loop.eventLoop.executeLater { [weak self] in
            guard let self else { return }
            isWaitingForTurn = false
            moveParts()
            if queuedBytes == 0 { tellDrained() }
        }
    }

    /// All that was written is with the kernel.
    func drained() {
        moveParts()
        tellDrained()
    }

    private func tellDrained() {
        if let relay { relay.clientTookAll() } else { connection?.outputDrained() }
    }

    override func endOutput() {
        wantsEnd = true
        endIfDue()
    }

    /// TLS's own farewell, and then the socket's.
    private func endIfDue() {
        guard wantsEnd, !hasEnded, parts.isEmpty else { return }
        hasEnded = true
        context?.close(mode: .output, promise: nil)
    }

    override func close(resetting: Bool) { channel?.abort(resetting: resetting) }
    override func pauseReading() { channel?.pauseReading() }
    override func resumeReading() { channel?.resumeReading() }

    // MARK: Another core's

    override func release() -> Released? {
        guard let channel, !wantsEnd, parts.isEmpty,
            let (relay, descriptor) = Relay.start(self, loop: channel.loop.eventLoop)
        else { return nil }
        connection = nil
        self.relay = relay
        resumeReading()
        return Released(descriptor: descriptor, isRelay: true)
    }

    /// The next core has said all.
    func endRelayed() {
        endOutput()
        whenRelayEnds()
    }
}
