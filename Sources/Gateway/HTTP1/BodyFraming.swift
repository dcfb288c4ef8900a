/// How the end of a request's body is found (RFC 9112 section 6.3).
package enum BodyFraming: Equatable, Hashable, Sendable {
    /// No Content-Length and no Transfer-Encoding: the message ends with its head.
    case none
    /// Content-Length, which may be 0.
    case length(Int)
    case chunked
}

/// How the end of a response's body is found.
package enum ResponseFraming: Equatable, Hashable, Sendable {
    /// By its nature without a body: HEAD, 1xx, 204, 304, whatever its fields say.
    case none
    case length(Int)
    case chunked
    /// Neither length nor chunks: the body goes on until the sender closes.
    case untilClose
}
