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
    /// One request at a time, by the session protocol.
    var takesAhead: Bool { isSession && concurrency == 1 }
    var isSession = false
    var claims = 0
    /// It has a request that cannot be taken back.
    var isAtUnsafe = false
    var streams = 0
    var isWorn = false
    /// The pool's own probe has a place.
    var isProbed = false
    /// It asked for out-of-band work; does it.
    var wantsWork = false
    var works = false
    var busy: Int { claims + (isProbed ? 1 : 0) + (works ? 1 : 0) }
    /// By scaling down: its time is not that of its generation.
    var isRetiredAlone = false
    /// Set by `stopWorker`: the process is dead by then.
    var deadBy: Instant?
}

struct WorldGeneration {
    var spec: GenerationSpec
    var boot: WaitID?
    var drainBy: Instant?
    /// Until when its streams may go on then.
    var streamsBy: Instant?
    var wasLive = false
}

struct WorldRequest {
    var waiter: TestWaiter
    /// Waits for this worker.
    var pin: WorkerNumber?
    var isUnlimited = false
    var mayGoAhead = false
}

struct WorldClaim {
    var claim: Claim
    var until: Instant
    var isStream = false
    var mayGoAhead = false
}

struct WorldApp {
    var queue: [WorldRequest] = []
    var live: GenerationNumber?
    var generations: [GenerationNumber: WorldGeneration] = [:]
    var closing = false
    var isPaused = false
    /// A restart has failed, and nothing was switched to since.
    var showsFailure = false
}

/// The rules of the pool said a second time, from outside: fed with the same events and with what the pool asked for, it
/// knows only what a gateway, a spawner and a deploy can see.
struct ReferenceModel {
    var maxPoolSize = 6
    var apps: [WorldApp] = []
    /// Those that have not exited.
    var workers: [WorkerNumber: WorldWorker] = [:]
    var claims: [WorldClaim] = []
    /// Those of workers that a claim or proof was seen of.
    var stickies: [WorkerNumber: StickyID] = [:]
    /// Retired while they had requests, by scaling down for one. The pool chooses them, so its picture is asked.
    var draining: Set<WorkerNumber> = []
    /// Before the event that is being looked at: it may give a worker its last request and retire it.
    private var drainingBefore: Set<WorkerNumber> = []
    /// Out of service for their work, as the pool says.
    var working: Set<WorkerNumber> = []
    private var grants = 0
    /// Grants over a worker's concurrency.
    private(set) var aheads = 0
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

    mutating func granted(_ claim: Claim, app: Int, mayGoAhead: Bool, now: Instant) {
        let endpoint = claim.endpoint
        grants += 1
        // Every sixth request takes long: a drain has to wait for it, and sometimes to cut it.
        let until = grants.isMultiple(of: 6) ? now + .seconds(8) : now
        claims.append(WorldClaim(claim: claim, until: until, mayGoAhead: mayGoAhead))
        stickies[endpoint.worker] = endpoint.sticky
        check(!drainingBefore.contains(endpoint.worker), "a draining worker was claimed")
        check(!apps[app].isPaused, "a request of a paused app was not held")
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
        if claim.takesPlace { take(claim, &worker, mayGoAhead) } else { worker.streams += 1 }
        workers[endpoint.worker] = worker
    }

    /// Over its concurrency a worker gets only what can be taken back, behind what can be taken back.
    private mutating func take(_ claim: Claim, _ worker: inout WorldWorker, _ mayGoAhead: Bool) {
        let number = claim.endpoint.worker
        check(claim.endpoint.takesAhead == worker.takesAhead, "\(number) takes requests ahead, or does not")
        if worker.busy == 0 { worker.isAtUnsafe = !mayGoAhead }
        worker.claims += 1
        guard worker.concurrency > 0, worker.busy > worker.concurrency else { return }
        aheads += 1
        check(worker.takesAhead && worker.claims <= 1 + Pace.placesAhead, "\(number) has too many requests")
        check(mayGoAhead && !worker.isAtUnsafe, "\(number) has requests that cannot be taken back")
        check(worker.streams == 0, "\(number) has streams and gets requests ahead")
    }

