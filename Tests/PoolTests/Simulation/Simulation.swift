import Model

@testable import Pool

/// The pool's machine with the world around it: a kernel with processes that die when they like, workers that boot slowly or
/// not at all, clients that lose patience, people who deploy, restart, scale, pause. Time is virtual; one seed decides
/// everything, so a failure replays exactly.
///
/// `+Kernel` is what the pool's wishes lead to, `+Clients` the requests, `+People` the rest; this is the loop and the rules.
final class Simulation {
    enum Event {
        case tick
        /// Somebody asks for something.
        case arrival
        case patienceOver(request: Int)
        case answered(request: Int)
        case streamOver(request: Int)
        case spawned(WorkerNumber)
        case booted(WorkerNumber)
        case judged(WorkerNumber, isGood: Bool)
        case probed(WorkerNumber, isGood: Bool)
        case worked(WorkerNumber)
        case died(WorkerNumber)
        case reaped(WorkerNumber)
        case measured(WorkerNumber, bytes: Int)
        case person
        case resumed(app: Int)
        case generationBooted(app: Int, GenerationNumber)
        case clockJump
        /// From here on nothing goes wrong any more.
        case calm
        case lastRequests
        case shutdown
        case end
    }

    let seed: UInt64
    let traces: Bool
    var random: SplitMix64
    var machine: PoolStateMachine
    var agenda = Agenda<Event>()
    var now = Instant(nanoseconds: 1_000_000_000)
    var isCalm = false
    var isOver = false

    var processes: [WorkerNumber: SimulatedProcess] = [:]
    var requests: [Int: SimulatedRequest] = [:]
    var waiters: [ObjectIdentifier: Int] = [:]
    var lastRequest = 0
    var deploys: [WaitID: SimulatedDeploy] = [:]
    /// Per app, oldest first: generations that had traffic and were not drained.
    var standbys: [[GenerationNumber]] = []
    var paused: Set<Int> = []
    /// Apps whose last restart has failed, and whose requests are to be told so.
    var failedRestarts: Set<Int> = []
    var directories = 0

    var violations: [String] = []
    var trace: [String] = []
    /// Different for different runs.
    var digest: UInt64 = 0
    var events = 0

    static let tick = Duration.milliseconds(400)
    static let calmTick = Duration.seconds(3)
    static let busyTime = Duration.seconds(5)
    /// Longer than what was set off before goes on, the longest back-off, and the boot after it.
    static let calmTime = Duration.seconds(27)

    init(seed: UInt64, traces: Bool = false) {
        self.seed = seed
        self.traces = traces
        random = SplitMix64(seed: seed)
        var limits = PoolLimits(maxPoolSize: 5, maxSurge: 4, processors: 2, seed: seed)
        limits.backOff.longest = .seconds(4)
        limits.backOff.youngAge = .seconds(2)
        limits.workTime = .seconds(3)
        if seed.isMultiple(of: 2) {
            // Requests are sent ahead to whatever is not slower than this.
            limits.pace.longestMean = .seconds(1)
            limits.pace.longestAnswer = .seconds(1)
        }
        // They cost more than all the rest.
        limits.checksInvariants = seed.isMultiple(of: 8) || traces
        machine = PoolStateMachine(limits: limits)
    }

    // MARK: The loop

    func run() {
        begin()
        while !isOver, violations.isEmpty, let (time, event) = agenda.next() {
            now = max(now, time)
            events += 1
            digest = (digest &* 31) ^ UInt64(bitPattern: now.nanoseconds)
            if traces { trace.append("\(now.nanoseconds / 1_000_000) ms: \(event)") }
            handle(event)
            check(
                machine.context.workers.count == processes.count,
                "the pool knows \(machine.context.workers.count) workers, \(processes.count) processes were not reaped")
        }
    }

    private func begin() {
        for number in 0..<2 {
            var queue = QueueSettings()
            queue.maxRequestQueueSize = 20
            queue.maxRequestQueueTime = chance(30) ? .seconds(4) : .zero
            let app = machine.addApp(AppName(sanitizing: "app\(number)"), queue: queue)
            standbys.append([])
            var spec = self.spec()
            if chance(20) { spec.workers = 0 }
            let (generation, actions) = machine.bootLive(app, spec, now: clock)
            standbys[number].append(generation)
            perform(actions)
        }
        agenda.add(.tick, at: now)
        agenda.add(.arrival, at: now)
        agenda.add(.person, at: now + span(300...1500))
        if chance(30) { agenda.add(.clockJump, at: now + span(1000...5000)) }
        agenda.add(.calm, at: now + Self.busyTime)
    }

    private func handle(_ event: Event) {
        switch event {
        case .tick:
            perform(machine.tick(now: clock))
            checkLimits()
            agenda.add(.tick, at: now + (isCalm ? Self.calmTick : Self.tick))
        case .arrival: arrival()
        case .patienceOver(let request): patienceOver(request)
        case .answered(let request): answered(request)
        case .streamOver(let request): streamOver(request)
        case .spawned(let worker): spawned(worker)
        case .booted(let worker): booted(worker)
        case .judged(let worker, let isGood): judged(worker, isGood)
        case .probed(let worker, let isGood): perform(machine.workerProbed(worker, isGood ? nil : crash, now: clock))
        case .worked(let worker): perform(machine.workerWorked(worker, nil, now: clock))
        case .died(let worker): died(worker)
        case .reaped(let worker): reaped(worker)
        case .measured(let worker, let bytes): measured(worker, bytes)
        case .person: person()
        case .resumed(let app): resumed(app)
        case .generationBooted(let app, let generation): generationBooted(app, generation)
        case .clockJump: now = now + span(3000...60_000)
        case .calm: calm()
        case .lastRequests: lastRequests()
        case .shutdown: shutdown()
        case .end: end()
        }
    }

