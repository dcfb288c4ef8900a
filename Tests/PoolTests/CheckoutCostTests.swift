import Model
import Testing

@testable import Pool

/// Not a timed test: it prints what a checkout and its checkin cost, and that the cost does not grow with the workers.
struct CheckoutCostTests {
    @Test(arguments: [1, 16, 128, 512])
    func `what a checkout costs`(workers: Int) throws {
        var limits = PoolLimits(maxPoolSize: workers)
        limits.checksInvariants = false
        let pool = Harness(limits: limits)
        _ = pool.live(makeSpec(workers: workers) { $0.pool.maxParallelSpawns = workers }, concurrency: 4)
        // Half of what they can take is taken, in no order, so that buckets are neither empty nor alike.
        var random = SplitMix64(seed: 1)
        var held = try (0..<(workers * 2)).map { _ in try pool.claim() }
        let rounds = 20_000
        let waiter = TestWaiter()
        let start = ContinuousClock.now
        for _ in 0..<rounds {
            let index = Int(random.next() % UInt64(held.count))
            _ = pool.machine.checkin(held[index], .ok, now: { pool.now })
            guard case .granted(let claim) = pool.machine.checkout(pool.app, waiter, now: { pool.now }) else {
                Issue.record("a worker has room")
                return
            }
            held[index] = claim
        }
        let cost = (ContinuousClock.now - start).wholeNanoseconds / Int64(rounds)
        print("checkout and checkin, \(workers) workers: \(cost) ns")
    }

    @Test func `the least busy worker is found among five hundred`() throws {
        let pool = Harness(limits: PoolLimits(maxPoolSize: 500))
        pool.machine.assertInvariants()
        _ = pool.live(makeSpec(workers: 500) { $0.pool.maxParallelSpawns = 500 }, concurrency: 2)
        let first = try (0..<500).map { _ in try pool.claim() }
        #expect(Set(first.map(\.endpoint.worker)).count == 500)
        pool.checkin(first[123])
        #expect(try pool.claim() == first[123])
    }
}
