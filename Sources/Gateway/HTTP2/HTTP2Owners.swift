package import NIOCore

/// The exchange behind a stream. All calls come on the connection's event loop; each may answer, or reset, at once.
package protocol HTTP2StreamOwner: AnyObject {
    /// An HTTP/1.1 head that `RequestHeadParser` accepts, or refuses with the status to answer. It frames no body: what
    /// follows ends with `requestEnded`, whether a length was declared (and is then kept to) or not.
    func requestHead(_ bytes: ByteBuffer, hasBody: Bool, declaredLength: Int?)
    /// Never empty. To be given back with `HTTP2Stream.consumed` as it is taken: the client's window waits for that.
    func requestBody(_ part: ByteBuffer)
    func requestEnded()
    /// By the client, by us for what the client did, or with the connection; also when the answer was complete before the
    /// request. Nothing can be sent any more, nothing follows.
    func streamWasReset()
    /// The answer is whole and all of it written, and so was the request: the regular end. Nothing follows.
    func streamEnded()
    /// After `HTTP2Stream.isWritable` was false, because more of the answer waited than is good. Never called from inside a call
    /// of `HTTP2Stream`.
    func streamBecameWritable()
}

/// Whoever has the connection.
package protocol HTTP2ConnectionOwner: AnyObject {
    func streamOpened(_ stream: HTTP2Stream) -> any HTTP2StreamOwner
    /// The last stream is gone: an idle time may begin. It ends with the next `streamOpened`.
    func connectionIsIdle()
    /// GOAWAY is out, for whatever reason. Call `drainTimerFired` in a second.
    func drainBegan()
    /// Once, after all streams were told. The channel is closed or closing.
    func connectionEnded(_ reason: HTTP2End)
}

/// Why a connection ended; for the log.
package enum HTTP2End: Equatable, Sendable {
    case closedByClient
    /// After a drain, or idle.
    case drained
    /// The client broke the protocol, or a limit of the frame layer; in words.
    case protocolError(String)
    case tooManyResets
    /// Below HTTP/2: TLS, the socket.
    case transport(String)
}
