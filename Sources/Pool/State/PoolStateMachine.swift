import Model

/// The pool's decisions: events in, actions out, time as an argument; no clock, no I/O, no callback.
///
/// Each event finds its app and hands on to `AppPool`; what concerns all apps together (limits, waits, shutdown) is here.
/// Debug builds check every invariant after every event.
struct PoolStateMachine {
    var apps: [AppPool] = []
    var context: PoolContext
    private var waits: [Wait] = []
    private var lastWait: UInt64 = 0
    private(set) var shutdownDeadline: Instant?

    init(limits: PoolLimits) { context = PoolContext(limits: limits) }

    // MARK: Requests

    mutating func checkout(
        _ app: AppIndex, _ waiter: any CheckoutWaiter, _ wish: CheckoutWish = .any, now: () -> Instant
    ) -> CheckoutAnswer {
        let answer = apps[app.rawValue].checkout(waiter, wish, now: now, &context)
        assertInvariants()
        return answer
    }

    mutating func cancel(_ ticket: Ticket, now: Instant) -> (cancelled: Bool, actions: [PoolAction]) {
        begin(now)
        let app = CheckoutQueue.app(of: ticket).rawValue
        let cancelled = apps[app].cancel(ticket)
        apps[app].proceedClosing(&context)
        return (cancelled, finish())
    }

    /// The usual answers allocate nothing; `rest` is then empty.
    mutating func checkin(
        _ claim: Claim, _ outcome: ExchangeOutcome, now: () -> Instant
    ) -> (handOver: (QueuedCheckout, Claim)?, rest: [PoolAction]) {
        let app = claim.endpoint.app.rawValue
        return act(on: apps[app].checkin(claim, outcome, now, &context), app, now)
    }

    /// What is left of the time that a draining worker's streams have; nil when it does not drain.
    mutating func becomeStream(
        _ claim: Claim, _ outcome: ExchangeOutcome, now: () -> Instant
    ) -> (handOver: (QueuedCheckout, Claim)?, rest: [PoolAction], left: Duration?) {
        let app = claim.endpoint.app.rawValue
        let (answer, deadline) = apps[app].becomeStream(claim, outcome, &context)
        let left = deadline.map { max($0 - now(), .zero) }
        let (handOver, rest) = act(on: answer, app, now)
        return (handOver, rest, left)
    }

    mutating func streamEnded(
        _ claim: Claim, now: () -> Instant
    ) -> (handOver: (QueuedCheckout, Claim)?, rest: [PoolAction]) {
        let app = claim.endpoint.app.rawValue
        return act(on: apps[app].streamEnded(claim, &context), app, now)
    }

    private mutating func act(
        on answer: CheckinAnswer, _ app: Int, _ now: () -> Instant
    ) -> (handOver: (QueuedCheckout, Claim)?, rest: [PoolAction]) {
        switch answer {
        case .done:
            assertInvariants()
            return (nil, [])
        case .handOver(let next, let claim):
            guard apps[app].closing != nil || apps[app].canSendAhead else {
                assertInvariants()
                return ((next, claim), [])
            }
            begin(now())
            apps[app].sendAhead(&context)
            apps[app].proceedClosing(&context)
            return ((next, claim), finish())
        case .lastOfWorker(let slot):
            begin(now())
            apps[app].lastRequestDone(slot, &context)
            return (nil, finish())
        }
    }

    mutating func checkinUnreachable(_ claim: Claim, now: Instant) -> [PoolAction] {
        begin(now)
        let app = claim.endpoint.app.rawValue
        // Suspected first, so that the claim that comes back is not handed to the next request.
        if context.workers.holds(claim) { apps[app].workerUnreachable(claim.endpoint.slot, &context) }
        if case .lastOfWorker(let slot) = apps[app].checkin(claim, .notForwarded, { now }, &context) {
            apps[app].lastRequestDone(slot, &context)
        }
        // Those that waited for just this worker may find another.
        if !apps[app].queue.isEmpty { apps[app].dispatch(&context) }
        return finish()
    }

