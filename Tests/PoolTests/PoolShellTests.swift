import Model
import Synchronization
import Testing

@testable import Pool

/// Spawner, prober and stopper in one: everything succeeds at once, on the thread that asked, unless told otherwise.
final class InstantDelegate: PoolDelegate {
    struct State {
        var alive: Set<WorkerNumber> = []
        var broken: Set<String> = []
        var hanging: Set<String> = []
    }
    let state = Mutex(State())
    let pool: Pool
    let concurrency: Int

    init(pool: Pool, concurrency: Int) {
        self.pool = pool
        self.concurrency = concurrency
        pool.start(delegate: self)
    }

    func spawnWorker(_ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec) {
        let directory = spec.settings.directory
        let (broken, hanging) = state.withLock { state in
            state.alive.insert(worker)
            return (state.broken.contains(directory), state.hanging.contains(directory))
        }
        pool.workerSpawned(worker, pid: Int32(worker.rawValue))
        if hanging { return }
        if broken { return exit(worker) }
        pool.workerBooted(worker, address: .unix(path: "w"), wireProtocol: .session, concurrency: concurrency)
    }
    func proveWorker(_ endpoint: WorkerEndpoint) { pool.workerProved(endpoint.worker, weak: false) }
    func work(_ endpoint: WorkerEndpoint) { pool.workerWorked(endpoint.worker, nil) }
    func probeWorker(_ endpoint: WorkerEndpoint) { pool.workerProbed(endpoint.worker, nil) }
    func stopWorker(_ worker: WorkerNumber, endpoint: WorkerEndpoint?, grace: Duration) { exit(worker) }
    func poolEvent(_ event: PoolEvent) {}

    /// Stops may be repeated; a process ends once.
    func exit(_ worker: WorkerNumber) {
        guard state.withLock({ $0.alive.remove(worker) != nil }) else { return }
        pool.workerExited(worker, syntaxError)
    }
}

/// A client that asks again as soon as it was answered, like a kept-alive connection under load.
final class BusyClient: CheckoutWaiter {
    struct Counts {
        var granted = 0
        var refused = 0
    }
    let pool: Pool
    let app: AppIndex
    private let counts = Mutex(Counts())
    private let waiting = Mutex<CheckedContinuation<Claim?, Never>?>(nil)
    private let early = Mutex<Claim??>(nil)

    init(pool: Pool, app: AppIndex) {
        self.pool = pool
        self.app = app
    }

    var totals: (granted: Int, refused: Int) { counts.withLock { ($0.granted, $0.refused) } }

    func checkoutGranted(_ claim: Claim) { answer(claim) }
    func checkoutRefused(_ refusal: Refusal) { answer(nil) }

    private func answer(_ claim: Claim?) {
        // The answer may come before the asker has begun to wait.
        let continuation = waiting.withLock { waiting in
            if waiting == nil { early.withLock { $0 = .some(claim) } }
            defer { waiting = nil }
            return waiting
        }
        continuation?.resume(returning: claim)
    }

    func run(requests: Int, meanwhile: @Sendable (Claim) -> Void = { _ in }) async {
        for _ in 0..<requests {
            guard let claim = await claim() else {
                counts.withLock { $0.refused += 1 }
                continue
            }
            meanwhile(claim)
            await Task.yield()
            pool.checkin(claim, .ok)
            counts.withLock { $0.granted += 1 }
        }
    }

    private func claim() async -> Claim? {
        switch pool.checkout(app, waiter: self) {
        case .granted(let claim): return claim
        case .refused: return nil
        case .queued:
            return await withCheckedContinuation { continuation in
                waiting.withLock { waiting in
                    if let claim = early.withLock({ $0.take() }) {
                        continuation.resume(returning: claim)
                    } else {
                        waiting = continuation
                    }
                }
            }
        }
    }
}

/// Among other tests each step of a task waits its turn: minutes are for a hang.
@Suite(.timeLimit(.minutes(5)))
struct PoolShellTests {
    private func makePool(concurrency: Int = 1) -> (pool: Pool, delegate: InstantDelegate, clock: TestClock) {
        let clock = TestClock()
        var limits = PoolLimits(maxPoolSize: 8)
        limits.checksInvariants = true
        let pool = Pool(limits: limits, now: { clock.now })
        return (pool, InstantDelegate(pool: pool, concurrency: concurrency), clock)
    }

