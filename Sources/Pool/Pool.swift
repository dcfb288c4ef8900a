package import Model

/// Who serves which request, and which workers there are.
///
/// A thin shell: one lock around a `PoolStateMachine`, which decides; what it wants done is done after unlocking. Every
/// method may be called on any thread.
package final class Pool: Sendable {
    /// The delegate is held weakly. It may be given later by `start(delegate:)`, but before the first generation is
    /// booted.
    package init(
        delegate: (any PoolDelegate)? = nil, limits: PoolLimits, now: @escaping @Sendable () -> Instant
    ) {
        fatalError("not written yet")
    }

    package func start(delegate: any PoolDelegate) { fatalError("not written yet") }

    // MARK: Requests

    /// Claims the least busy worker of the generation that the app's traffic goes to; or queues, or refuses. When queued,
    /// the waiter is told later, exactly once, unless `cancel` comes first. A granted checkout allocates nothing.
    package func checkout(_ app: AppIndex, waiter: any CheckoutWaiter) -> CheckoutAnswer {
        fatalError("not written yet")
    }

    /// The client is gone. True: it left the queue and no callback will come. False: a grant or refusal is already under
    /// way or delivered; *the grant wins*, and the waiter gives the claim back (`notForwarded`).
    @discardableResult
    package func cancel(_ ticket: Ticket) -> Bool { fatalError("not written yet") }

    /// Gives a claim back. Also right for a worker that has exited meanwhile.
    package func checkin(_ claim: Claim, _ outcome: ExchangeOutcome) { fatalError("not written yet") }

    /// Connecting to a claimed worker failed: the claim is given back, and the worker is not chosen again until it was
    /// proved. The caller checks out again.
    package func checkinUnreachable(_ claim: Claim) { fatalError("not written yet") }

    // MARK: Facts about workers. News about workers that have exited are ignored.

    package func workerSpawned(_ worker: WorkerNumber, pid: Int32) { fatalError("not written yet") }
    /// The handshake said ready. `concurrency` 0 is unlimited.
    package func workerBooted(
        _ worker: WorkerNumber, address: WorkerAddress, wireProtocol: WorkerProtocol, concurrency: Int
    ) { fatalError("not written yet") }
    package func workerProved(_ worker: WorkerNumber, weak: Bool) { fatalError("not written yet") }
    package func workerUnhealthy(_ worker: WorkerNumber, _ failure: BootFailure) { fatalError("not written yet") }
    /// The last word about a worker, in every case: boots that failed, stops, crashes, spawns that were refused.
    package func workerExited(_ worker: WorkerNumber, _ failure: BootFailure) { fatalError("not written yet") }

    /// Call every 100 ms: queue timeouts, boot and drain deadlines, back-off, waits.
    package func tick() { fatalError("not written yet") }

    // MARK: Apps and generations

    package func addApp(_ name: AppName, queue: QueueSettings) -> AppIndex { fatalError("not written yet") }
    /// Refuses new requests, answers queued ones if workers are there, drains within the live generation's drain timeout.
    package func removeApp(_ app: AppIndex) { fatalError("not written yet") }
    package func setQueue(_ app: AppIndex, _ queue: QueueSettings) { fatalError("not written yet") }

    /// Boots and proves a whole generation beside whatever is live. Returns when every worker proved itself; throws after
    /// a worker's deadline or its second failed attempt, all workers being stopped. A cancelled task discards the
    /// generation and throws with step `aborted`.
    package func boot(_ app: AppIndex, _ spec: GenerationSpec) async throws(GenerationFailure) -> BootedGeneration {
        fatalError("not written yet")
    }

    /// Boots without waiting, for server start, when nothing is live: it becomes live with its first proved worker, and
    /// boots that fail are retried with back-off, for ever. Requests wait in the queue while a worker boots; when a boot
    /// has failed and until the next attempt begins, they are refused with the reason.
    package func bootLive(_ app: AppIndex, _ spec: GenerationSpec) -> GenerationNumber { fatalError("not written yet") }

    /// The atomic switch: the routing table is replaced, queued requests go to the new generation at once. The previous
    /// live generation is returned, whole, as a standby: drain it or park it. Only a proved or standby generation can be
    /// switched to; otherwise nothing happens and nil is returned (see `liveGeneration`).
    @discardableResult
    package func switchTraffic(_ app: AppIndex, to generation: GenerationNumber) -> GenerationNumber? {
        fatalError("not written yet")
    }

    /// The generation that most traffic goes to.
    package func liveGeneration(_ app: AppIndex) -> GenerationNumber? { fatalError("not written yet") }

    /// No new requests; those in flight finish; at the deadline the workers are stopped anyway. Not for a live generation:
    /// switch first.
    package func drain(_ generation: GenerationNumber, of app: AppIndex, within: Duration) {
        fatalError("not written yet")
    }
    /// Shrinks a standby; never below 1.
    package func park(_ generation: GenerationNumber, of app: AppIndex, workers: Int) { fatalError("not written yet") }
    /// Grows or shrinks within `PoolLimits`. The target is kept from then on.
    package func scale(_ generation: GenerationNumber, of app: AppIndex, workers: Int) { fatalError("not written yet") }
    /// True once so many workers (or the generation's target, if that is less) are available. False at the deadline, and
    /// when the generation is drained.
    package func waitUntilReady(
        _ generation: GenerationNumber, of app: AppIndex, workers: Int, deadline: Instant
    ) async -> Bool { fatalError("not written yet") }
    /// Returns when every worker has exited, at once for a generation that is not known (any more).
    package func waitUntilGone(_ generation: GenerationNumber, of app: AppIndex) async { fatalError("not written yet") }
    /// A boot that is given up, or a proved generation that nobody wants: everything stops now. Not for a live one.
    package func discard(_ generation: GenerationNumber, of app: AppIndex) { fatalError("not written yet") }

    /// Refuses new requests, answers queued ones where a worker is there, stops all workers, and returns when every one
    /// has exited. After `within`, or at once with `hurry`, nothing is waited for any more. A second call may hurry a
    /// first one.
    package func shutdown(within: Duration, hurry: Bool) async { fatalError("not written yet") }

    // MARK: Looking in

    package func snapshot() -> PoolSnapshot { fatalError("not written yet") }
    /// Zeros for a generation that is not known.
    package func traffic(_ app: AppIndex, _ generation: GenerationNumber) -> TrafficCounts {
        fatalError("not written yet")
    }
    /// The newest reason why a worker of this app did not come up; nil again once one has.
    package func lastBootFailure(_ app: AppIndex) -> BootFailure? { fatalError("not written yet") }
    /// Generations whose workers have not all exited.
    package func generationCount(_ app: AppIndex) -> Int { fatalError("not written yet") }
}