    /// Whether an app's requests may go to a worker now.
    func isRouted(_ number: WorkerNumber, _ app: Int) -> Bool {
        guard let worker = workers[number], worker.app == app, worker.generation == apps[app].live else { return false }
        return worker.stage == .proved && !worker.suspected && worker.deadBy == nil && !draining.contains(number)
            && !working.contains(number)
    }

    func hasRoom(_ number: WorkerNumber) -> Bool {
        workers[number].map { $0.concurrency == 0 || $0.busy < $0.concurrency } ?? false
    }

    /// A worker that is out of service once is waited for no more, even if it comes back.
    mutating func dropPins() {
        for app in apps.indices {
            for index in apps[app].queue.indices {
                guard let pin = apps[app].queue[index].pin, !isRouted(pin, app) else { continue }
                apps[app].queue[index].pin = nil
            }
        }
    }

    /// A queued request was granted a worker: it must have been the first of those that could have it.
    @discardableResult
    mutating func answeredQueued(_ waiter: TestWaiter, _ claim: Claim, app: Int) -> WorldRequest? {
        dropPins()
        let worker = claim.endpoint.worker
        guard let request = apps[app].queue.first(where: { $0.waiter === waiter }) else {
            violations.append("request \(waiter.number) was not in the queue")
            return nil
        }
        let first = apps[app].queue.first { other in
            request.isUnlimited
                ? other.isUnlimited : !other.isUnlimited && (other.pin == nil || other.pin == worker)
        }
        check(claim.takesPlace != request.isUnlimited, "request \(waiter.number) got the wrong kind of claim")
        check(first?.waiter === waiter, "request \(waiter.number) was answered out of turn")
        leaveQueue(waiter, app: app)
        return request
    }

    private mutating func leaveQueue(_ waiter: TestWaiter, app: Int) {
        answered[waiter.number, default: 0] += 1
        check(answered[waiter.number] == 1, "request \(waiter.number) was answered twice")
        apps[app].queue.removeAll { $0.waiter === waiter }
        tickets[waiter.number] = nil
    }

