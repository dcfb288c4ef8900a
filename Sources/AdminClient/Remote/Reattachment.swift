package import AdminAPI
package import Model

/// Follows an operation on another host over connections that may break: which of the events that come again were seen
/// already, when to connect anew, and when to give up.
package struct Reattachment: Sendable {
    package enum Decision: Sendable, Equatable {
        case attach(OperationAccepted, after: Duration)
        /// Nothing was accepted, or the host was silent for too long.
        case giveUp
    }

    /// How long the host may be away in one piece.
    package static let patience = Duration.seconds(600)
    private static let longestPause = Duration.seconds(30)

    package private(set) var accepted: OperationAccepted?
    /// Events of the operation that were shown, and those that this connection has brought.
    private var seen = 0
    private var position = 0
    private var failures = 0
    private var lastHeard: Instant

    package init(at now: Instant) {
        lastHeard = now
    }

    /// The first line of a connection. Returns whether it is news. Another name for the operation is another core's: its
    /// events begin anew.
    package mutating func begins(_ operation: OperationAccepted, at now: Instant) -> Bool {
        heard(now)
        position = 0
        defer { accepted = operation }
        guard accepted != operation else { return false }
        let isFirst = accepted == nil
        seen = 0
        return isFirst
    }

    /// Whether the event was not shown before.
    package mutating func isNew(_ event: OperationEvent, at now: Instant) -> Bool {
        heard(now)
        if case .skipped(let count) = event { position += count } else { position += 1 }
        // The end is told whatever was counted.
        if case .finished = event { return true }
        guard position > seen else { return false }
        seen = position
        return true
    }

    package mutating func connectionLost(at now: Instant) -> Decision {
        guard let accepted, now - lastHeard < Reattachment.patience else { return .giveUp }
        let pause = min(.seconds(1 << min(failures, 5)), Reattachment.longestPause)
        failures += 1
        return .attach(accepted, after: pause)
    }

    private mutating func heard(_ now: Instant) {
        lastHeard = now
        failures = 0
    }
}
