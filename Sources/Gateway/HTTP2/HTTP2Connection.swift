internal import HTTP1
package import NIOCore
package import NIOHTTP2

/// One HTTP/2 connection: hands its streams to owners and carries back what they answer. A plain object for each stream and no
/// channel, no promise, no timer: that is where NIO's own multiplexer spends its time.
///
/// `NIOHTTP2Handler` below it speaks the frames: states, HPACK, windows, and what a flood looks like on the wire. Everything
/// about requests is judged here.
package final class HTTP2Connection: ChannelInboundHandler {
    package typealias InboundIn = HTTP2Frame
    package typealias OutboundOut = HTTP2Frame

    let limits: HTTP2Limits
    let output: HTTP2Output
    /// Nil from the end on.
    var owner: (any HTTP2ConnectionOwner)?
    /// Gathers the flushes of one turn of the loop. Nil: by a task of the event loop.
    private let atEndOfTurn: ((HTTP2Connection) -> Void)?
    var context: ChannelHandlerContext?

    var streams: [HTTP2StreamID: HTTP2Stream] = [:]
    var lastStreamID = HTTP2StreamID.rootStream
    var requests = 0
    var resetLimit: ResetLimit
    var drain = DrainState.none

    /// Of all bodies together.
    var window: InboundWindow
    /// The client knows our settings: only then do they bind it.
    var settingsAreKnown = false

    /// Of all answers together, like `HTTP2Stream.queued`.
    var queued = 0
    var outputIsFull = false
    /// Streams whose frames were written since the last look: whether they are writable again, or done.
    var written: [HTTP2Stream] = []

    private var isReading = false
    private var flushIsDue = false
    private var flushIsRequested = false
    private var unflushed = 0
    private(set) var holdsBackNews = false
    var frameLayer = FrameLayerNews()
    var end: HTTP2End?

    private var headParser = ResponseHeadParser()
    private var head = ResponseHead()

    /// Adds the three handlers of an HTTP/2 connection at the end of a pipeline, after TLS; on its event loop.
    ///
    /// `atEndOfTurn`, if given, must have `flushNow` called before the loop waits again.
    package static func add(
        to channel: any Channel, owner: any HTTP2ConnectionOwner, limits: HTTP2Limits = HTTP2Limits(),
        atEndOfTurn: ((HTTP2Connection) -> Void)? = nil
    ) throws -> HTTP2Connection {
        let connection = HTTP2Connection(owner, limits, atEndOfTurn)
        let frames = NIOHTTP2Handler(
            mode: .server, frameDelegate: FrameObserver(connection),
            connectionConfiguration: limits.connectionConfiguration, streamConfiguration: limits.streamConfiguration)
        try channel.pipeline.syncOperations.addHandlers([connection.output, frames, connection])
        return connection
    }

    private init(
        _ owner: any HTTP2ConnectionOwner, _ limits: HTTP2Limits, _ atEndOfTurn: ((HTTP2Connection) -> Void)?
    ) {
        self.owner = owner
        self.limits = limits
        self.atEndOfTurn = atEndOfTurn
        output = HTTP2Output()
        resetLimit = ResetLimit(resets: limits.resets)
        window = InboundWindow(target: limits.connectionWindow, size: InboundWindow.initialSize)
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { openWindow() }
    }

    package func handlerRemoved(context: ChannelHandlerContext) { finish(.closedByClient) }

    package func channelActive(context: ChannelHandlerContext) {
        openWindow()
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        finish(.closedByClient)
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        received(unwrapInboundIn(data))
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        lookAtWritten()
        isReading = false
        if flushIsDue { flushNow() }
        context.fireChannelReadComplete()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        lookAtWritten()
        context.fireChannelWritabilityChanged()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? NIOHTTP2WindowUpdatedEvent {
            windowChanged(event)
        } else if let event = event as? StreamClosedEvent {
            streamClosed(event.streamID)
        } else if let event = event as? NIOHTTP2BulkStreamWindowChangeEvent {
            for stream in streams.values { stream.window.size += event.delta }
        } else if !(event is NIOHTTP2StreamCreatedEvent) {
            context.fireUserInboundEventTriggered(event)
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch frameLayer.meaning(of: error) {
        // After our last GOAWAY it refuses new streams itself: that is no fault of the client's.
        case .streamError: if drain != .closing { clientReset() }
        case .protocolError: shut(.protocolError("\(error)"))
        case .transport: shut(.transport("\(error)"))
        }
    }

    func write(_ payload: HTTP2Frame.FramePayload, _ stream: HTTP2Stream) { write(payload, stream.id) }

    func write(_ payload: HTTP2Frame.FramePayload, _ id: HTTP2StreamID) {
        guard let context else { return }
        context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
        flushIsDue = true
        if id == .rootStream { requestFlush() }
    }

    /// What is read in one go is answered in one go.
    func requestFlush() {
        guard flushIsDue, !isReading, !flushIsRequested, let context else { return }
        flushIsRequested = true
        if let atEndOfTurn {
            atEndOfTurn(self)
        } else {
            context.eventLoop.assumeIsolated().execute { self.flushNow() }
        }
    }

    /// For `atEndOfTurn`; harmless at any other time.
    package func flushNow() {
        flushIsRequested = false
        guard flushIsDue, let context else { return }
        flushIsDue = false
        unflushed = 0
        context.flush()
        lookAtWritten()
    }

    /// Until a flush nobody knows whether the socket takes it: one turn must not bring more than this.
    func flushIfMuch(_ bytes: Int) {
        unflushed += bytes
        guard unflushed > limits.unflushed, !holdsBackNews, let context else { return }
        unflushed = 0
        holdsBackNews = true
        context.flush()
        holdsBackNews = false
        // Streams are woken when the turn is over: their owners are at work above us in the stack.
        flushIsDue = true
        requestFlush()
    }

    func parseHead(_ bytes: UnsafeRawBufferPointer) -> ResponseHead? {
        // As if for HEAD: it frames nothing here.
        guard case .complete = headParser.parse(bytes, requestMethod: .head, into: &head) else {
            headParser.reset()
            return nil
        }
        return head
    }
}
