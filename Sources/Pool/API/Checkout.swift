import Model

/// A request's claim on a worker. Whoever has one gives it back exactly once: `Pool.checkin`, `Pool.checkinUnreachable`, or
/// `Pool.becomeStream` with `Pool.streamEnded` after it; also when the worker has died meanwhile.
package struct Claim: Sendable, Equatable {
    package let endpoint: WorkerEndpoint
    /// False for requests of `unlimited_concurrency_paths`: they are counted as streams from the start.
    package let takesPlace: Bool
    package init(endpoint: WorkerEndpoint, takesPlace: Bool = true) {
        self.endpoint = endpoint
        self.takesPlace = takesPlace
    }
    package static func == (a: Claim, b: Claim) -> Bool {
        a.endpoint === b.endpoint && a.takesPlace == b.takesPlace
    }
}

/// Which worker a request wants, where that is not just the least busy one.
struct CheckoutWish: Equatable {
    /// This one, as long as it serves.
    var sticky: StickyID?
    /// Any worker of this one, as long as two generations share the traffic and this is one of them.
    var generation: GenerationNumber?
    /// Takes no place of the worker's concurrency.
    var isUnlimited = false
    /// May be sent to a worker that is busy, and be taken back.
    var mayGoAhead = false
    /// Was taken back: goes before all that wait.
    var goesFirst = false

    static let any = CheckoutWish()
}

/// How the exchange ended, for the bake's counters.
package enum ExchangeOutcome: UInt8, Sendable {
    case ok
    /// The app answered 5xx.
    case appError
    /// A 502 or 504 of ours because of this worker.
    case gatewayError
    /// The worker never saw it (the client left, or it goes to another worker): not counted.
    case notForwarded
}

/// Why a request gets no worker.
package enum Refusal: Sendable, Equatable {
    case queueFull(limit: Int)
    case queueTimeout
    /// Nothing runs, and the last boot failed (or there never was one); or it was said that a restart has failed
    /// (`Pool.restartFailed`). `Pool.failureToShow` has the whole story.
    case notBooted(summary: String)
    case shuttingDown
    /// The app is paused, and the request was held as long as it may be, or too many are.
    case paused
}

extension Refusal: CustomStringConvertible {
    /// For the log.
    package var description: String {
        switch self {
        case .queueFull(let limit): "\(limit) wait already (max_request_queue_size)"
        case .queueTimeout: "they waited too long (max_request_queue_time)"
        case .notBooted(let summary): "the app is not up: \(summary)"
        case .shuttingDown: "the server is being stopped"
        case .paused: "the app is paused"
        }
    }
}

/// Told later about a queued checkout: one of the two, once, on any thread, outside the pool's lock. May call the pool.
///
/// The call can come before `Pool.checkout` has returned the ticket to the thread that asked: a waiter bound to an event
/// loop hands over to its loop, where the ticket has been stored by then.
package protocol CheckoutWaiter: AnyObject, Sendable {
    func checkoutGranted(_ claim: Claim)
    func checkoutRefused(_ refusal: Refusal)
}

/// A place in a queue.
package struct Ticket: Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

package enum CheckoutAnswer: Sendable {
    case granted(Claim)
    case queued(Ticket)
    case refused(Refusal)
}
