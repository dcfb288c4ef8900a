import Model
import Testing

@testable import Pool

/// What the world outside the pool knows about a worker.
struct WorldWorker {
    enum Stage { case asked, started, ready, proved }
    var app: Int
    var generation: GenerationNumber
    var stage = Stage.asked
    /// The pool asked for a proof that was not given yet.
    var owesProof = false
    var suspected = false
    var concurrency = 0
    var claims = 0
    /// Set by `stopWorker`: the process is dead by then.
    var deadBy: Instant?
}

struct WorldGeneration {
    var spec: GenerationSpec
    var boot: WaitID?
    var drainBy: Instant?
    var wasLive = false
}

struct WorldApp {
    var queue: [TestWaiter] = []
    var live: GenerationNumber?
    var generations: [GenerationNumber: WorldGeneration] = [:]
    var closing = false
}

/// The rules of the pool said a second time, from outside: fed with the same events and with what the pool asked for, it
/// knows only what a gateway, a spawner and a deploy can see.
struct ReferenceModel {
    var apps: [WorldApp] = []
    /// Those that have not exited.
    var workers: [WorkerNumber: WorldWorker] = [:]
    var claims: [(claim: Claim, until: Instant)] = []
    /// Retired while they had requests, by scaling down for one. The pool chooses them, so its picture is asked.
    var draining: Set<WorkerNumber> = []
    private var grants = 0
    var tickets: [Int: (app: Int, ticket: Ticket)] = [:]
    /// Number of each waiter's answers.
    var answered: [Int: Int] = [:]
    var openBoots: Set<WaitID> = []
    var openWaits: Set<WaitID> = []
    var violations: [String] = []

    mutating func check(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { violations.append(message()) }
    }

    // MARK: What the pool answers and asks for

    mutating func granted(_ claim: Claim, app: Int, now: Instant) {
        let endpoint = claim.endpoint
        grants += 1
        // Every sixth request takes long: a drain has to wait for it, and sometimes to cut it.
        claims.append((claim, grants.isMultiple(of: 6) ? now + .seconds(8) : now))
        check(!draining.contains(endpoint.worker), "a draining worker was claimed")
        guard var worker = workers[endpoint.worker] else {
            return violations.append("\(endpoint.worker) was claimed and is not there")
        }
        check(worker.app == app, "\(endpoint.worker) serves another app")
        check(worker.generation == endpoint.generation, "the endpoint names another generation")
        let live = apps[app].live
        check(live == worker.generation, "claimed from \(worker.generation), live is \(live as Any)")
        check(worker.stage == .proved, "an unproved worker was claimed")
        check(!worker.suspected, "a suspected worker was claimed")
        check(worker.deadBy == nil, "a stopped worker was claimed")
        let generation = apps[app].generations[worker.generation]
        check(generation?.drainBy == nil, "a worker of a draining generation was claimed")
        worker.claims += 1
        check(
            worker.concurrency == 0 || worker.claims <= worker.concurrency, "\(endpoint.worker) has too many requests")
        workers[endpoint.worker] = worker
    }

    /// A queued request was answered: it must have been the first.
    mutating func answeredQueued(_ waiter: TestWaiter, app: Int) {
        answered[waiter.number, default: 0] += 1
        check(answered[waiter.number] == 1, "request \(waiter.number) was answered twice")
        check(apps[app].queue.first === waiter, "request \(waiter.number) was answered out of turn")
        apps[app].queue.removeAll { $0 === waiter }
        tickets[waiter.number] = nil
    }

    mutating func take(_ actions: [PoolAction], now: Instant) {
        for action in actions { take(action, now: now) }
    }

    private mutating func take(_ action: PoolAction, now: Instant) {
        switch action {
        case .spawn(let number, let generation, let spec):
            check(workers[number] == nil, "\(number) was spawned twice")
            let app = apps.indices.first {
                apps[$0].generations[generation]?.spec.settings.directory == spec.settings.directory
            }
            check(app != nil, "\(number) was spawned for an unknown generation")
            guard let app else { return }
            check(apps[app].generations[generation]?.drainBy == nil, "a draining generation got a worker")
            check(!apps[app].closing, "a closing app got a worker")
            workers[number] = WorldWorker(app: app, generation: generation)
        case .prove(let endpoint): workers[endpoint.worker]?.owesProof = true
        case .stop(let number, _, let grace):
            guard let worker = workers[number] else {
                return violations.append("\(number) was stopped and is not there")
            }
            workers[number]?.deadBy = min(worker.deadBy ?? .distantFuture, now + grace)
        case .grant(let checkout, let claim):
            let app = claim.endpoint.app.rawValue
            answeredQueued(checkout.waiter as! TestWaiter, app: app)
            granted(claim, app: app, now: now)
        case .refuse(let checkout, _):
            let waiter = checkout.waiter as! TestWaiter
            answeredQueued(waiter, app: tickets[waiter.number]?.app ?? 0)
        case .bootFinished(let id, let result):
            check(openBoots.remove(id) != nil, "a boot ended twice")
            if case .failure(let failure) = result { bootFailed(id, failure.generation, now: now) }
        case .waitFinished(let id, _): check(openWaits.remove(id) != nil, "a wait ended twice")
        case .event(let event):
            // The only switch that nobody asked for: a pending generation's first worker.
            if case .switched = event.kind, let number = event.generation,
                let app = apps.indices.first(where: { "app\($0)" == event.app.rawValue })
            {
                apps[app].live = number
                apps[app].generations[number]?.wasLive = true
            }
        }
    }

    private mutating func bootFailed(_ id: WaitID, _ generation: GenerationNumber, now: Instant) {
        for app in apps.indices where apps[app].generations[generation]?.boot == id {
            apps[app].generations[generation]?.drainBy = now
        }
    }

    // MARK: Against the pool's own picture

    mutating func compare(with snapshot: PoolSnapshot, now: Instant) {
        var known = 0
        for app in snapshot.apps {
            let index = app.index.rawValue
            let model = apps[index]
            check(app.queueLength == model.queue.count, "queue of \(app.queueLength), \(model.queue.count) wait")
            check(app.table.primary == model.live || model.closing, "the table is not the last switch")
            let provedLive = model.generations.contains { $0.value.wasLive && $0.value.drainBy == nil }
            check(!provedLive || !app.table.isEmpty || model.closing, "the table is empty")
            for generation in app.generations {
                known += generation.workers.count
                for worker in generation.workers { compare(worker, generation, now: now) }
            }
        }
        let alive = workers.count
        check(known == alive, "the pool knows \(known) workers, \(alive) are there")
    }

    private mutating func compare(_ worker: WorkerSnapshot, _ generation: GenerationSnapshot, now: Instant) {
        guard let model = workers[worker.number] else { return violations.append("an invented worker") }
        check(model.claims == worker.requestsNow, "\(worker.number) has \(model.claims), not \(worker.requestsNow)")
        check(model.generation == generation.number, "\(worker.number) changed its generation")
        if draining.contains(worker.number), worker.state != .draining, worker.state != .stopping {
            violations.append("\(worker.number) came back from draining")
        }
        if worker.state == .draining { draining.insert(worker.number) }
        if model.suspected, worker.state == .available { violations.append("\(worker.number) is suspected") }
        if let drainBy = apps[model.app].generations[generation.number]?.drainBy, now >= drainBy {
            check(model.deadBy != nil, "\(worker.number) outlives its drain")
        }
    }
}
