import Model
import Synchronization
import Testing

@testable import Pool

/// Remembers how its checkout was answered.
final class TestWaiter: CheckoutWaiter {
    enum Answer: Equatable {
        case granted(Claim)
        case refused(Refusal)
    }
    let number: Int
    private let store = Mutex<[Answer]>([])
    init(_ number: Int = 0) { self.number = number }
    var answers: [Answer] { store.withLock { $0 } }
    func checkoutGranted(_ claim: Claim) { store.withLock { $0.append(.granted(claim)) } }
    func checkoutRefused(_ refusal: Refusal) { store.withLock { $0.append(.refused(refusal)) } }
}

func makeSpec(
    workers: Int = 1, proof: Proof = .health, directory: String = "/app",
    _ adjust: (inout AppSettings) -> Void = { _ in }
) -> GenerationSpec {
    let name = AppName(sanitizing: "blog")
    var settings = AppSettings(name: name, directory: directory, kind: .rack)
    settings.pool.startTimeout = .seconds(5)
    settings.pool.stopTimeout = .seconds(3)
    settings.pool.maxParallelSpawns = 8
    settings.deploy.drainTimeout = .seconds(20)
    adjust(&settings)
    return GenerationSpec(app: name, settings: settings, workers: workers, proof: proof)
}

extension CheckoutAnswer {
    var refusal: Refusal? { if case .refused(let refusal) = self { refusal } else { nil } }
}

let crash = BootFailure(step: "exited", summary: "signal 9", exit: .signalled(9, dumpedCore: false))
let syntaxError = BootFailure(step: "load_app", summary: "SyntaxError: unexpected end", outputTail: ["app.rb:3"])

/// The machine, a clock that only moves when told, and everything it ever wanted done.
final class Harness {
    struct Stop: Equatable {
        var worker: WorkerNumber
        var grace: Duration
    }

    var machine: PoolStateMachine
    var now = Instant(nanoseconds: 1_000_000_000)
    var app = AppIndex(0)
    struct StreamsEnd: Equatable {
        var generation: GenerationNumber
        var worker: WorkerNumber?
        var window: Duration
    }
    private(set) var streamEnds: [StreamsEnd] = []
    private(set) var spawned: [WorkerNumber] = []
    private(set) var proofs: [WorkerNumber] = []
    private(set) var probes: [WorkerNumber] = []
    private(set) var works: [WorkerNumber] = []
    private(set) var stops: [Stop] = []
    private(set) var granted: [(waiter: TestWaiter, claim: Claim)] = []
    private(set) var greetings: [WorkerEndpoint] = []
    private(set) var refused: [(waiter: TestWaiter, refusal: Refusal)] = []
    private(set) var events: [PoolEvent.Kind] = []
    private(set) var boots: [WaitID: Result<BootedGeneration, GenerationFailure>] = [:]
    private(set) var waits: [WaitID: Bool] = [:]

    init(limits: PoolLimits = PoolLimits(maxPoolSize: 16), queue: QueueSettings = QueueSettings()) {
        machine = PoolStateMachine(limits: limits)
        app = machine.addApp(AppName(sanitizing: "blog"), queue: queue)
    }

    func take(_ actions: [PoolAction]) {
        for action in actions {
            switch action {
            case .spawn(let worker, _, _): spawned.append(worker)
            case .prove(let endpoint): proofs.append(endpoint.worker)
            case .greet(let endpoint): greetings.append(endpoint)
            case .probe(let endpoint): probes.append(endpoint.worker)
            case .work(let endpoint): works.append(endpoint.worker)
            case .stop(let worker, _, let grace): stops.append(Stop(worker: worker, grace: grace))
            case .endStreams(_, let generation, let worker, let window):
                streamEnds.append(StreamsEnd(generation: generation, worker: worker, window: window))
            case .grant(let checkout, let claim): grant(checkout, claim)
            case .refuse(let checkout, let refusal):
                checkout.waiter.checkoutRefused(refusal)
                refused.append((checkout.waiter as! TestWaiter, refusal))
            case .event(let event): events.append(event.kind)
            case .bootFinished(let id, let result):
                #expect(boots[id] == nil, "a boot ended twice")
                boots[id] = result
            case .waitFinished(let id, let result):
                #expect(waits[id] == nil, "a wait ended twice")
                waits[id] = result
            }
        }
    }

    private func grant(_ checkout: QueuedCheckout, _ claim: Claim) {
        checkout.waiter.checkoutGranted(claim)
        granted.append((checkout.waiter as! TestWaiter, claim))
    }

    func note(_ waiter: TestWaiter, _ claim: Claim) { granted.append((waiter, claim)) }
    func forgetGranted(but kept: Claim?) { granted.removeAll { $0.claim != kept } }

    // MARK: Requests

