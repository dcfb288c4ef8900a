package import HTTP1
package import NIOCore
internal import NIOHPACK
package import NIOHTTP2

/// One request and its answer. All calls on the connection's event loop; after the end, in whatever way, they do nothing.
///
/// What is sent goes out at the next `flush`; the end of an answer, and a reset, ask for it themselves.
package final class HTTP2Stream {
    let id: HTTP2StreamID
    /// Nil from the end on.
    var connection: HTTP2Connection?
    /// Nil from the end on.
    var owner: (any HTTP2StreamOwner)?

    // The request.
    var window: InboundWindow
    var declaredLength: Int?
    var receivedLength = 0
    var requestEnded = false

    // The answer.
    private var headSent = false
    /// Its last frame was given to the frame layer.
    private(set) var answerEnded = false
    /// Given to the frame layer, and not written by it yet.
    var queued = 0
    package internal(set) var isWritable = true

    init(_ id: HTTP2StreamID, _ connection: HTTP2Connection, window: InboundWindow) {
        self.id = id
        self.connection = connection
        self.window = window
    }

    package var isOpen: Bool { connection != nil }
    /// Of the answer, and not written by the frame layer yet.
    package var queuedBytes: Int { queued }

    /// The head of the answer, from a worker's or our own. `contentLength` only where it is the length of what follows, or
    /// stands for what does not (HEAD, 304). `adding`: names in lower case. With `endStream` there is no body.
    package func sendHead(
        _ head: ResponseHead, of bytes: UnsafeRawBufferPointer, contentLength: Int?, dropping: FieldSet = FieldSet(),
        adding: [(name: String, value: String)] = [], endStream: Bool
    ) {
        // 101 is not in HTTP/2 (RFC 9113 section 8.6).
        guard let connection, !headSent, head.status >= 200 else { return }
        headSent = true
        let headers = ResponseFields.headers(
            head, bytes, contentLength: contentLength, dropping: dropping, adding: adding)
        send(.headers(.init(headers: headers, endStream: endStream)), connection, isEnd: endStream)
    }

    /// Nil when the bytes are no HTTP/1.1 head of an answer. Frames nothing: as if for HEAD.
    package func parseHead(_ bytes: UnsafeRawBufferPointer) -> ResponseHead? { connection?.parseHead(bytes) }

    /// The same from the bytes of an HTTP/1.1 head, which may also be an informational one. False when they are none; then
    /// nothing was sent.
    package func sendHead(http1 bytes: UnsafeRawBufferPointer, endStream: Bool) -> Bool {
        guard let connection, let head = connection.parseHead(bytes) else { return false }
        if head.status < 200 {
            sendInformational(head, of: bytes)
        } else {
            sendHead(head, of: bytes, contentLength: head.contentLength, endStream: endStream)
        }
        return true
    }

    /// 100, 102, 103: any number of times before the head.
    package func sendInformational(_ head: ResponseHead, of bytes: UnsafeRawBufferPointer) {
        guard let connection, !headSent, head.isInformational else { return }
        let headers = ResponseFields.headers(head, bytes, contentLength: nil, dropping: FieldSet(), adding: [])
        connection.write(.headers(.init(headers: headers, endStream: false)), self)
    }

    /// Look at `isWritable` before the next one.
    package func sendBody(_ part: ByteBuffer, endStream: Bool = false) {
        guard let connection, headSent, !answerEnded, part.readableBytes > 0 || endStream else { return }
        connection.queue(part.readableBytes, on: self)
        send(.data(.init(data: .byteBuffer(part), endStream: endStream)), connection, isEnd: endStream)
        connection.flushIfMuch(part.readableBytes)
    }

    package func sendEnd() { sendBody(ByteBuffer(), endStream: true) }

    /// Ends the answer with fields. Names in lower case, values without control characters.
    package func sendTrailers(_ fields: [(name: String, value: String)]) {
        guard let connection, headSent, !answerEnded else { return }
        guard !fields.isEmpty else {
            sendEnd()
            return
        }
        var headers = HPACKHeaders()
        for field in fields { headers.add(name: field.name, value: field.value, indexing: .nonIndexable) }
        send(.headers(.init(headers: headers, endStream: true)), connection, isEnd: true)
    }

    /// The owner hears nothing more of it.
    package func reset(_ code: HTTP2ErrorCode = .internalError) {
        owner = nil
        connection?.reset(id, code)
    }

    /// `bytes` of the body were taken: the client may send as many more.
    package func consumed(_ bytes: Int) { connection?.consumed(bytes, of: self) }

    /// At the end of this turn of the loop, with what other streams send in it.
    package func flush() { connection?.requestFlush() }

    private func send(_ payload: HTTP2Frame.FramePayload, _ connection: HTTP2Connection, isEnd: Bool) {
        // Before the write: that may close the stream, which then must know, and nobody can ask for the flush any more.
        answerEnded = isEnd
        connection.write(payload, self)
        if isEnd { connection.requestFlush() }
    }

    /// The end, however it came.
    func close() {
        connection = nil
        let owner = self.owner
        self.owner = nil
        let isWhole = requestEnded && answerEnded && queued == 0
        if isWhole { owner?.streamEnded() } else { owner?.streamWasReset() }
    }
}
