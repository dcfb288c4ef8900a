package import Model

/// Everything that the pool wants done outside itself; Spawning and Gateway implement it, Core composes them.
///
/// Called on whatever thread fed the event, outside the lock; two threads may call at the same time, so an order that
/// matters is said here: `stopWorker` may overtake `spawnWorker` of the same worker and may be repeated (a late boot, a
/// shorter grace). Must not block; may call back into the pool.
package protocol PoolDelegate: AnyObject, Sendable {
    /// Answers with `workerSpawned`, `workerBooted`, and in the end always `workerExited`.
    func spawnWorker(_ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec)
    /// Answers with `workerProved` or `workerUnhealthy`. Also asked for a live worker that could not be reached.
    func proveWorker(_ endpoint: WorkerEndpoint)
    /// Asks a worker of an earlier core until it answers. Answers with `workerProved`, or with `workerUnhealthy` when nobody
    /// listens there any more; while it is silent with nothing.
    func greetWorker(_ endpoint: WorkerEndpoint)
    /// Asks a worker that serves once. Answers with `workerProbed`, after `health.timeout` at the latest; it has a place at
    /// the worker until then.
    func probeWorker(_ endpoint: WorkerEndpoint)
    /// Tells a worker that asked for it to do its out-of-band work. Answers with `workerWorked` when it is done.
    func work(_ endpoint: WorkerEndpoint)
    /// Drop idle gateway connections to it first, then signal; KILL the group after `grace`. Answers with
    /// `workerExited`. Also for workers that still boot (no endpoint), even if nothing was spawned yet.
    func stopWorker(_ worker: WorkerNumber, endpoint: WorkerEndpoint?, grace: Duration)
    /// The streams of a draining generation (of one worker of it, when that alone drains) are to be closed by the gateway,
    /// spread over so long, so that their clients do not come back all together. At its end the workers are stopped.
    /// Repeated with less time when the drain is shortened. A request that becomes a stream only later hears of it from
    /// `Pool.becomeStream`.
    func endStreams(
        of app: AppIndex, generation: GenerationNumber, worker: WorkerNumber?, spreadOver window: Duration)
    /// For logs.
    func poolEvent(_ event: PoolEvent)
}

extension PoolDelegate {
    /// Where nothing is adopted (a transient core, tests), nobody is greeted.
    package func greetWorker(_ endpoint: WorkerEndpoint) {}
    /// Where nobody has streams (a transient core, tests), there are none to end.
    package func endStreams(
        of app: AppIndex, generation: GenerationNumber, worker: WorkerNumber?, spreadOver window: Duration
    ) {}
}

/// Something that people may want to read about.
package struct PoolEvent: Sendable, Equatable {
    package var app: AppName
    package var generation: GenerationNumber?
    package var kind: Kind
    package init(app: AppName, generation: GenerationNumber?, kind: Kind) {
        self.app = app
        self.generation = generation
        self.kind = kind
    }

    package enum Kind: Sendable, Equatable {
        /// A request waits for an app of which nothing was booted yet (`Pool.addApp`).
        case wanted
        /// `workers` is what the limits left of the wanted number.
        case generationBooting(workers: Int, wanted: Int)
        case workerReady(WorkerNumber, bootTime: Duration, weak: Bool)
        case generationProved(bootTime: Duration)
        case generationFailed(GenerationFailure)
        /// A boot failed; the next attempt of this generation comes after `retryIn`, or not at all.
        case bootFailed(WorkerNumber, BootFailure, retryIn: Duration?)
        case switched(from: GenerationNumber?, queued: Int)
        case draining(workers: Int, inFlight: Int)
        /// The drain's time was up with so many requests and streams still in flight.
        case drainDeadline(inFlight: Int)
        case generationGone
        /// Died on its own while it could have served.
        case workerDied(WorkerNumber, BootFailure, inFlight: Int)
        case workerSuspected(WorkerNumber)
        /// So many workers that an earlier core had booted go on, each as soon as it answers.
        case adopted(workers: Int)
        /// One of them answers.
        case workerAnswered(WorkerNumber)
        case workerReturned(WorkerNumber)
        /// A request took longer than `max_request_time`; the worker is replaced, or has to prove itself.
        case requestOverdue(WorkerNumber, isReplaced: Bool)
        /// Taken out of service because of its probes, and replaced.
        case workerUnhealthy(WorkerNumber, BootFailure)
        /// More than half of the workers fail their probes: none is taken out, it is hardly their fault.
        case mostUnhealthy(failing: Int, of: Int, BootFailure)
        case mostHealthyAgain
        case refusedQueued(Int, Refusal)
        /// It is kept at so many workers now, because requests waited; or at so few, because the others were not needed.
        case grown(workers: Int)
        case shrunk(workers: Int)
        /// It is to be replaced, and goes when the new one is up.
        case workerWorn(WorkerNumber, Wear)
        /// Its out-of-band work came to no good end; it serves on.
        case workFailed(WorkerNumber, BootFailure)
        /// An idle worker was stopped because another app needs the room.
        case evicted(WorkerNumber)
    }
}