    func checkout(_ waiter: TestWaiter = TestWaiter(), _ wish: CheckoutWish = .any) -> CheckoutAnswer {
        let answer = machine.checkout(app, waiter, wish, now: { now })
        if case .queued = answer { take(machine.requestWaits(app, now: { now })) }
        return answer
    }
    /// A claim that must be granted at once.
    func claim(_ wish: CheckoutWish = .any, sourceLocation: SourceLocation = #_sourceLocation) throws -> Claim {
        let answer = checkout(TestWaiter(), wish)
        guard case .granted(let claim) = answer else {
            Issue.record("not granted: \(answer)", sourceLocation: sourceLocation)
            throw BootFailure(step: "test", summary: "no claim")
        }
        return claim
    }
    @discardableResult
    func queue(
        _ waiter: TestWaiter, _ wish: CheckoutWish = .any, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Ticket {
        let answer = checkout(waiter, wish)
        guard case .queued(let ticket) = answer else {
            Issue.record("not queued: \(answer)", sourceLocation: sourceLocation)
            throw BootFailure(step: "test", summary: "no ticket")
        }
        return ticket
    }
    func refusal() -> Refusal? {
        if case .refused(let refusal) = checkout() { refusal } else { nil }
    }
    func checkin(_ claim: Claim, _ outcome: ExchangeOutcome = .ok) {
        let (handOver, rest) = machine.checkin(claim, outcome, now: { now })
        if let (next, claim) = handOver { grant(next, claim) }
        take(rest)
    }
    @discardableResult
    func becomeStream(_ claim: Claim, _ outcome: ExchangeOutcome = .ok) -> Duration? {
        let (handOver, rest, left) = machine.becomeStream(claim, outcome, now: { now })
        if let (next, claim) = handOver { grant(next, claim) }
        take(rest)
        return left
    }
    func streamEnded(_ claim: Claim) { take(machine.streamEnded(claim, now: { now }).rest) }
    func unreachable(_ claim: Claim) { take(machine.checkinUnreachable(claim, now: now)) }
    func overdue(_ claim: Claim) { take(machine.checkinOverdue(claim, now: now)) }
    func cancel(_ ticket: Ticket) -> Bool {
        let (cancelled, actions) = machine.cancel(ticket, now: now)
        take(actions)
        return cancelled
    }

    // MARK: Workers

    func booted(_ worker: WorkerNumber, concurrency: Int = 1, wireProtocol: WorkerProtocol = .session) {
        take(machine.workerSpawned(worker, pid: 100 + Int32(worker.rawValue), now: now))
        take(
            machine.workerBooted(
                worker, address: .unix(path: "/run/\(worker)"), wireProtocol: wireProtocol,
                concurrency: concurrency, now: now))
    }
    func proved(_ worker: WorkerNumber, weak: Bool = false) { take(machine.workerProved(worker, weak: weak, now: now)) }
    func unhealthy(_ worker: WorkerNumber, _ failure: BootFailure = crash) {
        take(machine.workerUnhealthy(worker, failure, now: now))
    }
    func exited(_ worker: WorkerNumber, _ failure: BootFailure = crash) {
        take(machine.workerExited(worker, failure, now: now))
    }

    func probed(_ worker: WorkerNumber, _ failure: BootFailure? = nil) {
        take(machine.workerProbed(worker, failure, now: now))
    }
    func worked(_ worker: WorkerNumber, _ failure: BootFailure? = nil) {
        take(machine.workerWorked(worker, failure, now: now))
    }
    func memory(_ worker: WorkerNumber, _ bytes: Int) { take(machine.workerMemory(worker, bytes: bytes, now: now)) }

    // MARK: Generations

    @discardableResult
    func boot(_ spec: GenerationSpec) -> (number: GenerationNumber, wait: WaitID) {
        let wait = machine.makeWait()
        let (number, actions) = machine.boot(app, spec, wait: wait, now: now)
        take(actions)
        return (number, wait)
    }
    func bootLive(_ spec: GenerationSpec) -> GenerationNumber {
        let (number, actions) = machine.bootLive(app, spec, now: now)
        take(actions)
        return number
    }
    @discardableResult
    func switchTraffic(to number: GenerationNumber) -> GenerationNumber? {
        let (previous, actions) = machine.switchTraffic(app, to: number, now: now)
        take(actions)
        return previous
    }
    func drain(_ number: GenerationNumber, within: Duration) {
        take(machine.drain(number, of: app, within: within, now: now))
    }
    func wait(for goal: Wait.Goal) -> WaitID {
        let id = machine.makeWait()
        take(machine.wait(id, for: goal, now: now))
        return id
    }
    /// In steps of the shell's timer.
    func advance(_ duration: Duration) {
        let end = now + duration
        while now < end {
            now = min(end, now + .milliseconds(100))
            take(machine.tick(now: now))
        }
    }

    /// Boots, proves and switches to a generation in no time.
    func live(_ spec: GenerationSpec, concurrency: Int = 1) -> GenerationNumber {
        let number = boot(spec).number
        comeUp(number, concurrency: concurrency)
        switchTraffic(to: number)
        return number
    }
    func comeUp(_ number: GenerationNumber, concurrency: Int = 1) {
        while let worker = workers(number).first(where: { $0.state.isBooting }) {
            booted(worker.number, concurrency: concurrency)
            if state(worker.number) == .proving { proved(worker.number) }
        }
    }

    // MARK: Looking in

    var snapshot: AppSnapshot { machine.snapshot().apps[app.rawValue] }
    func generation(_ number: GenerationNumber) -> GenerationSnapshot? {
        snapshot.generations.first { $0.number == number }
    }
    func workers(_ number: GenerationNumber) -> [WorkerSnapshot] { generation(number)?.workers ?? [] }
    func state(_ worker: WorkerNumber) -> WorkerState? {
        snapshot.generations.flatMap(\.workers).first { $0.number == worker }?.state
    }
    func isStopped(_ worker: WorkerNumber) -> Bool { stops.contains { $0.worker == worker } }
}
