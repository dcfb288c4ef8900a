import Model

/// The pool's record of one worker, from the request to spawn it until it has exited.
struct Worker {
    let number: WorkerNumber
    let generation: GenerationNumber
    let app: AppIndex
    let slot: Int
    let sticky: StickyID
    let bornAt: Instant
    /// 1, or one more than that of the failed boot which this one repeats.
    let attempt: Int

    private(set) var state = WorkerState.launching
    /// When the present state must be over; what happens then is the state's matter.
    private(set) var deadline: Instant?
    var pid: Int32?
    /// From the handshake on.
    var endpoint: WorkerEndpoint?
    /// Requests at a time; 0 is unlimited.
    var concurrency = 0
    /// Claims on a place that were not given back.
    var busy = 0
    /// Claims without a place, and those that became streams.
    var streams = 0
    /// What of both is the core's before this one, which still answers its own clients.
    var foreign = WorkerShare.none
    var requests: UInt64 = 0
    /// Why it is to be replaced: it serves until another one has taken its place.
    var wear: Wear?
    /// `requests` from which on it is worn.
    var requestLimit = UInt64.max
    /// It asked for out-of-band work.
    var wantsWork = false
    /// It was told to, and has a place for as long as it does.
    var isToldToWork = false
    /// A health probe has taken a place here since then.
    var probedSince: Instant?
    /// When the last one ended.
    var probedAt = Instant.zero
    /// Probes in a row that went badly.
    var failedProbes = 0
    /// As last measured, in bytes.
    var memory: Int?
    /// When it first became available.
    var provedAt: Instant?
    /// The last time a request was seen here, to the shell's timer.
    var lastUsed: Instant
    /// `requests` as of then.
    var seenRequests: UInt64 = 0
    /// Requests that it counts as having beside its own, while it is new (`SlowStart`).
    var handicap = 0
    /// It is being stopped because its boot took too long. Told once the process has ended, because only then is all of
    /// its output known, and until then nothing takes its place.
    var timeout: BootFailure?
    /// A request of it was given up and may never end: there is little to wait for when it is told to stop.
    var isStuck = false
    /// Draining: when it is stopped even if streams go on. `deadline` is that of its requests.
    private(set) var streamDeadline: Instant?
    /// Its place among the ready workers of its generation.
    var link = ReadyLink()
    /// Its place among those in service.
    var streamLink = ReadyLink()
    /// Its place among those that get requests ahead.
    var aheadLink = ReadyLink()
    var pace = Pace(PaceLimits())
    /// It is at a request that no other may be queued behind in its socket: one that cannot be taken back.
    var isAtUnsafe = false

    init(
        number: WorkerNumber, generation: GenerationNumber, app: AppIndex, slot: Int, sticky: StickyID, attempt: Int,
        bornAt: Instant, deadline: Instant
    ) {
        self.number = number
        self.generation = generation
        self.app = app
        self.slot = slot
        self.sticky = sticky
        self.attempt = attempt
        self.bornAt = bornAt
        lastUsed = bornAt
        self.deadline = deadline
    }

    /// Counts for its generation's target.
    var isKept: Bool { state.isKept || timeout != nil }
    /// Takes part in `maxParallelSpawns`: loading code is what costs, waiting for a probe is not.
    var isLoading: Bool { state == .launching || state == .loading || timeout != nil }
    var isDueToWork: Bool { wantsWork && state.isKept }
    /// It serves, and is to be replaced.
    /// Asked here and not of the field: swiftc 6.3 compares an optional with a payload only after `WorkerTable`'s accessor has
    /// ended, and in debug builds the worker that it read from is freed by then (AddressSanitizer).
    var hasWear: Bool { wear != nil }
    var isWorn: Bool { wear != nil && state.isKept }
    var hasRoom: Bool { concurrency == 0 || busy < concurrency }
    var isIdle: Bool { busy == 0 && streams == 0 }
    var takesAhead: Bool { endpoint?.takesAhead ?? false }
    /// Busy, and a request that may be sent ahead may wait at it.
    var hasRoomAhead: Bool {
        takesAhead && state == .available && busy > 0 && busy <= Pace.placesAhead && streams == 0 && !isAtUnsafe
            && pace.isFast
    }
    /// When the shell's timer has something to do about it. While it drains: the last of the deadlines that it still has
    /// requests or streams for.
    var due: Instant? {
        guard state == .draining, let deadline, let streamDeadline else { return deadline }
        return due(requests: deadline, streams: streamDeadline)
    }

    func due(requests: Instant, streams deadline: Instant) -> Instant {
        max(busy > 0 ? requests : .zero, streams > 0 ? deadline : .zero)
    }

    mutating func move(to next: WorkerState, until deadline: Instant? = nil) {
        assert(state.mayBecome(next), "worker \(number) cannot go from \(state) to \(next)")
        state = next
        self.deadline = deadline
    }

    mutating func drain(requestsUntil requests: Instant, streamsUntil streams: Instant) {
        if state != .draining { move(to: .draining, until: .distantFuture) }
        deadline = min(requests, deadline ?? requests)
        streamDeadline = min(streams, streamDeadline ?? streams)
    }
}
