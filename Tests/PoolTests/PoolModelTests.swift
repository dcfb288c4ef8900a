import Glibc
import Model
import Testing

@testable import Pool

/// Random legal events against the machine and the reference model side by side.
final class PoolWorld {
    var machine: PoolStateMachine
    var model = ReferenceModel()
    var random: SplitMix64
    var now = Instant(nanoseconds: 1)
    var waiters = 0
    var events = 0
    var directories = 0

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        var limits = PoolLimits(maxPoolSize: 6, maxSurge: 5, processors: 2, seed: seed)
        if seed.isMultiple(of: 2) {
            // Requests are sent ahead to whatever is not slower than this.
            limits.pace.longestMean = .seconds(2)
            limits.pace.longestAnswer = .seconds(2)
        }
        machine = PoolStateMachine(limits: limits)
        for number in 0..<2 {
            var queue = QueueSettings()
            queue.maxRequestQueueSize = [0, 3, 10].randomElement(using: &random)!
            queue.maxRequestQueueTime = Bool.random(using: &random) ? .zero : .seconds(3)
            _ = machine.addApp(AppName(sanitizing: "app\(number)"), queue: queue)
            model.apps.append(WorldApp())
        }
    }

    private func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private func duration(_ milliseconds: ClosedRange<Int>) -> Duration {
        .milliseconds(Int.random(in: milliseconds, using: &random))
    }

    private func take(_ actions: [PoolAction]) {
        // Workers that the pool has just chosen to retire are waited for no more.
        for generation in machine.snapshot().apps.flatMap(\.generations) {
            for worker in generation.workers {
                if worker.state == .draining { model.draining.insert(worker.number) }
                if worker.state == .working {
                    model.working.insert(worker.number)
                } else {
                    model.working.remove(worker.number)
                }
            }
        }
        model.take(actions, now: now)
    }

    func step() {
        events += 1
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: checkout()
        case 30..<55: checkin()
        case 55..<59: cancel()
        case 59..<79: worker()
        case 79..<87: time(duration(1...400))
        default: control()
        }
        model.compare(with: machine.snapshot(), now: now)
    }

    // MARK: Requests

    private func checkout() {
        let app = Int.random(in: 0..<model.apps.count, using: &random)
        checkout(app, wish(app))
    }

    private func checkout(_ app: Int, _ wish: CheckoutWish) {
        waiters += 1
        let waiter = TestWaiter(waiters)
        let own = wish.sticky.flatMap { id in model.stickies.first { $0.value == id }?.key }
        let pin = own.flatMap { model.isRouted($0, app) ? $0 : nil }
        let isToldOfFailure = model.apps[app].showsFailure && !model.apps[app].closing && !wish.goesFirst
        let answer = machine.checkout(AppIndex(app), waiter, wish, now: { now })
        if isToldOfFailure {
            let isTold = answer.refusal == .notBooted(summary: syntaxError.summary)
            model.check(isTold, "a request after a failed restart was answered \(answer)")
        }
        switch answer {
        case .granted(let claim):
            model.answered[waiter.number] = 1
            let overtakes = pin == nil && !wish.isUnlimited
            let waits = model.apps[app].queue.contains { $0.pin == nil && !$0.isUnlimited }
            model.check(!overtakes || !waits, "a request overtook the queue")
            model.check(pin == nil || claim.endpoint.worker == pin, "a session lost its worker")
            model.check(claim.takesPlace != wish.isUnlimited, "a claim of the wrong kind")
            model.granted(claim, app: app, mayGoAhead: wish.mayGoAhead, now: now)
        case .queued(let ticket):
            queued(waiter, ticket, app: app, pin: pin, wish)
            take(machine.requestWaits(AppIndex(app), now: { now }))
        case .refused: model.answered[waiter.number] = 1
        }
    }

    private func wish(_ app: Int) -> CheckoutWish {
        var wish = CheckoutWish(sticky: nil, isUnlimited: chance(8))
        wish.mayGoAhead = !wish.isUnlimited && chance(70)
        if chance(25) {
            let known = model.stickies.keys.sorted().filter { model.workers[$0]?.app == app || chance(5) }
            wish.sticky = known.randomElement(using: &random).flatMap { model.stickies[$0] }
        }
        return wish
    }

    private func queued(_ waiter: TestWaiter, _ ticket: Ticket, app: Int, pin: WorkerNumber?, _ wish: CheckoutWish) {
        let isUnlimited = wish.isUnlimited
        let pin = isUnlimited ? nil : pin
        let serving = model.workers.keys.filter { model.isRouted($0, app) }
        if model.apps[app].isPaused {
            // It waits in any case.
        } else if isUnlimited {
            model.check(serving.isEmpty, "a request waits for a place that it does not need")
        } else if let pin {
            model.check(!model.hasRoom(pin), "a request waits for its worker although that has room")
        } else {
            model.check(!serving.contains { model.hasRoom($0) }, "a request waits although a worker has room")
        }
        let request = WorldRequest(
            waiter: waiter, pin: pin, isUnlimited: isUnlimited, mayGoAhead: wish.mayGoAhead)
        model.apps[app].queue.insert(request, at: wish.goesFirst ? 0 : model.apps[app].queue.count)
        model.tickets[waiter.number] = (app, ticket)
    }

    private func checkin() {
        guard let index = model.claims.indices.randomElement(using: &random),
            model.claims[index].until <= now || chance(3)
        else { return }
        if !model.claims[index].isStream, chance(15) { return becomeStream(index) }
        if chance(5) {
            machine.workerWantsWork(model.claims[index].claim)
            let number = model.claims[index].claim.endpoint.worker
            if model.workers[number]?.isSession == true { model.workers[number]?.wantsWork = true }
        }
        if chance(20), recall(index) { return }
        let ended = model.claims.remove(at: index)
        let claim = ended.claim
        let number = claim.endpoint.worker
        let isThere = model.workers[number] != nil
        let isStream = ended.isStream || !claim.takesPlace
        if isThere, isStream { model.workers[number]?.streams -= 1 }
        if isThere, !isStream { model.workers[number]?.claims -= 1 }
        if ended.isStream {
            take(machine.streamEnded(claim, now: { now }).rest)
        } else if chance(4) {
            let serves = isThere && model.workers[number]?.deadBy == nil && !isDraining(number) && !works(number)
            if serves { model.workers[number]?.suspected = true }
            take(machine.checkinUnreachable(claim, now: now))
        } else if chance(4) {
            overdue(claim)
        } else {
            let outcome = [ExchangeOutcome.ok, .appError, .gatewayError, .notForwarded].randomElement(using: &random)!
            let (handOver, rest) = machine.checkin(claim, outcome, now: { now })
            take(handOver, rest)
        }
    }

    /// Its worker has not read it, and it asks for another.
    private func recall(_ index: Int) -> Bool {
        let world = model.claims[index]
        guard world.mayGoAhead, !world.isStream, machine.mayRecall(world.claim) else { return false }
        model.claims.remove(at: index)
        model.workers[world.claim.endpoint.worker]?.claims -= 1
        let (handOver, rest) = machine.checkin(world.claim, .notForwarded, now: { now })
        take(handOver, rest)
        checkout(world.claim.endpoint.app.rawValue, CheckoutWish(goesFirst: true))
        return true
    }

    private func overdue(_ claim: Claim) {
        let number = claim.endpoint.worker
        if let worker = model.workers[number], worker.deadBy == nil, !isDraining(number) {
            if worker.isSession {
                model.workers[number]?.isRetiredAlone = true
            } else {
                model.workers[number]?.suspected = true
            }
        }
        take(machine.checkinOverdue(claim, now: now))
    }

    private func becomeStream(_ index: Int) {
        let claim = model.claims[index].claim
        let number = claim.endpoint.worker
        model.claims[index].isStream = true
        model.claims[index].until = now + duration(0...6000)
        let isThere = model.workers[number] != nil
        if isThere, claim.takesPlace {
            model.workers[number]?.claims -= 1
            model.workers[number]?.streams += 1
        }
        let (handOver, rest, left) = machine.becomeStream(claim, .ok, now: { now })
        model.check(left == nil || isThere, "a dead worker's streams have time left")
        let isEnding = isThere && (isDraining(number) || model.workers[number]?.deadBy != nil)
        model.check(left != nil || !isEnding, "no end was named")
        take(handOver, rest)
    }

    private func take(_ handOver: (QueuedCheckout, Claim)?, _ rest: [PoolAction]) {
        if let (next, claim) = handOver {
            let app = claim.endpoint.app.rawValue
            let request = model.answeredQueued(next.waiter as! TestWaiter, claim, app: app)
            model.granted(claim, app: app, mayGoAhead: request?.mayGoAhead ?? false, now: now)
        }
        take(rest)
    }

    private func isDraining(_ number: WorkerNumber) -> Bool { model.draining.contains(number) }

    private func cancel() {
        guard let (number, place) = model.tickets.min(by: { $0.key < $1.key }) else { return }
        let waiter = model.apps[place.app].queue.randomElement(using: &random)!.waiter
        let ticket = model.tickets[waiter.number]?.ticket ?? model.tickets[number]!.ticket
        model.apps[place.app].queue.removeAll { $0.waiter === waiter }
        model.tickets[waiter.number] = nil
        model.answered[waiter.number] = 1
        let (cancelled, actions) = machine.cancel(ticket, now: now)
        model.check(cancelled, "a queued request could not be cancelled")
        take(actions)
    }

    // MARK: Workers

    private func worker() {
        let alive = model.workers.keys.sorted()
        guard let number = alive.randomElement(using: &random), let worker = model.workers[number] else { return }
        if chance(worker.deadBy == nil ? 3 : 30) { return exit(number) }
        if chance(4) { return memory(number) }
        if worker.isProbed, chance(60) { return probed(number) }
        if worker.works, chance(60) { return worked(number) }
        switch worker.stage {
        case .asked:
            model.workers[number]?.stage = .started
            take(machine.workerSpawned(number, pid: Int32(number.rawValue), now: now))
        case .started: ready(number)
        case .ready, .proved:
            guard worker.owesProof else { return }
            model.workers[number]?.owesProof = false
            if chance(90) { proved(number) } else { take(machine.workerUnhealthy(number, crash, now: now)) }
        }
    }

    private func ready(_ number: WorkerNumber) {
        let concurrency = Int.random(in: 0...3, using: &random)
        let worker = model.workers[number]!
        let byHandshake = model.apps[worker.app].generations[worker.generation]?.spec.proof == .handshake
        model.workers[number]?.stage = byHandshake ? .proved : .ready
        let isSession = chance(70)
        model.workers[number]?.concurrency = concurrency
        model.workers[number]?.isSession = isSession
        take(
            machine.workerBooted(
                number, address: .tcp(port: 1), wireProtocol: isSession ? .session : .http, concurrency: concurrency,
                now: now))
    }

    /// Those that serve go on doing so over the first limit, and nobody does over the second.
    private func memory(_ number: WorkerNumber) {
        let bytes = [50, 150, 250].randomElement(using: &random)!
        let hard = model.apps[model.workers[number]!.app].generations[model.workers[number]!.generation]!
            .spec.settings.pool.hardMemoryLimit
        // Then it is stopped whatever it does.
        if hard > 0, bytes >= hard { model.workers[number]?.isRetiredAlone = true }
        take(machine.workerMemory(number, bytes: bytes, now: now))
        let isStopped = model.workers[number]?.deadBy != nil
        model.check(hard == 0 || bytes < hard || isStopped, "a worker lives on over the hard limit")
    }

    private func worked(_ number: WorkerNumber) {
        model.workers[number]?.works = false
        model.workers[number]?.wantsWork = false
        take(machine.workerWorked(number, chance(80) ? nil : crash, now: now))
    }

    private func probed(_ number: WorkerNumber) {
        model.workers[number]?.isProbed = false
        take(machine.workerProbed(number, chance(60) ? nil : crash, now: now))
    }

    private func proved(_ number: WorkerNumber) {
        model.workers[number]?.stage = .proved
        model.workers[number]?.suspected = false
        take(machine.workerProved(number, weak: chance(10), now: now))
    }

    private func exit(_ number: WorkerNumber) {
        model.workers[number] = nil
        take(machine.workerExited(number, chance(50) ? crash : syntaxError, now: now))
    }

    /// Processes that were stopped are dead when their grace is over.
    private func time(_ step: Duration) {
        let end = now + step
        while now < end {
            now = min(end, now + .milliseconds(100))
            let dead = model.workers.filter { ($0.value.deadBy ?? .distantFuture) <= now }
            for number in dead.keys.sorted() { exit(number) }
            for number in model.workers.filter({ $0.value.isProbed }).keys.sorted() where chance(20) { probed(number) }
            take(machine.tick(now: now))
        }
    }

    // MARK: Deploys

    private func control() {
        let app = Int.random(in: 0..<model.apps.count, using: &random)
        let known = model.apps[app].generations.filter { $0.value.drainBy == nil }.keys.sorted()
        guard let number = known.randomElement(using: &random) else { return boot(app) }
        let index = AppIndex(app)
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<4: boot(app)
        case 4..<9: switchTraffic(app, known)
        case 9..<12: drain(app, number)
        case 12: take(machine.park(number, of: index, workers: Int.random(in: 0...3, using: &random), now: now))
        case 13..<15: take(machine.scale(number, of: index, workers: Int.random(in: 0...5, using: &random), now: now))
        case 15: cancelBoot()
        case 17 where chance(60): pause(app)
        case 18 where chance(30): detach(app)
        case 18 where chance(50): take(machine.setScale(index, workers: chance(50) ? nil : 2, now: now))
        case 16: wait(.ready(index, number, workers: 2, deadline: now + .seconds(2)))
        case 17: wait(.gone(index, number))
        case 18 where chance(1): remove(app)
        case 19 where chance(30): restartFailed(app)
        default: time(duration(500...3000))
        }
    }

    private func spec() -> GenerationSpec {
        directories += 1  // so that no two generations have the same spec, and the model tells them apart
        let proof: Proof = chance(70) ? .health : .handshake
        let workers = Int.random(in: 1...4, using: &random)
        return makeSpec(workers: workers, proof: proof, directory: "/releases/\(directories)") {
            $0.pool.maxParallelSpawns = Int.random(in: 0...3, using: &random)
            $0.pool.minInstances = Int.random(in: 0...2, using: &random)
            if chance(50) { $0.health.path = "/up" }
            $0.health.afterSwitchInterval = duration(200...2000)
            $0.health.timeout = .seconds(3600)
            $0.pool.maxRequests = [0, 0, 4, 30].randomElement(using: &random)!
            $0.pool.memoryLimit = [0, 100].randomElement(using: &random)!
            $0.pool.hardMemoryLimit = [0, 200].randomElement(using: &random)!
            $0.pool.maxInstances = [0, 0, 3].randomElement(using: &random)!
            $0.pool.poolIdleTime = [.zero, .milliseconds(300), .seconds(3)].randomElement(using: &random)!
            $0.pool.stopTimeout = duration(500...4000)
            $0.deploy.drainTimeout = duration(500...4000)
            $0.deploy.streamDrain = duration(0...6000)
        }
    }

    private func boot(_ app: Int) {
        guard machine.apps[app].generations.count < 4, !model.apps[app].closing else { return }
        let spec = spec()
        // The number is known only afterwards, but the spawns are told at once.
        let number = GenerationNumber(machine.apps[app].peekGeneration)
        if model.apps[app].generations.isEmpty || (model.apps[app].live == nil && chance(20)) {
            var spec = spec
            if chance(20) { spec.workers = 0 }
            model.apps[app].generations[number] = WorldGeneration(spec: spec)
            let (actual, actions) = machine.bootLive(AppIndex(app), spec, now: now)
            model.check(actual == number, "numbers count up")
            take(actions)
        } else {
            let wait = machine.makeWait()
            model.openBoots.insert(wait)
            model.apps[app].generations[number] = WorldGeneration(spec: spec, boot: wait)
            let (actual, actions) = machine.boot(AppIndex(app), spec, wait: wait, now: now)
            model.check(actual == number, "numbers count up")
            take(actions)
        }
    }

    private func switchTraffic(_ app: Int, _ known: [GenerationNumber]) {
        let proved = known.filter { number in
            guard let generation = model.apps[app].generations[number], generation.drainBy == nil else { return false }
            return generation.wasLive || (generation.boot.map { !model.openBoots.contains($0) } ?? false)
        }
        guard !model.apps[app].closing, let target = proved.randomElement(using: &random) else { return }
        let before = model.apps[app].live
        let (previous, actions) = machine.switchTraffic(AppIndex(app), to: target, now: now)
        let switched = machine.apps[app].table.primary == target
        model.check(switched || !hasAvailable(app, target), "a generation with a worker did not get the traffic")
        model.check(!switched || previous == (before == target ? nil : before), "the wrong previous generation")
        if switched, before != target {
            for number in known where number != target && model.apps[app].generations[number]!.boot == nil {
                let generation = model.apps[app].generations[number]!
                if !generation.wasLive, generation.drainBy == nil {
                    model.apps[app].generations[number]!.drainBy = now
                    model.apps[app].generations[number]!.streamsBy = now
                }
            }
        }
        take(actions)
    }

    private func hasAvailable(_ app: Int, _ generation: GenerationNumber) -> Bool {
        model.workers.contains { number, worker in
            worker.app == app && worker.generation == generation && worker.stage == .proved && !worker.suspected
                && worker.deadBy == nil && !isDraining(number) && !works(number)
        }
    }

    private func works(_ number: WorkerNumber) -> Bool { model.working.contains(number) }

    private func drain(_ app: Int, _ number: GenerationNumber) {
        guard model.apps[app].live != number else { return }
        let within = chance(30) ? .zero : duration(100...5000)
        let by = now + within
        model.apps[app].generations[number]!.drainBy =
            min(by, model.apps[app].generations[number]!.drainBy ?? .distantFuture)
        let streams =
            chance(20) ? duration(0...2000) : model.apps[app].generations[number]!.spec.settings.deploy.streamDrain
        let streamsBy =
            model.apps[app].generations[number]!.boot.map(model.openBoots.contains) == true ? now : now + streams
        model.apps[app].generations[number]!.streamsBy = streamsBy
        // A live boot that was discarded by a switch drains already, and its streams were told of then.
        let drainsAlready =
            machine.apps[app].generations.first { $0.number == number }?.state == .draining
        let actions = machine.drain(number, of: AppIndex(app), within: within, streams: streams, now: now)
        let has = model.workers.values.contains { $0.app == app && $0.generation == number && $0.streams > 0 }
        let told = actions.contains { if case .endStreams(_, number, nil, _) = $0 { true } else { false } }
        model.check(told == has || drainsAlready, "streams of a draining generation, and nobody is to end them")
        take(actions)
    }

    /// For no longer than other things happen.
    private func pause(_ app: Int) {
        guard !model.apps[app].closing else { return }
        if model.apps[app].isPaused {
            model.apps[app].isPaused = false
            take(machine.resume(AppIndex(app), now: now))
        } else {
            take(machine.pause(AppIndex(app), hold: duration(100...5000), now: now))
            model.apps[app].isPaused = true
        }
    }

    private func restartFailed(_ app: Int) {
        machine.apps[app].restartFailed(syntaxError)
        if model.apps[app].live != nil, !model.apps[app].closing { model.apps[app].showsFailure = true }
    }

    private func detach(_ app: Int) {
        let own = machine.snapshot().apps.first { $0.index.rawValue == app }?.generations.flatMap(\.workers) ?? []
        guard let pid = own.compactMap(\.pid).randomElement(using: &random) else { return }
        let (answer, actions) = machine.detach(AppIndex(app), pid: pid, now: now)
        model.check(answer != nil, "a worker could not be detached")
        take(actions)
    }

    private func cancelBoot() {
        guard let wait = model.openBoots.min(by: { $0.rawValue < $1.rawValue }) else { return }
        take(machine.cancel(wait, now: now))
    }

    private func wait(_ goal: Wait.Goal) {
        let id = machine.makeWait()
        model.openWaits.insert(id)
        take(machine.wait(id, for: goal, now: now))
    }

    private func remove(_ app: Int) {
        if model.apps[app].isPaused { pause(app) }
        model.apps[app].closing = true
        take(machine.removeApp(AppIndex(app), now: now))
    }

    /// Whatever happened before: everything ends, and nothing was forgotten.
    func finish() {
        for app in model.apps.indices where model.apps[app].isPaused { pause(app) }
        for app in model.apps.indices { model.apps[app].closing = true }
        take(machine.shutdown(within: .seconds(5), hurry: chance(20), now: now))
        time(.seconds(12))
        while let last = model.claims.popLast() {
            if last.isStream {
                _ = machine.streamEnded(last.claim, now: { now })
            } else {
                _ = machine.checkin(last.claim, .ok, now: { now })
            }
        }
        model.check(machine.context.workers.count == 0, "workers are left")
        model.check(model.openBoots.isEmpty && model.openWaits.isEmpty, "somebody still waits")
        model.check(model.tickets.isEmpty, "requests were never answered")
        model.check(model.answered.count == waiters, "requests were lost")
        model.check(model.answered.values.allSatisfy { $0 == 1 }, "requests were answered twice")
        model.check(machine.apps.allSatisfy { $0.generations.isEmpty }, "generations are left")
    }
}

