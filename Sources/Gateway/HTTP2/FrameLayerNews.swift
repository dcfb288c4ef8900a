internal import NIOCore
internal import NIOHTTP2

/// `NIOHTTP2Handler` says neither which of its errors ends the connection nor how much it has written. Both show in the frames
/// that it writes.
struct FrameLayerNews {
    enum Meaning {
        /// It has reset that stream itself.
        case streamError
        /// Its GOAWAY is out.
        case protocolError
        case transport
    }

    private var wroteGoAway = false
    private var resets = 0
    /// Written by us and not yet out: it may hold them back while the socket takes nothing.
    var ourGoAways = 0
    var ourResets = 0

    mutating func wrote(_ payload: HTTP2Frame.FramePayload) {
        switch payload {
        case .goAway: if ourGoAways > 0 { ourGoAways -= 1 } else { wroteGoAway = true }
        case .rstStream: if ourResets > 0 { ourResets -= 1 } else { resets += 1 }
        default: break
        }
    }

    mutating func meaning(of error: any Error) -> Meaning {
        if wroteGoAway { return .protocolError }
        if resets > 0 {
            resets -= 1
            return .streamError
        }
        if error is NIOHTTP2Errors.StreamError { return .streamError }
        return error is any NIOHTTP2Error ? .protocolError : .transport
    }
}

/// Apart from the connection, which the frame layer would else keep alive.
final class FrameObserver: NIOHTTP2FrameDelegate {
    private weak var connection: HTTP2Connection?

    init(_ connection: HTTP2Connection) { self.connection = connection }

    func wroteFrame(_ frame: HTTP2Frame) { connection?.wrote(frame) }
}
