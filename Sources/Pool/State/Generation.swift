import Model

/// The pool's record of one generation.
struct Generation {
    enum Purpose: Equatable {
        /// Booted whole beside whatever is live; gives up when it cannot be proved. The caller of `boot` waits for it.
        case beside(WaitID)
        /// Takes the traffic with its first proved worker, and is retried for ever.
        case takesTraffic
    }

    let number: GenerationNumber
    let spec: GenerationSpec
    let bornAt: Instant
    let purpose: Purpose

    private(set) var state = GenerationState.booting
    /// Workers asked for, by its spec or by `scale`.
    var wanted: Int
    /// It is kept at this: what the limits left of `wanted`, and later what it grew and shrank to.
    var target: Int
    /// Slots of all its workers that have not exited, oldest first.
    private(set) var slots: [Int] = []
    /// Those of them that can take a request now.
    var ready = RankedWorkers<ByRequests>()
    /// Those of them that have no room, but take a request ahead. One that stalls may be missing until it answers.
    var ahead = RankedWorkers<ByRequestsAhead>()
    /// Those of them that can take what needs no place.
    var inService = RankedWorkers<ByStreams>()
    var backOff = BackOff()
    /// For each failed boot that is to be repeated: the number of the next attempt.
    var retries: [Int] = []
    /// Workers that failed in all.
    var failures = 0
    var weakProof = false
    /// The path that its workers were asked for.
    var provedBy: String?
    var traffic = TrafficCounts()
    /// Why its newest failed worker failed.
    var lastError: BootFailure?
    /// Set by a failed boot, cleared by the next worker that comes up.
    var bootFailure: BootFailure?
    /// While it is live: how much of it is needed.
    var demand = DemandWatch()
    /// More than half of its workers fail their probes, and somebody was told.
    var isAlarmed = false
    var drainDeadline: Instant?
    var streamDeadline: Instant?

    init(
        number: GenerationNumber, spec: GenerationSpec, purpose: Purpose, target: Int, bornAt: Instant
    ) {
        self.number = number
        self.spec = spec
        self.purpose = purpose
        self.target = target
        self.bornAt = bornAt
        wanted = spec.workers
    }

    /// One that an earlier core had booted. What was live is routed to by whoever adopts it.
    init(adopting record: GenerationRecord, isLive: Bool) {
        self.init(
            number: record.number, spec: record.spec, purpose: .takesTraffic, target: max(record.target, 0),
            bornAt: record.bornAt)
        if !isLive { state = .standby }
    }

    /// Attempts that one worker of a generation booted beside has.
    static let attempts = 2

    var isBesideLive: Bool { purpose != .takesTraffic && (state == .booting || state == .proved) }
    /// Booting, and the caller of `boot` may still be given up on.
    var canFail: Bool { purpose != .takesTraffic && state == .booting }
    /// Waits to take the traffic of an app that has none live.
    var isPending: Bool { purpose == .takesTraffic && state == .booting }
    /// Has no worker and wants none until a request comes.
    var isAsleep: Bool { target == 0 && state.keepsWorkers }

    var minInstances: Int { spec.settings.pool.minInstances }
    var maxInstances: Int {
        let limit = spec.settings.pool.maxInstances
        return limit > 0 ? limit : .max
    }
    var stopTimeout: Duration { spec.settings.pool.stopTimeout }
    var startTimeout: Duration { spec.settings.pool.startTimeout }
    var proofTimeout: Duration { spec.settings.health.deadline ?? startTimeout }

    mutating func move(to next: GenerationState) {
        assert(state.mayBecome(next), "generation \(number) cannot go from \(state) to \(next)")
        state = next
    }

    mutating func add(_ slot: Int) { slots.append(slot) }
    mutating func remove(_ slot: Int) { slots.removeAll { $0 == slot } }

    func count(in workers: borrowing WorkerTable, where matches: (borrowing Worker) -> Bool) -> Int {
        var count = 0
        for slot in slots where matches(workers[slot]) { count += 1 }
        return count
    }

    func available(in workers: borrowing WorkerTable) -> Int { count(in: workers) { $0.state == .available } }

    mutating func count(_ outcome: ExchangeOutcome) {
        guard outcome != .notForwarded else { return }
        traffic.requests += 1
        switch outcome {
        case .appError: traffic.appErrors += 1
        case .gatewayError: traffic.gatewayErrors += 1
        case .ok, .notForwarded: break
        }
    }
}
