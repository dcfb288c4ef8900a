import NIOCore

/// How long a client may take over a body that is collected: it may never be silent for `body_timeout`, and in all it has that
/// time and a second more for each 500 bytes that came. Without the second rule a byte a minute would hold a connection, and
/// its share of memory or disk, for ever. The rate is the one of Apache's mod_reqtimeout: the slowest modem is faster, and an
/// upload may be as large as `max_request_body` says, however long it takes.
///
/// Pure. Time in which we do not read the client is not its own.
struct BodyPace: Equatable {
    /// Bytes a second.
    static let leastRate = 500

    /// For the client, in all, until `since`.
    private var waited = TimeAmount.nanoseconds(0)
    /// The client is waited for from here on.
    private var since: NIODeadline?

    /// The client is not read any more, or has sent all.
    mutating func stop(_ now: NIODeadline) {
        if let since { waited = waited + (now - since) }
        since = nil
    }

    /// Until when there has to be more, or the rest. `received`: bytes of the body so far.
    mutating func deadline(_ now: NIODeadline, received: Int, silence: TimeAmount) -> NIODeadline {
        stop(now)
        since = now
        // Far more than any body has, and its nanoseconds are still a number.
        let counted = Int64(min(received, 1 << 40))
        let earned = TimeAmount.nanoseconds(counted * (1_000_000_000 / Int64(Self.leastRate)))
        return now + min(silence, silence + earned - waited)
    }
}