    func mayRecall(_ claim: Claim) -> Bool { apps[claim.endpoint.app.rawValue].mayRecall(claim, context) }

    mutating func checkinOverdue(_ claim: Claim, now: Instant) -> [PoolAction] {
        begin(now)
        apps[claim.endpoint.app.rawValue].checkinOverdue(claim, &context)
        return finish()
    }

    // MARK: Workers

    mutating func workerSpawned(_ number: WorkerNumber, pid: Int32, now: Instant) -> [PoolAction] {
        withWorker(number, now) { app, slot, context in app.workerSpawned(slot, pid: pid, &context) }
    }

    mutating func workerBooted(
        _ number: WorkerNumber, address: WorkerAddress, wireProtocol: WorkerProtocol, concurrency: Int, now: Instant
    ) -> [PoolAction] {
        withWorker(number, now) { app, slot, context in
            app.workerBooted(
                slot, address: address, wireProtocol: wireProtocol, concurrency: concurrency, &context)
        }
    }

    mutating func workerProved(
        _ number: WorkerNumber, weak: Bool, by path: String? = nil, now: Instant
    ) -> [PoolAction] {
        withWorker(number, now) { app, slot, context in app.workerProved(slot, weak: weak, by: path, &context) }
    }

    mutating func workerUnhealthy(_ number: WorkerNumber, _ failure: BootFailure, now: Instant) -> [PoolAction] {
        withWorker(number, now) { app, slot, context in app.workerUnhealthy(slot, failure, &context) }
    }

    mutating func workerExited(_ number: WorkerNumber, _ failure: BootFailure, now: Instant) -> [PoolAction] {
        withWorker(number, now) { app, slot, context in app.workerExited(slot, failure, &context) }
    }

    mutating func workerProbed(_ number: WorkerNumber, _ failure: BootFailure?, now: Instant) -> [PoolAction] {
        withWorker(number, now) { app, slot, context in app.workerProbed(slot, failure, &context) }
    }

    /// The timer sees to it.
    mutating func workerWantsWork(_ claim: Claim) {
        guard context.workers.holds(claim), claim.endpoint.wireProtocol == .session else { return }
        context.workers[claim.endpoint.slot].wantsWork = true
    }

    mutating func workerWorked(_ number: WorkerNumber, _ failure: BootFailure?, now: Instant) -> [PoolAction] {
        withWorker(number, now) { app, slot, context in app.workerWorked(slot, failure, &context) }
    }

    mutating func workerMemory(_ number: WorkerNumber, bytes: Int, now: Instant) -> [PoolAction] {
        withWorker(number, now) { app, slot, context in app.workerMemory(slot, bytes: bytes, &context) }
    }

    mutating func tick(now: Instant) -> [PoolAction] {
        begin(now)
        for app in apps.indices { apps[app].tick(&context) }
        if !context.isRetired { grow() }
        return finish()
    }

    // MARK: Apps and generations

    mutating func addApp(_ name: AppName, queue: QueueSettings, onDemand: Bool = false) -> AppIndex {
        let index = AppIndex(apps.count)
        apps.append(AppPool(index: index, name: name, queue: queue, onDemand: onDemand ? OnDemand() : nil))
        if let shutdownDeadline { apps[index.rawValue].close(by: shutdownDeadline, &context) }
        return index
    }

    mutating func startFailed(
        _ app: AppIndex, _ failure: BootFailure?, retryAfter: Duration, now: Instant
    ) -> [PoolAction] {
        begin(now)
        apps[app.rawValue].startFailed(failure, retryAfter: retryAfter, &context)
        return finish()
    }

    mutating func setQueue(_ app: AppIndex, _ queue: QueueSettings) {
        apps[app.rawValue].queueSettings = queue
    }