    @Test func `clients on many threads lose nothing while generations come and go`() async throws {
        let (pool, delegate, _) = makePool()
        let app = pool.addApp(AppName(sanitizing: "blog"), queue: QueueSettings())
        let first = try await pool.boot(app, makeSpec(workers: 3))
        pool.switchTraffic(app, to: first.number)
        let clients = (0..<16).map { _ in BusyClient(pool: pool, app: app) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { await client.run(requests: 500) } }
            group.addTask {
                for _ in 0..<40 {
                    let next = try await pool.boot(app, makeSpec(workers: 3))
                    let old = pool.switchTraffic(app, to: next.number)
                    #expect(pool.liveGeneration(app) == next.number)
                    if let old {
                        pool.drain(old, of: app, within: .seconds(60))
                        await pool.waitUntilGone(old, of: app)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(clients.map(\.totals.granted) == Array(repeating: 500, count: 16))
        await pool.shutdown(within: .seconds(1), hurry: false)
        #expect(delegate.state.withLock { $0.alive }.isEmpty)
        #expect(pool.snapshot().apps[0].totals.switches == 41)
    }

    @Test func `workers that die under load are replaced, and every request is answered`() async throws {
        let (pool, delegate, clock) = makePool(concurrency: 2)
        let app = pool.addApp(AppName(sanitizing: "blog"), queue: QueueSettings())
        _ = pool.bootLive(app, makeSpec(workers: 3))
        let clients = (0..<8).map { _ in BusyClient(pool: pool, app: app) }
        await withTaskGroup(of: Void.self) { group in
            for client in clients {
                group.addTask {
                    await client.run(requests: 150) { claim in
                        if clock.advance(.milliseconds(1)) % 50 == 0 { delegate.exit(claim.endpoint.worker) }
                    }
                }
            }
            // The shell's timer, as fast as it will go: back-offs pass while everybody waits.
            let timer = Task {
                while !Task.isCancelled {
                    clock.advance(.milliseconds(20))
                    pool.tick()
                    await Task.yield()
                }
            }
            await group.waitForAll()
            timer.cancel()
        }
        #expect(clients.allSatisfy { $0.totals.granted + $0.totals.refused == 150 })
        #expect(pool.snapshot().apps[0].totals.crashes > 0)
        #expect(pool.snapshot().apps[0].queueLength == 0)
        await pool.shutdown(within: .seconds(1), hurry: true)
    }

    @Test func `a broken release is refused with its reason`() async throws {
        let (pool, delegate, clock) = makePool()
        delegate.state.withLock { _ = $0.broken.insert("/broken") }
        let app = pool.addApp(AppName(sanitizing: "blog"), queue: QueueSettings())
        let booting = Task { try await pool.boot(app, makeSpec(directory: "/broken")) }
        while pool.failureToShow(app) == nil { await Task.yield() }
        clock.advance(.seconds(1))
        pool.tick()
        let failure = await #expect(throws: GenerationFailure.self) { try await booting.value }
        #expect(failure?.failure == syntaxError)
        #expect(failure?.failures == 2)
        #expect(pool.generationCount(app) == 0)
    }

    @Test func `cancelling the task gives up the boot`() async throws {
        let (pool, delegate, _) = makePool()
        delegate.state.withLock { _ = $0.hanging.insert("/hangs") }
        let app = pool.addApp(AppName(sanitizing: "blog"), queue: QueueSettings())
        let booting = Task { try await pool.boot(app, makeSpec(directory: "/hangs")) }
        while pool.generationCount(app) == 0 { await Task.yield() }
        booting.cancel()
        let failure = await #expect(throws: GenerationFailure.self) { try await booting.value }
        #expect(failure?.failure.step == "aborted")
        #expect(delegate.state.withLock { $0.alive }.isEmpty)
    }

    @Test func `a task that was cancelled before boots nothing`() async throws {
        let (pool, delegate, _) = makePool()
        delegate.state.withLock { _ = $0.hanging.insert("/hangs") }
        let app = pool.addApp(AppName(sanitizing: "blog"), queue: QueueSettings())
        let booting = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await pool.boot(app, makeSpec(directory: "/hangs"))
        }
        booting.cancel()
        await #expect(throws: GenerationFailure.self) { try await booting.value }
        #expect(pool.generationCount(app) == 0)
    }
}

/// Moves when told.
final class TestClock: Sendable {
    private let time = Atomic<Int64>(1)
    private let moves = Atomic(0)
    var now: Instant { Instant(nanoseconds: time.load(ordering: .relaxed)) }

    /// How often it was moved so far.
    @discardableResult
    func advance(_ duration: Duration) -> Int {
        time.add(duration.wholeNanoseconds, ordering: .relaxed)
        return moves.add(1, ordering: .relaxed).newValue
    }
}
