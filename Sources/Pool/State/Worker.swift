import Model

/// The pool's record of one worker, from the request to spawn it until it has exited.
struct Worker {
    let number: WorkerNumber
    let generation: GenerationNumber
    let app: AppIndex
    let slot: Int
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
    /// Claims that were not given back.
    var busy = 0
    var requests: UInt64 = 0
    /// When it first became available.
    var provedAt: Instant?
    /// It is being stopped because its boot took too long. Told once the process has ended, because only then is all of
    /// its output known, and until then nothing takes its place.
    var timeout: BootFailure?
    /// Its place among the ready workers of its generation.
    var link = ReadyLink()

    init(
        number: WorkerNumber, generation: GenerationNumber, app: AppIndex, slot: Int, attempt: Int, bornAt: Instant,
        deadline: Instant
    ) {
        self.number = number
        self.generation = generation
        self.app = app
        self.slot = slot
        self.attempt = attempt
        self.bornAt = bornAt
        self.deadline = deadline
    }

    /// Counts for its generation's target.
    var isKept: Bool { state.isKept || timeout != nil }
    /// Takes part in `maxParallelSpawns`: loading code is what costs, waiting for a probe is not.
    var isLoading: Bool { state == .launching || state == .loading || timeout != nil }
    var hasRoom: Bool { concurrency == 0 || busy < concurrency }

    mutating func move(to next: WorkerState, until deadline: Instant? = nil) {
        assert(state.mayBecome(next), "worker \(number) cannot go from \(state) to \(next)")
        state = next
        self.deadline = deadline
    }

    mutating func hasten(to earlier: Instant) {
        if let deadline, earlier < deadline { self.deadline = earlier }
    }
}
