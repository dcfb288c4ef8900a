import Model

/// How fast a worker that serves one request at a time is, and whether a request may be sent ahead to it.
///
/// Between two requests such a worker sleeps until the gateway has woken, read the answer, chosen the next request and
/// written it: on a small machine that costs more than many an answer. So a request that would have to wait anyway, and
/// that a second worker may safely run again, waits in the socket of a worker whose answers are short, and not in the
/// queue. It is taken back when that worker turns out to be slow (`Pool.mayRecall`).
struct Pace {
    /// Requests in a worker's socket beside the one that it is at.
    static let placesAhead = 7

    private let limits: PaceLimits
    /// Weighted by age, in nanoseconds. A new worker has to show that it is fast.
    private var mean: Int64 = 10_000_000
    /// When the request that it is at came to be its only one, or the one before was answered.
    private var since = Instant.zero

    init(_ limits: PaceLimits) { self.limits = limits }

    var isFast: Bool { mean <= limits.longestMean.wholeNanoseconds }

    func isStalled(at now: Instant) -> Bool { now - since > limits.longestAnswer }

    /// It got a request, having none.
    mutating func begin(at now: Instant) { since = now }

    /// It gave an answer.
    mutating func answered(at now: Instant) {
        mean += ((now - since).wholeNanoseconds - mean) / 8
        since = now
    }
}
