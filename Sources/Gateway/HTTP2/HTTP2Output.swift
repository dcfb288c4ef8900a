internal import NIOCore

/// Between TLS and the frame layer: gathers frames until the flush. The frame layer writes each frame's header and payload
/// apart, and the TLS handler makes a record, with its own encryption, of each write.
final class HTTP2Output: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = ByteBuffer

    /// What fits into one TLS record.
    private static let full = 16 << 10
    /// Not worth copying.
    private static let large = 8 << 10
    /// More is not kept for a connection that may be idle from here on.
    private static let kept = 2 << 10

    private var gathered = ByteBuffer()
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .byteBuffer(let bytes) = unwrapOutboundIn(data) else {
            // The frame layer makes no file regions of the buffers that it gets.
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        if gathered.readableBytes + bytes.readableBytes > Self.full { passOn(context) }
        if bytes.readableBytes >= Self.large || promise != nil {
            passOn(context)
            context.write(wrapOutboundOut(bytes), promise: promise)
        } else {
            gathered.writeImmutableBuffer(bytes)
        }
    }

    func flush(context: ChannelHandlerContext) {
        passOn(context)
        context.flush()
    }

    /// Past the frame layer, between two of its frames: for what its state machine would take differently than it is meant.
    func writeRaw(_ frame: [UInt8]) { gathered.writeBytes(frame) }

    func flush() {
        guard let context else { return }
        flush(context: context)
    }

    private func passOn(_ context: ChannelHandlerContext) {
        guard gathered.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(gathered), promise: nil)
        if gathered.capacity > Self.kept { gathered = ByteBuffer() } else { gathered.clear() }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if gathered.readableBytes > 0 { flush(context: context) }
        context.close(mode: mode, promise: promise)
    }
}