    /// Generations that are larger than it leaves them stay so until they shrink by themselves.
    mutating func setMaxPoolSize(_ size: Int, now: Instant) -> [PoolAction] {
        begin(now)
        context.limits.maxPoolSize = size
        context.limits.maxSurge = size
        grow()
        return finish()
    }

    mutating func removeApp(_ app: AppIndex, now: Instant) -> [PoolAction] {
        begin(now)
        let live = apps[app.rawValue].generations.last { $0.state == .live }
        apps[app.rawValue].close(by: now + (live?.drainTimeout ?? .zero), &context)
        return finish()
    }

    /// The caller's wait ends by `bootFinished`.
    mutating func boot(
        _ app: AppIndex, _ spec: GenerationSpec, wait: WaitID, now: Instant
    ) -> (GenerationNumber, [PoolAction]) {
        begin(now)
        let index = app.rawValue
        guard apps[index].closing == nil else {
            let number = apps[index].nextGenerationNumber()
            let failure = BootFailure(step: "aborted", summary: "the app is being shut down")
            let result = GenerationFailure(generation: number, failure: failure, failures: 0)
            context.act(.bootFinished(wait, .failure(result)))
            return (number, finish())
        }
        let room = min(liveRoom(for: index), surgeRoom())
        let number = apps[index].boot(spec, .beside(wait), room: room, &context)
        return (number, finish())
    }

    mutating func bootLive(_ app: AppIndex, _ spec: GenerationSpec, now: Instant) -> (GenerationNumber, [PoolAction]) {
        begin(now)
        let index = app.rawValue
        guard apps[index].closing == nil else { return (apps[index].nextGenerationNumber(), finish()) }
        apps[index].onDemand = nil
        let number = apps[index].boot(spec, .takesTraffic, room: liveRoom(for: index), &context)
        return (number, finish())
    }

    mutating func switchTraffic(
        _ app: AppIndex, to number: GenerationNumber, now: Instant
    ) -> (GenerationNumber?, [PoolAction]) {
        begin(now)
        let room = liveRoom(for: app.rawValue)
        let previous = apps[app.rawValue].switchTraffic(to: number, room: room, &context)
        return (previous, finish())
    }

    mutating func share(
        _ app: AppIndex, with number: GenerationNumber, tenThousandths: Int?, now: Instant
    ) -> [PoolAction] {
        begin(now)
        apps[app.rawValue].share(with: number, tenThousandths: tenThousandths, &context)
        return finish()
    }

    mutating func drain(
        _ number: GenerationNumber, of app: AppIndex, within: Duration, streams: Duration? = nil, now: Instant
    ) -> [PoolAction] {
        withGeneration(number, app, now) { app, position, context in
            let streams = streams ?? app.generations[position].streamDrain
            app.drain(position, until: DrainDeadline(requests: now + within, streams: now + streams), &context)
        }
    }

    mutating func park(_ number: GenerationNumber, of app: AppIndex, workers: Int, now: Instant) -> [PoolAction] {
        withGeneration(number, app, now) { app, position, context in app.park(position, workers: workers, &context) }
    }

    mutating func scale(_ number: GenerationNumber, of app: AppIndex, workers: Int, now: Instant) -> [PoolAction] {
        let index = app.rawValue
        guard let position = apps[index].position(of: number) else { return [] }
        var room = liveRoom(for: index)
        if apps[index].generations[position].isBesideLive {
            room = min(room, surgeRoom() + apps[index].generations[position].target)
        }
        return withGeneration(number, app, now) { app, position, context in
            app.scale(position, workers: workers, room: room, &context)
        }
    }

    mutating func shutdown(within: Duration, hurry: Bool, now: Instant) -> [PoolAction] {
        begin(now)
        let deadline = min(hurry ? now : now + within, shutdownDeadline ?? .distantFuture)
        shutdownDeadline = deadline
        for app in apps.indices { apps[app].close(by: deadline, &context) }
        return finish()
    }