    mutating func take(_ actions: [PoolAction], now: Instant) {
        for action in actions { take(action, now: now) }
        drainingBefore = draining
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
        case .prove(let endpoint):
            workers[endpoint.worker]?.owesProof = true
            check(
                stickies.allSatisfy { $0.key == endpoint.worker || $0.value != endpoint.sticky },
                "two workers have one sticky id")
            stickies[endpoint.worker] = endpoint.sticky
        case .greet(let endpoint): check(false, "\(endpoint.worker) was adopted from nobody")
        case .probe(let endpoint): probe(endpoint.worker)
        case .work(let endpoint): work(endpoint.worker)
        case .endStreams(let app, let generation, let worker, _):
            let ends = workers.contains { number, known in
                known.app == app.rawValue && known.generation == generation && known.streams > 0
                    && (worker == nil || worker == number)
            }
            check(ends, "streams were to be ended where there are none")
        case .stop(let number, _, let grace):
            guard let worker = workers[number] else {
                return violations.append("\(number) was stopped and is not there")
            }
            checkCut(worker, number, now: now)
            workers[number]?.deadBy = min(worker.deadBy ?? .distantFuture, now + grace)
        case .grant(let checkout, let claim):
            let app = claim.endpoint.app.rawValue
            let request = answeredQueued(checkout.waiter as! TestWaiter, claim, app: app)
            granted(claim, app: app, mayGoAhead: request?.mayGoAhead ?? false, now: now)
        case .refuse(let checkout, _):
            let waiter = checkout.waiter as! TestWaiter
            let app = tickets[waiter.number]?.app ?? 0
            check(apps[app].queue.first?.waiter === waiter, "request \(waiter.number) was refused out of turn")
            leaveQueue(waiter, app: app)
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
                apps[app].showsFailure = false
                apps[app].generations[number]?.wasLive = true
            }
        }
    }

    private mutating func work(_ number: WorkerNumber) {
        guard let worker = workers[number] else { return violations.append("\(number) is to work and is not there") }
        check(worker.wantsWork, "a worker is to work that did not ask for it")
        check(worker.busy == 0, "a busy worker is to work")
        check(!workers.values.contains { $0.works && $0.deadBy == nil }, "two work at once")
        let serves = workers.keys.contains { isRouted($0, worker.app) }
        check(serves, "the last worker that serves is to work")
        workers[number]?.works = true
    }

    private mutating func probe(_ number: WorkerNumber) {
        guard let worker = workers[number] else { return violations.append("\(number) is probed and is not there") }
        check(worker.claims == 0, "a busy worker is probed")
        check(isRouted(number, worker.app), "a worker is probed that does not serve")
        check(
            !workers.values.contains { $0.isProbed && $0.generation == worker.generation && $0.app == worker.app },
            "two probes at once")
        workers[number]?.isProbed = true
        workers[number]?.isAtUnsafe = true
    }

    /// A draining generation's requests and streams have each their own time.
    private mutating func checkCut(_ worker: WorldWorker, _ number: WorkerNumber, now: Instant) {
        guard worker.deadBy == nil, !worker.isRetiredAlone, !apps[worker.app].closing,
            let generation = apps[worker.app].generations[worker.generation], let drainBy = generation.drainBy
        else { return }
        check(worker.busy == 0 || now >= drainBy, "\(number) was stopped before its requests' time was up")
        let streamsBy = generation.streamsBy ?? drainBy
        check(worker.streams == 0 || now >= streamsBy, "\(number) was stopped before its streams' time was up")
    }

    private mutating func bootFailed(_ id: WaitID, _ generation: GenerationNumber, now: Instant) {
        for app in apps.indices where apps[app].generations[generation]?.boot == id {
            apps[app].generations[generation]?.drainBy = now
            apps[app].generations[generation]?.streamsBy = now
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
        compareCounts(snapshot)
        dropPins()
        let alive = workers.count
        check(known == alive, "the pool knows \(known) workers, \(alive) are there")
    }

    /// What `max_pool_size` and `max_instances` are there for. Those that were told to end count no more.
    private mutating func compareCounts(_ snapshot: PoolSnapshot) {
        var all = 0
        for app in snapshot.apps {
            guard let live = app.live, let spec = apps[app.index.rawValue].generations[live.number]?.spec else {
                continue
            }
            let kept = workers.count { number, worker in
                worker.app == app.index.rawValue && worker.generation == live.number && worker.deadBy == nil
                    && !draining.contains(number)
            }
            let limit = spec.settings.pool.maxInstances
            let surge = live.workers.contains { $0.wear != nil || workers[$0.number]?.wantsWork == true } ? 1 : 0
            check(limit == 0 || kept <= limit + surge, "\(kept) workers, max_instances \(limit)")
            check(kept <= live.target + surge, "\(kept) workers, kept at \(live.target)")
            all += kept - surge
        }
        // An app always gets one.
        let limit = maxPoolSize + apps.count - 1
        check(all <= limit, "\(all) live workers, at most \(limit)")
    }

    private mutating func compare(_ worker: WorkerSnapshot, _ generation: GenerationSnapshot, now: Instant) {
        guard let model = workers[worker.number] else { return violations.append("an invented worker") }
        check(model.busy == worker.requestsNow, "\(worker.number) has \(model.busy), not \(worker.requestsNow)")
        check(model.streams == worker.streamsNow, "\(worker.number) has \(model.streams) streams")
        check(model.generation == generation.number, "\(worker.number) changed its generation")
        if draining.contains(worker.number), worker.state != .draining, worker.state != .stopping {
            violations.append("\(worker.number) came back from draining")
        }
        if worker.state == .draining {
            draining.insert(worker.number)
            let isWhole = apps[model.app].generations[generation.number]?.drainBy != nil
            if !isWhole { workers[worker.number]?.isRetiredAlone = true }
        }
        if worker.wear != nil { workers[worker.number]?.isWorn = true }
        check(!model.isWorn || worker.wear != nil, "\(worker.number) was worn, and is new again")
        if model.suspected, worker.state == .available { violations.append("\(worker.number) is suspected") }
        guard let known = apps[model.app].generations[generation.number], let drainBy = known.drainBy else { return }
        if now >= drainBy, model.streams == 0 || now >= known.streamsBy ?? drainBy {
            check(model.deadBy != nil, "\(worker.number) outlives its drain")
        }
    }
}
