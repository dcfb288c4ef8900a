import Model
import Testing

@testable import Pool

struct SharingTests {
    private let half = 5000

    /// A live generation and a proved one beside it.
    private func two(_ workers: Int = 1, concurrency: Int = 1) -> (Harness, GenerationNumber, GenerationNumber) {
        let pool = Harness()
        let old = pool.live(makeSpec(workers: workers), concurrency: concurrency)
        let new = pool.boot(makeSpec(workers: workers, directory: "/new")).number
        pool.comeUp(new, concurrency: concurrency)
        return (pool, old, new)
    }

    private func share(_ pool: Harness, _ generation: GenerationNumber, _ parts: Int?) {
        pool.take(pool.machine.share(pool.app, with: generation, tenThousandths: parts, now: pool.now))
    }

    @Test func `requests are shared out, and what is live stays what it was`() throws {
        let (pool, old, new) = two(concurrency: 0)
        share(pool, new, 2500)
        var counts: [GenerationNumber: Int] = [:]
        for _ in 0..<2000 { counts[try pool.claim().endpoint.generation, default: 0] += 1 }
        #expect((400...600).contains(counts[new] ?? 0))
        #expect(pool.machine.apps[0].table.primary == old)
        share(pool, new, nil)
        for _ in 0..<50 { #expect(try pool.claim().endpoint.generation == old) }
        #expect(pool.machine.apps[0].generations.first { $0.number == new }?.state == .standby)
    }

    @Test func `a client stays with its version, also when that one is busy`() throws {
        let (pool, old, new) = two()
        share(pool, new, half)
        let mine = CheckoutWish(generation: new)
        let claim = try pool.claim(mine)
        #expect(claim.endpoint.generation == new)
        let waiter = TestWaiter(1)
        try pool.queue(waiter, mine)
        // The other version is free all the while.
        let other = try pool.claim(CheckoutWish(generation: old))
        #expect(other.endpoint.generation == old)
        pool.checkin(other)
        #expect(pool.granted.isEmpty)
        pool.checkin(claim)
        #expect(pool.granted.map(\.claim.endpoint.generation) == [new])
    }

    @Test func `who waits for a version goes to the other one when it is taken back`() throws {
        let (pool, old, new) = two()
        share(pool, new, half)
        _ = try pool.claim(CheckoutWish(generation: new))
        try pool.queue(TestWaiter(1), CheckoutWish(generation: new))
        share(pool, new, nil)
        #expect(pool.granted.map(\.claim.endpoint.generation) == [old])
    }

    @Test func `a version that is not shared with is no wish`() throws {
        let (pool, old, new) = two(concurrency: 0)
        #expect(try pool.claim(CheckoutWish(generation: new)).endpoint.generation == old)
        share(pool, new, half)
        var answered: Set<GenerationNumber> = []
        for _ in 0..<50 {
            answered.insert(try pool.claim(CheckoutWish(generation: GenerationNumber(99))).endpoint.generation)
        }
        #expect(answered == [old, new], "shared out like one that says nothing")
    }

    @Test func `nothing is shared with what cannot take requests`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec())
        let booting = pool.boot(makeSpec(directory: "/new")).number
        share(pool, booting, half)
        #expect(pool.machine.apps[0].table == RoutingTable(all: old))
        share(pool, old, half)
        #expect(pool.machine.apps[0].table == RoutingTable(all: old))
    }

    @Test func `the switch after it keeps what was counted`() throws {
        let (pool, _, new) = two(concurrency: 0)
        share(pool, new, half)
        for _ in 0..<20 { pool.checkin(try pool.claim(CheckoutWish(generation: new)), .appError) }
        pool.take(pool.machine.switchTraffic(pool.app, to: new, now: pool.now).1)
        #expect(pool.machine.traffic(pool.app, new).appErrors == 20)
        #expect(pool.machine.apps[0].table == RoutingTable(all: new))
    }

    @Test func `a generation is stopped and comes back while requests are held`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(workers: 2))
        let claim = try pool.claim()
        pool.take(pool.machine.pause(pool.app, hold: .seconds(60), now: pool.now))
        pool.take(pool.machine.scale(live, of: pool.app, workers: 0, now: pool.now))
        try pool.queue(TestWaiter(1))
        pool.checkin(claim)
        for worker in pool.workers(live) { pool.exited(worker.number) }
        #expect(pool.workers(live).isEmpty)
        pool.advance(.seconds(5))
        #expect(pool.workers(live).isEmpty, "none boots by itself")
        pool.take(pool.machine.scale(live, of: pool.app, workers: 2, now: pool.now))
        pool.comeUp(live)
        pool.take(pool.machine.resume(pool.app, now: pool.now))
        #expect(pool.granted.count == 1)
    }
}
