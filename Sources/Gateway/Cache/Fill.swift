import Model

/// An answer under way to the cache, led by one request, and the requests that wait for it.
struct Fill: Sendable {
    let request: CacheRequest
    let startedAt: Instant
    /// Of a URL whose last answer could not be stored: nobody is to wait for this one.
    let isSolo: Bool
    /// Bytes that were reserved for it.
    var cost: Int
    /// Nil until its head was found fit to be stored.
    var draft: AnswerDraft?
    var body: [UInt8] = []
    /// Room that was reserved for a body of unknown length.
    var reserved = 0
    private(set) var waiters: [Waiting] = []

    init(_ request: CacheRequest, isSolo: Bool, cost: Int, now: Instant) {
        self.request = request
        self.isSolo = isSolo
        self.cost = cost
        startedAt = now
    }

    /// The waiters are let go then, and nobody joins them any more: another request leads.
    var deadline: Instant { startedAt + CacheLimits.waitingTime }

    struct Progress {
        let count: Int
        let length: Int?
        let reserved: Int
        let headCost: Int
    }

    /// Nil before the head.
    var progress: Progress? {
        draft.map { Progress(count: body.count, length: $0.length, reserved: reserved, headCost: $0.cost) }
    }

    /// False when there are too many already.
    mutating func add(_ waiting: Waiting) -> Bool {
        guard waiters.count < CacheLimits.waiters else { return false }
        waiters.append(waiting)
        return true
    }

    mutating func removeWaiter(_ ticket: UInt64) { waiters.removeAll { $0.ticket == ticket } }

    mutating func takeWaiters() -> [Waiting] {
        defer { waiters = [] }
        return waiters
    }
}

struct Waiting: Sendable {
    let ticket: UInt64
    let request: CacheRequest
    let waiter: any CacheWaiter
    /// How many answers it has waited for in vain.
    var round: Int
}