    mutating func pause(_ app: AppIndex, hold: Duration, now: Instant) -> [PoolAction] {
        begin(now)
        apps[app.rawValue].pauseRequests(hold: hold, &context)
        return finish()
    }

    mutating func resume(_ app: AppIndex, now: Instant) -> [PoolAction] {
        begin(now)
        apps[app.rawValue].resumeRequests(&context)
        grow()
        return finish()
    }

    mutating func detach(_ app: AppIndex, pid: Int32, now: Instant) -> (Detachment?, [PoolAction]) {
        begin(now)
        let answer = apps[app.rawValue].detach(pid: pid, &context)
        return (answer, finish())
    }

    // MARK: Limits

    /// What the live generations of the other apps leave of the pool; below zero when there are more apps than room.
    func liveRoom(for index: Int?) -> Int {
        var room = context.limits.maxPoolSize
        for app in apps where app.index.rawValue != index {
            for generation in app.generations where generation.state == .live || generation.isPending {
                room -= generation.target
            }
        }
        return room
    }

    /// What the generations that boot or wait beside live ones leave of the surge.
    private func surgeRoom() -> Int {
        var room = context.limits.maxSurge
        for app in apps {
            for generation in app.generations where generation.isBesideLive { room -= generation.target }
        }
        return room
    }

    // MARK: Waits

    mutating func makeWait() -> WaitID {
        lastWait += 1
        return WaitID(rawValue: lastWait)
    }

    /// Ends by `waitFinished`, perhaps at once.
    mutating func wait(_ id: WaitID, for goal: Wait.Goal, now: Instant) -> [PoolAction] {
        begin(now)
        waits.append(Wait(id: id, goal: goal))
        return finish()
    }

    /// The caller is not interested any more. A boot is discarded.
    mutating func cancel(_ id: WaitID, now: Instant) -> [PoolAction] {
        begin(now)
        if let index = waits.firstIndex(where: { $0.id == id }) {
            waits.remove(at: index)
            context.act(.waitFinished(id, false))
        }
        for app in apps.indices {
            let booting = apps[app].generations.firstIndex { $0.purpose == .beside(id) && $0.canFail }
            if let booting { apps[app].drain(booting, until: .now(context), &context) }
        }
        return finish()
    }

    private mutating func settleWaits() {
        guard !waits.isEmpty else { return }
        var open: [Wait] = []
        for wait in waits {
            if let result = wait.outcome(self) {
                context.act(.waitFinished(wait.id, result))
            } else {
                open.append(wait)
            }
        }
        waits = open
    }

    // MARK: One event

    mutating func begin(_ now: Instant) {
        // Callers read the clock inside the lock, so time does not go back; a test's might.
        context.now = max(now, context.now)
    }

    mutating func finish() -> [PoolAction] {
        settleWaits()
        assertInvariants()
        return context.takeActions()
    }

    private mutating func withWorker(
        _ number: WorkerNumber, _ now: Instant, _ event: (inout AppPool, Int, inout PoolContext) -> Void
    ) -> [PoolAction] {
        guard let slot = context.workers.slot(of: number) else { return [] }
        begin(now)
        event(&apps[context.workers[slot].app.rawValue], slot, &context)
        return finish()
    }

    private mutating func withGeneration(
        _ number: GenerationNumber, _ app: AppIndex, _ now: Instant,
        _ event: (inout AppPool, Int, inout PoolContext) -> Void
    ) -> [PoolAction] {
        guard let position = apps[app.rawValue].position(of: number) else { return [] }
        begin(now)
        event(&apps[app.rawValue], position, &context)
        return finish()
    }

    func assertInvariants() {
        #if DEBUG
        guard context.limits.checksInvariants else { return }
        var listed = 0
        for app in apps {
            app.assertInvariants(context)
            listed += app.generations.reduce(0) { $0 + $1.slots.count }
        }
        assert(listed == context.workers.count, "a worker is in no generation")
        #endif
    }
}
