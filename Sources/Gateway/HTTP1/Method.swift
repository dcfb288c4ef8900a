/// The methods that something here or in a router asks about; any other token is `other`, its text is in the head.
package enum Method: UInt8, Sendable, CaseIterable {
    case get, head, post, put, delete, options, patch, trace, connect, other

    /// RFC 9110 section 9.2.2: sending it twice is the same as sending it once.
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .patch, .connect, .other: false
        }
    }

    /// RFC 9110 section 9.2.1: it only asks.
    package var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        case .put, .delete, .post, .patch, .connect, .other: false
        }
    }
}

/// The four forms of a request target (RFC 9112 section 3.2).
package enum TargetForm: UInt8, Sendable {
    /// `/path?query`
    case origin
    /// `http://host/path?query`
    case absolute
    /// `host:port`, for CONNECT only.
    case authority
    /// `*`, for OPTIONS only.
    case asterisk
}