    /// Usually right; now and then behind.
    var clock: Instant {
        chance(1) && !isCalm ? Instant(nanoseconds: max(1, now.nanoseconds - 2_000_000_000)) : now
    }

    func perform(_ actions: [PoolAction]) {
        for action in actions {
            if traces { trace.append("    \(description(of: action))") }
            switch action {
            case .spawn(let worker, let generation, let spec): spawn(worker, generation, spec)
            case .prove(let endpoint): prove(endpoint)
            case .greet(let endpoint): check(false, "\(endpoint.worker) was adopted from nobody")
            case .probe(let endpoint): probe(endpoint)
            case .work(let endpoint): work(endpoint)
            case .stop(let worker, _, let grace): stop(worker, grace: grace)
            case .endStreams: break  // they end by themselves
            case .grant(let checkout, let claim): granted(waiters[ObjectIdentifier(checkout.waiter)] ?? 0, claim)
            case .refuse(let checkout, _): refused(waiters[ObjectIdentifier(checkout.waiter)] ?? 0)
            case .event(let event): happened(event)
            case .bootFinished(let id, let result): bootFinished(id, result)
            case .waitFinished: break
            }
        }
    }

    private func description(of action: PoolAction) -> String {
        switch action {
        case .spawn(let worker, let generation, _): "spawn \(worker) of \(generation)"
        case .prove(let endpoint): "prove \(endpoint.worker)"
        case .probe(let endpoint): "probe \(endpoint.worker)"
        case .stop(let worker, _, let grace): "stop \(worker) within \(grace)"
        case .grant(_, let claim): "grant \(claim.endpoint.worker)"
        case .event(let event): "\(event.app) \(event.kind)"
        default: "\(action)"
        }
    }

    // MARK: Rules

    func check(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { violations.append("\(now.nanoseconds / 1_000_000) ms: \(message())") }
    }

    /// Live workers of all apps within max_pool_size, those that boot beside them within the surge; each generation may
    /// have one in any case, and one more while it replaces one.
    private func checkLimits() {
        let limits = machine.context.limits
        var (live, beside, besides) = (0, 0, 0)
        for app in machine.apps {
            for generation in app.generations where generation.state.keepsWorkers {
                let worn =
                    generation.slots.contains {
                        machine.context.workers[$0].isWorn || machine.context.workers[$0].isDueToWork
                    } ? 1 : 0
                let kept = generation.count(in: machine.context.workers) { $0.state.isKept } - worn
                check(kept <= generation.target, "\(generation.number) has \(kept) workers, not \(generation.target)")
                if generation.state == .live || generation.isPending { live += kept }
                if generation.isBesideLive { (beside, besides) = (beside + kept, besides + 1) }
            }
        }
        check(live <= limits.maxPoolSize + machine.apps.count - 1, "\(live) live workers")
        check(beside <= limits.maxSurge + max(0, besides - 1), "\(beside) workers beside")
    }

    private func calm() {
        isCalm = true
        for app in paused.sorted() { resumed(app) }
        agenda.add(.lastRequests, at: now + Self.calmTime)
    }

    /// No app starves: whoever asks now is served, or told that a restart has failed.
    private func lastRequests() {
        for app in machine.apps {
            check(app.queue.isEmpty, "\(app.name) has \(app.queue.count) requests waiting")
            guard let position = app.scaledPosition else { return check(false, "\(app.name) has nothing live") }
            let generation = app.generations[position]
            let available = generation.available(in: machine.context.workers)
            check(available >= min(app.floor(position), generation.target), "\(app.name) has \(available) workers")
            ask(app.index.rawValue, isLast: !failedRestarts.contains(app.index.rawValue))
        }
        agenda.add(.shutdown, at: now + .seconds(5))
    }

    private func shutdown() {
        for (number, request) in requests.sorted(by: { $0.key < $1.key }) where request.isLast {
            check(request.wasGranted, "request \(number) of a calm app was not served")
        }
        perform(machine.shutdown(within: .seconds(2), hurry: chance(30), now: clock))
        agenda.add(.end, at: now + .seconds(20))
    }

    /// Whatever happened before: everything ends, and nothing was forgotten.
    private func end() {
        isOver = true
        check(processes.isEmpty, "processes are left: \(processes.keys.sorted())")
        check(machine.apps.allSatisfy { $0.generations.isEmpty }, "generations are left")
        check(deploys.isEmpty, "a boot never ended")
        for (number, request) in requests.sorted(by: { $0.key < $1.key }) where !request.isAnswered {
            check(false, "request \(number) was never answered")
        }
    }

    // MARK: Chance

    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    func span(_ milliseconds: ClosedRange<Int>) -> Duration {
        .milliseconds(Int.random(in: milliseconds, using: &random))
    }
    /// A fault: rare, and never again once it is calm.
    func goesWrong(_ percent: Int) -> Bool { !isCalm && chance(percent) }
}
