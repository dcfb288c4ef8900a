package import Model
import Synchronization

/// Who serves which request, and which workers there are.
///
/// A thin shell: one lock around a `PoolStateMachine`, which decides; what it wants done is done after unlocking. Every
/// method may be called on any thread.
package final class Pool: Sendable {
    struct Shared {
        var machine: PoolStateMachine
        var boots: [WaitID: CheckedContinuation<Result<BootedGeneration, GenerationFailure>, Never>] = [:]
        var waits: [WaitID: CheckedContinuation<Bool, Never>] = [:]
        weak var delegate: (any PoolDelegate)?
    }

    let shared: Mutex<Shared>
    let now: @Sendable () -> Instant

    /// The delegate is held weakly. It may be given later by `start(delegate:)`, but before the first generation is
    /// booted.
    package init(
        delegate: (any PoolDelegate)? = nil, limits: PoolLimits, now: @escaping @Sendable () -> Instant
    ) {
        shared = Mutex(Shared(machine: PoolStateMachine(limits: limits), delegate: delegate))
        self.now = now
    }

    package func start(delegate: any PoolDelegate) { shared.withLock { $0.delegate = delegate } }

    // MARK: Requests

    /// Claims the least busy worker of the generation that the app's traffic goes to; or queues, or refuses. When queued,
    /// the waiter is told later, exactly once, unless `cancel` comes first. A granted checkout allocates nothing.
    /// - Parameters:
    ///   - preferring: the worker of a sticky session. While it serves, the request goes there, and waits for it when it is
    ///     busy; else it is routed as if there were no session.
    ///   - generation: while two share the traffic, the one that the client was with before.
    ///   - unlimited: takes no place of a worker's concurrency, and waits only while no worker is available at all. The
    ///     claim counts as a stream from the start.
    ///   - ahead: when all are busy, it may be sent to one that is nearly done, to be read when that is free: for a request
    ///     that can be taken back and sent to another worker as long as it has not been read.
    ///   - first: it was taken back, and goes before all that wait.
    package func checkout(
        _ app: AppIndex, waiter: any CheckoutWaiter, preferring sticky: StickyID? = nil,
        of generation: GenerationNumber? = nil, unlimited: Bool = false, ahead: Bool = false, first: Bool = false
    ) -> CheckoutAnswer {
        let wish = CheckoutWish(
            sticky: sticky, generation: generation, isUnlimited: unlimited, mayGoAhead: ahead, goesFirst: first)
        let (answer, actions) = shared.withLock { shared in
            let answer = shared.machine.checkout(app, waiter, wish, now: now)
            guard case .queued = answer else { return (answer, [PoolAction]()) }
            return (answer, shared.machine.requestWaits(app, now: now))
        }
        if !actions.isEmpty { perform(actions) }
        return answer
    }

    /// The client is gone. True: it left the queue and no callback will come. False: a grant or refusal is already under
    /// way or delivered; *the grant wins*, and the waiter gives the claim back (`notForwarded`).
    @discardableResult
    package func cancel(_ ticket: Ticket) -> Bool {
        let (cancelled, actions) = shared.withLock { $0.machine.cancel(ticket, now: now()) }
        perform(actions)
        return cancelled
    }

    /// Gives a claim back. Also right for a worker that has exited meanwhile.
    package func checkin(_ claim: Claim, _ outcome: ExchangeOutcome) {
        let (handOver, rest) = shared.withLock { $0.machine.checkin(claim, outcome, now: now) }
        if let (next, claim) = handOver { next.waiter.checkoutGranted(claim) }
        if !rest.isEmpty { perform(rest) }
    }

    /// A claim whose connection was upgraded or hijacked, or whose answer has no end in sight: its place is free again at
    /// once, and its worker's drain waits for it by the streams' own clock, until `streamEnded`. At most once for a claim,
    /// which is then *not* checked in. `outcome` is what the bake counts.
    ///
    /// Nil: it goes on. Else its worker is draining already, and the gateway closes it within so long.
    @discardableResult
    package func becomeStream(_ claim: Claim, _ outcome: ExchangeOutcome = .ok) -> Duration? {
        let (handOver, rest, left) = shared.withLock { $0.machine.becomeStream(claim, outcome, now: now) }
        if let (next, claim) = handOver { next.waiter.checkoutGranted(claim) }
        if !rest.isEmpty { perform(rest) }
        return left
    }

    /// The end of a claim that became a stream.
    package func streamEnded(_ claim: Claim) {
        let (_, rest) = shared.withLock { $0.machine.streamEnded(claim, now: now) }
        if !rest.isEmpty { perform(rest) }
    }

    /// Connecting to a claimed worker failed: the claim is given back, and the worker is not chosen again until it was
    /// proved. The caller checks out again.
    package func checkinUnreachable(_ claim: Claim) {
        decide { machine, now in machine.checkinUnreachable(claim, now: now) }
    }

    /// Its worker has not read the request for a while. True: it would do better elsewhere, because the worker is at another
    /// request or one with room is there; then the claim is given back (`notForwarded`) and the request asks again.
    package func mayRecall(_ claim: Claim) -> Bool { shared.withLock { $0.machine.mayRecall(claim) } }

    /// Gives back the claim of a request that the worker did not answer within `max_request_time`. A session worker is
    /// replaced: at once when it has nothing else to do, else after its other requests. Another one has to prove itself.
    package func checkinOverdue(_ claim: Claim) {
        decide { machine, now in machine.checkinOverdue(claim, now: now) }
    }

    // MARK: Facts about workers. News about workers that have exited are ignored.

    package func workerSpawned(_ worker: WorkerNumber, pid: Int32) {
        decide { machine, now in machine.workerSpawned(worker, pid: pid, now: now) }
    }
    /// The handshake said ready. `concurrency` 0 is unlimited.
    package func workerBooted(
        _ worker: WorkerNumber, address: WorkerAddress, wireProtocol: WorkerProtocol, concurrency: Int
    ) {
        decide { machine, now in
            machine.workerBooted(
                worker, address: address, wireProtocol: wireProtocol, concurrency: concurrency, now: now)
        }
    }
    /// `path`: what it was asked for.
    package func workerProved(_ worker: WorkerNumber, weak: Bool, by path: String? = nil) {
        decide { machine, now in machine.workerProved(worker, weak: weak, by: path, now: now) }
    }
    package func workerUnhealthy(_ worker: WorkerNumber, _ failure: BootFailure) {
        decide { machine, now in machine.workerUnhealthy(worker, failure, now: now) }
    }
    /// What `probeWorker` found; nil is a good answer.
    package func workerProbed(_ worker: WorkerNumber, _ failure: BootFailure?) {
        decide { machine, now in machine.workerProbed(worker, failure, now: now) }
    }
    /// The worker said in its answer that it wants to do out-of-band work.
    package func workerWantsWork(_ claim: Claim) { shared.withLock { $0.machine.workerWantsWork(claim) } }
    /// The end of what `work` asked for; nil is a good one.
    package func workerWorked(_ worker: WorkerNumber, _ failure: BootFailure?) {
        decide { machine, now in machine.workerWorked(worker, failure, now: now) }
    }
    /// What a worker's process tree uses now: private memory and swap, in bytes. To be told every few seconds for every
    /// worker that has a process, whatever its state; for how long it was over a limit does not count. From
    /// `memory_limit` on a worker is replaced (another one is up before it drains), from `hard_memory_limit` on it is
    /// stopped at once.
    package func workerMemory(_ worker: WorkerNumber, bytes: Int) {
        decide { machine, now in machine.workerMemory(worker, bytes: bytes, now: now) }
    }
    /// The last word about a worker, in every case: boots that failed, stops, crashes, spawns that were refused.
    package func workerExited(_ worker: WorkerNumber, _ failure: BootFailure) {
        decide { machine, now in machine.workerExited(worker, failure, now: now) }
    }

    /// Call every 100 ms: queue timeouts, boot and drain deadlines, back-off, waits.
    package func tick() {
        decide { machine, now in machine.tick(now: now) }
    }

    // MARK: Apps and generations

    /// `onDemand`: nothing is booted before there is a request. It waits, and the event `wanted` asks for `bootLive`, or for
    /// `startFailed` where that is not possible.
    package func addApp(_ name: AppName, queue: QueueSettings, onDemand: Bool = false) -> AppIndex {
        shared.withLock { $0.machine.addApp(name, queue: queue, onDemand: onDemand) }
    }
    /// What was `wanted` could not be booted: requests that wait, and those of the next moment, are refused with the reason
    /// (nil: there is nothing to boot). One that comes after `retryAfter` asks again.
    package func startFailed(_ app: AppIndex, _ failure: BootFailure?, retryAfter: Duration) {
        decide { machine, now in machine.startFailed(app, failure, retryAfter: retryAfter, now: now) }
    }
    /// Refuses new requests, answers queued ones if workers are there, drains within the live generation's drain timeout.
    package func removeApp(_ app: AppIndex) {
        decide { machine, now in machine.removeApp(app, now: now) }
    }
    /// Bounds what boots and grows from now on; nothing that runs is stopped for it.
    package func setMaxPoolSize(_ size: Int) {
        decide { machine, now in machine.setMaxPoolSize(size, now: now) }
    }
    package var maxPoolSize: Int { shared.withLock { $0.machine.context.limits.maxPoolSize } }
    package func setQueue(_ app: AppIndex, _ queue: QueueSettings) {
        shared.withLock { $0.machine.setQueue(app, queue) }
    }

    /// Boots and proves a whole generation beside whatever is live. Returns when every worker proved itself; throws after
    /// a worker's deadline or its second failed attempt, all workers being stopped. A cancelled task discards the
    /// generation and throws with step `aborted`.
    package func boot(_ app: AppIndex, _ spec: GenerationSpec) async throws(GenerationFailure) -> BootedGeneration {
        let id = shared.withLock { $0.machine.makeWait() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let actions = shared.withLock { shared in
                    shared.boots[id] = continuation
                    return shared.machine.boot(app, spec, wait: id, now: now()).1
                }
                perform(actions)
                // A cancellation that came before the boot was known found nothing to give up.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
        return try result.get()
    }

    /// Boots without waiting, for server start, when nothing is live: it becomes live with its first proved worker, and
    /// boots that fail are retried with back-off, for ever. With 0 workers the first request boots one. Requests wait in
    /// the queue while a worker boots; when a boot has failed and until the next attempt begins, they are refused with the
    /// reason.
    package func bootLive(_ app: AppIndex, _ spec: GenerationSpec) -> GenerationNumber {
        let (number, actions) = shared.withLock { $0.machine.bootLive(app, spec, now: now()) }
        perform(actions)
        return number
    }

    /// The atomic switch: the routing table is replaced, queued requests go to the new generation at once. The previous
    /// live generation is returned, whole, as a standby: drain it or park it.
    ///
    /// Refused, with nothing changed and nil returned, unless the generation is proved or standby and has a worker
    /// available (or the live one has none either): one that died after its proof never gets the traffic. So wait with
    /// `waitUntilReady` before, and read `liveGeneration` after. A `bootLive` that has not come up yet is discarded.
    @discardableResult
    package func switchTraffic(_ app: AppIndex, to generation: GenerationNumber) -> GenerationNumber? {
        let (previous, actions) = shared.withLock { $0.machine.switchTraffic(app, to: generation, now: now()) }
        perform(actions)
        return previous
    }

    /// A generation that is proved gets so many of ten thousand requests, and what is live the rest; nil: all of them go to
    /// what is live. Nothing happens when it cannot take requests, or nothing is live.
    package func share(_ app: AppIndex, with generation: GenerationNumber, tenThousandths: Int?) {
        decide { machine, now in
            machine.share(app, with: generation, tenThousandths: tenThousandths, now: now)
        }
    }

    /// From now to the next switch every request is refused with this, whatever serves. What was let in before goes on.
    package func restartFailed(_ app: AppIndex, _ failure: BootFailure) {
        shared.withLock { $0.machine.apps[app.rawValue].restartFailed(failure) }
    }

    /// The generation that the traffic belongs to.
    package func liveGeneration(_ app: AppIndex) -> GenerationNumber? {
        shared.withLock { $0.machine.apps[app.rawValue].table.primary }
    }

    /// No new requests; those in flight finish; at the deadline the workers are stopped anyway. Streams have their own
    /// time, `stream_drain` of the generation unless given, and are ended spread over it. A second call can shorten both.
    /// Not for a live generation: switch first.
    package func drain(_ generation: GenerationNumber, of app: AppIndex, within: Duration, streams: Duration? = nil) {
        decide { machine, now in machine.drain(generation, of: app, within: within, streams: streams, now: now) }
    }
    /// Shrinks a standby; never below 1.
    package func park(_ generation: GenerationNumber, of app: AppIndex, workers: Int) {
        decide { machine, now in machine.park(generation, of: app, workers: workers, now: now) }
    }
    /// Grows or shrinks within `PoolLimits`. The target is kept from then on. With 0 all of its workers stop after their
    /// requests, and none boots before it is scaled again: not for what gets requests, unless they are held.
    package func scale(_ generation: GenerationNumber, of app: AppIndex, workers: Int) {
        decide { machine, now in machine.scale(generation, of: app, workers: workers, now: now) }
    }
    /// Keeps the app at so many workers, as far as limits allow, in this generation and those after it; nil: at as many
    /// as are needed.
    package func setScale(_ app: AppIndex, workers: Int?) {
        decide { machine, now in machine.setScale(app, workers: workers, now: now) }
    }
    /// Holds the app's requests: at most as many as its queue takes, each for `hold` at most; then they are refused.
    /// Requests in flight go on. Again: with another `hold`.
    package func pause(_ app: AppIndex, hold: Duration) {
        decide { machine, now in machine.pause(app, hold: hold, now: now) }
    }
    package func resume(_ app: AppIndex) {
        decide { machine, now in machine.resume(app, now: now) }
    }
    /// Takes one worker out of service and replaces it. Nil: it is no worker of this app.
    package func detach(_ app: AppIndex, pid: Int32) -> Detachment? {
        let (answer, actions) = shared.withLock { $0.machine.detach(app, pid: pid, now: now()) }
        perform(actions)
        return answer
    }
    /// True once so many workers (or the generation's target, if that is less) are available. False at the deadline, and
    /// when the generation is drained.
    package func waitUntilReady(
        _ generation: GenerationNumber, of app: AppIndex, workers: Int, deadline: Instant
    ) async -> Bool {
        await wait(for: .ready(app, generation, workers: workers, deadline: deadline))
    }
    /// Returns when it has no worker (`scale` to 0), or is not known any more. False at the deadline.
    package func waitUntilEmpty(_ generation: GenerationNumber, of app: AppIndex, deadline: Instant) async -> Bool {
        await wait(for: .empty(app, generation, deadline: deadline))
    }
    /// Returns when every worker has exited, at once for a generation that is not known (any more).
    package func waitUntilGone(_ generation: GenerationNumber, of app: AppIndex) async {
        _ = await wait(for: .gone(app, generation))
    }
    /// A boot that is given up, or a proved generation that nobody wants: everything stops now. Not for a live one.
    package func discard(_ generation: GenerationNumber, of app: AppIndex) {
        drain(generation, of: app, within: .zero, streams: .zero)
    }

    /// Refuses new requests, answers queued ones where a worker is there, stops all workers, and returns when every one
    /// has exited. After `within`, or at once with `hurry`, nothing is waited for any more. A second call may hurry a
    /// first one.
    package func shutdown(within: Duration, hurry: Bool) async {
        decide { machine, now in machine.shutdown(within: within, hurry: hurry, now: now) }
        _ = await wait(for: .shutDown)
    }

    // MARK: Looking in

    package func snapshot() -> PoolSnapshot {
        shared.withLock { $0.machine.snapshot() }
    }
    /// Of one app: a picture of all of them costs as much as there are. Nil once it is removed and gone.
    package func snapshot(of app: AppIndex) -> AppSnapshot? {
        shared.withLock { $0.machine.snapshot(of: app) }
    }
    /// Zeros for a generation that is not known.
    package func traffic(_ app: AppIndex, _ generation: GenerationNumber) -> TrafficCounts {
        shared.withLock { $0.machine.traffic(app, generation) }
    }
    /// Of the restart that failed, while requests are refused for it; else the newest reason why a worker of this app did not come up,
    /// nil again once one has.
    package func failureToShow(_ app: AppIndex) -> BootFailure? {
        shared.withLock { $0.machine.apps[app.rawValue].failureToShow }
    }
    /// Generations whose workers have not all exited.
    package func generationCount(_ app: AppIndex) -> Int {
        shared.withLock { $0.machine.apps[app.rawValue].generations.count }
    }

    /// Workers of all its generations that have not exited.
    package func workerCount(_ app: AppIndex) -> Int {
        shared.withLock { shared in
            shared.machine.apps[app.rawValue].generations.reduce(0) { $0 + $1.slots.count }
        }
    }

    // MARK: Acting

    func decide(_ event: (inout PoolStateMachine, Instant) -> [PoolAction]) {
        // The clock is read under the lock, so that events have their times in the order in which they are handled.
        let actions = shared.withLock { event(&$0.machine, now()) }
        if !actions.isEmpty { perform(actions) }
    }

    private func perform(_ actions: [PoolAction]) {
        guard !actions.isEmpty else { return }
        let delegate = shared.withLock { $0.delegate }
        for action in actions { perform(action, delegate) }
    }

    private func perform(_ action: PoolAction, _ delegate: (any PoolDelegate)?) {
        switch action {
        case .spawn(let worker, let generation, let spec):
            delegate?.spawnWorker(worker, generation: generation, spec: spec)
        case .prove(let endpoint): delegate?.proveWorker(endpoint)
        case .greet(let endpoint): delegate?.greetWorker(endpoint)
        case .probe(let endpoint): delegate?.probeWorker(endpoint)
        case .work(let endpoint): delegate?.work(endpoint)
        case .stop(let worker, let endpoint, let grace):
            delegate?.stopWorker(worker, endpoint: endpoint, grace: grace)
        case .endStreams(let app, let generation, let worker, let window):
            delegate?.endStreams(of: app, generation: generation, worker: worker, spreadOver: window)
        case .grant(let checkout, let claim): checkout.waiter.checkoutGranted(claim)
        case .refuse(let checkout, let refusal): checkout.waiter.checkoutRefused(refusal)
        case .event(let event): delegate?.poolEvent(event)
        case .bootFinished(let id, let result):
            shared.withLock { $0.boots.removeValue(forKey: id) }?.resume(returning: result)
        case .waitFinished(let id, let result):
            shared.withLock { $0.waits.removeValue(forKey: id) }?.resume(returning: result)
        }
    }

    private func wait(for goal: Wait.Goal) async -> Bool {
        let id = shared.withLock { $0.machine.makeWait() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let actions = shared.withLock { shared in
                    shared.waits[id] = continuation
                    return shared.machine.wait(id, for: goal, now: now())
                }
                perform(actions)
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func cancel(_ id: WaitID) {
        decide { machine, now in machine.cancel(id, now: now) }
    }
}