extension AppPool {
    /// What `nextGenerationNumber` would give.
    var peekGeneration: UInt32 {
        var copy = self
        return copy.nextGenerationNumber().rawValue
    }
}

struct PoolModelTests {
    static let episodes = (getenv("PASSENGER_LONG_TESTS") != nil ? 20 : 1) * 13
    static let steps = 2000

    /// Four times 26,000 events.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func `a hundred thousand random events break no rule`(part: UInt64) async {
        // POOL_SEED=… repeats a run.
        let given = getenv("POOL_SEED").flatMap { UInt64(String(cString: $0)) }
        let base = (given ?? UInt64.random(in: 1...1_000_000)) + part * 10_000_000
        let sum = await aside {
            (0..<Self.episodes).reduce(into: Outcome()) { $0.add(Self.run(seed: base + UInt64($1))) }
        }
        print("pool model: \(sum.events) events, \(sum.aheads) requests sent ahead, seeds from \(base)")
        #expect(sum.problems.isEmpty)
        #expect(sum.aheads > 0)
        #expect(sum.events >= 25_000)
    }

    /// Put a seed that failed here.
    @Test(arguments: [1, 2] as [UInt64])
    func `a seed can be replayed`(seed: UInt64) async {
        let outcome = await aside { Self.run(seed: seed) }
        #expect(outcome.problems.isEmpty)
        #expect(outcome.events == Self.steps)
    }

    struct Outcome: Sendable {
        var events = 0
        var aheads = 0
        var problems: [String] = []
        mutating func add(_ other: Outcome) {
            events += other.events
            aheads += other.aheads
            problems += other.problems
        }
    }

    static func run(seed: UInt64) -> Outcome {
        let world = PoolWorld(seed: seed)
        func outcome(_ place: String) -> Outcome {
            let violations = world.model.violations
            let problems = violations.isEmpty ? [] : ["seed \(seed), \(place): \(violations)"]
            return Outcome(events: world.events, aheads: world.model.aheads, problems: problems)
        }
        for step in 0..<steps {
            world.step()
            guard world.model.violations.isEmpty else { return outcome("step \(step)") }
        }
        world.finish()
        return outcome("at the end")
    }
}
