import Glibc
import Model
import Pool
import Synchronization

// What a checkout and its checkin cost on the pool as the gateway calls it, lock and all, by the number of workers. Prints a
// line for each number: workers, nanoseconds. `scripts/bench pool` builds and runs it.

/// Boots workers at once.
final class Boots: PoolDelegate {
    let pool: Pool
    init(pool: Pool) { self.pool = pool }

    func spawnWorker(_ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec) {
        pool.workerSpawned(worker, pid: 1)
        pool.workerBooted(
            worker, address: .unix(path: "/run/\(worker)"), wireProtocol: .http, concurrency: 4)
    }
    func proveWorker(_ endpoint: WorkerEndpoint) { pool.workerProved(endpoint.worker, weak: false) }
    func probeWorker(_ endpoint: WorkerEndpoint) {}
    func work(_ endpoint: WorkerEndpoint) {}
    func stopWorker(_ worker: WorkerNumber, endpoint: WorkerEndpoint?, grace: Duration) {}
    func poolEvent(_ event: PoolEvent) {}
}

/// There is always room, so nobody waits.
final class NobodyWaits: CheckoutWaiter {
    func checkoutGranted(_ claim: Claim) { fatalError("granted later") }
    func checkoutRefused(_ refusal: Refusal) { fatalError("refused later") }
}

func now() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

func cost(workers: Int, rounds: Int) -> Double {
    let pool = Pool(limits: PoolLimits(maxPoolSize: workers), now: now)
    let boots = Boots(pool: pool)
    pool.start(delegate: boots)
    let name = AppName(sanitizing: "bench")
    var settings = AppSettings(name: name, directory: "/app", kind: .node)
    settings.pool.minInstances = workers
    settings.pool.maxPoolSize = workers
    settings.pool.maxParallelSpawns = workers
    let app = pool.addApp(name, queue: settings.queue)
    _ = pool.bootLive(app, GenerationSpec(app: name, settings: settings, workers: workers, proof: .handshake))
    let waiter = NobodyWaits()
    func claim() -> Claim {
        guard case .granted(let claim) = pool.checkout(app, waiter: waiter) else { fatalError("no room") }
        return claim
    }
    // Half of what they can take is taken, and given back in no order: buckets are neither empty nor alike.
    var held = (0..<workers * 2).map { _ in claim() }
    var state: UInt64 = 1
    let start = now()
    for _ in 0..<rounds {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let index = Int((state >> 33) % UInt64(held.count))
        pool.checkin(held[index], .ok)
        held[index] = claim()
    }
    return Double((now() - start).wholeNanoseconds) / Double(rounds)
}

for workers in [1, 16, 128, 512] {
    _ = cost(workers: workers, rounds: 20_000)
    // The least of several: what else the machine does only adds to it.
    let least = (0..<5).map { _ in cost(workers: workers, rounds: 400_000) }.min() ?? 0
    print(workers, least)
}
