import Model
import Testing

@testable import Pool

struct CheckoutTests {
    @Test func `the least busy worker is claimed, and equals take turns`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 3), concurrency: 2)
        let first = try (0..<3).map { _ in try pool.claim() }
        #expect(Set(first.map(\.endpoint.worker)).count == 3)
        pool.checkin(first[1])
        #expect(try pool.claim().endpoint === first[1].endpoint)
    }

    @Test func `idle workers take turns although one would do`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 3))
        var used: Set<WorkerNumber> = []
        for _ in 0..<3 {
            let claim = try pool.claim()
            used.insert(claim.endpoint.worker)
            pool.checkin(claim)
        }
        #expect(used.count == 3)
    }

    @Test func `a worker never has more requests than it takes`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2), concurrency: 3)
        for _ in 0..<6 { _ = try pool.claim() }
        try pool.queue(TestWaiter())
    }

    @Test func `concurrency 0 is unlimited`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2), concurrency: 0)
        let claims = try (0..<5000).map { _ in try pool.claim() }
        let counts = Dictionary(grouping: claims, by: \.endpoint.worker).mapValues(\.count)
        #expect(counts.values.allSatisfy { $0 == 2500 })
        for claim in claims { pool.checkin(claim) }
        #expect(pool.snapshot.generations[0].workers.allSatisfy { $0.requestsNow == 0 && $0.requestsTotal == 2500 })
    }

    @Test func `the configured concurrency overrides the handshake's`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec { $0.pool.forceMaxConcurrentRequestsPerProcess = 2 }, concurrency: 100)
        _ = try pool.claim()
        _ = try pool.claim()
        try pool.queue(TestWaiter())
    }

    @Test func `a freed worker takes the head of the queue`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let claim = try pool.claim()
        let waiters = (0..<3).map(TestWaiter.init)
        for waiter in waiters { try pool.queue(waiter) }
        pool.checkin(claim)
        #expect(waiters.map(\.answers.count) == [1, 0, 0])
        pool.checkin(pool.granted[0].claim)
        #expect(pool.granted.map(\.waiter.number) == [0, 1])
    }

    @Test func `a client that goes away leaves the queue, and hears no more`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let claim = try pool.claim()
        let gone = TestWaiter(1)
        let stays = TestWaiter(2)
        let ticket = try pool.queue(gone)
        try pool.queue(stays)
        #expect(pool.cancel(ticket))
        #expect(!pool.cancel(ticket))
        pool.checkin(claim)
        #expect(gone.answers.isEmpty)
        #expect(stays.answers.count == 1)
    }

    @Test func `a grant wins over a cancel`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let claim = try pool.claim()
        let waiter = TestWaiter()
        let ticket = try pool.queue(waiter)
        pool.checkin(claim)
        #expect(!pool.cancel(ticket))
        pool.checkin(pool.granted[0].claim, .notForwarded)
        _ = try pool.claim()
    }

    @Test func `a full queue refuses with its limit`() throws {
        var queue = QueueSettings()
        queue.maxRequestQueueSize = 1
        let pool = Harness(queue: queue)
        _ = pool.live(makeSpec())
        _ = try pool.claim()
        try pool.queue(TestWaiter())
        #expect(pool.refusal() == .queueFull(limit: 1))
    }

    @Test func `a request that waited too long is refused, one that came later waits on`() throws {
        var queue = QueueSettings()
        queue.maxRequestQueueTime = .seconds(2)
        let pool = Harness(queue: queue)
        _ = pool.live(makeSpec())
        _ = try pool.claim()
        let early = TestWaiter()
        try pool.queue(early)
        pool.advance(.seconds(1))
        let late = TestWaiter()
        try pool.queue(late)
        pool.advance(.seconds(1))
        #expect(early.answers == [.refused(.queueTimeout)])
        #expect(late.answers.isEmpty)
    }

    @Test func `an unreachable worker is avoided until it is proved again`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2))
        let bad = try pool.claim()
        pool.unreachable(bad)
        #expect(pool.proofs.last == bad.endpoint.worker)
        let good = try pool.claim()
        #expect(good.endpoint !== bad.endpoint)
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.proved(bad.endpoint.worker)
        #expect(waiter.answers == [.granted(bad)])
    }

    @Test func `the claim of an unreachable worker is not handed to the next request`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let claim = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.unreachable(claim)
        #expect(waiter.answers.isEmpty)
    }

    @Test func `outcomes are counted for the generation since it was switched to`() throws {
        let pool = Harness()
        let number = pool.live(makeSpec())
        for outcome in [ExchangeOutcome.ok, .appError, .gatewayError, .notForwarded] {
            pool.checkin(try pool.claim(), outcome)
        }
        let worker = pool.workers(number)[0].number
        pool.exited(worker)
        var expected = TrafficCounts()
        (expected.requests, expected.appErrors, expected.gatewayErrors, expected.crashes) = (3, 1, 1, 1)
        #expect(pool.machine.traffic(pool.app, number) == expected)
        pool.comeUp(number)
        let next = pool.live(makeSpec())
        pool.switchTraffic(to: number)
        #expect(pool.machine.traffic(pool.app, number) == TrafficCounts())
        #expect(pool.generation(next)?.state == .standby)
    }

    @Test func `a claim may come back after its worker has exited, and the slot's next worker is not touched`() throws {
        let pool = Harness()
        let number = pool.live(makeSpec())
        let claim = try pool.claim()
        pool.exited(claim.endpoint.worker)
        pool.comeUp(number)
        let other = try pool.claim()
        #expect(other.endpoint.slot == claim.endpoint.slot)
        pool.checkin(claim, .gatewayError)
        #expect(pool.workers(number).map(\.requestsNow) == [1])
        #expect(pool.machine.traffic(pool.app, number).gatewayErrors == 1)
    }
}

struct RoutingTableTests {
    @Test func `requests are shared by weight`() {
        let table = RoutingTable([
            .init(generation: GenerationNumber(1), weight: 95), .init(generation: GenerationNumber(2), weight: 5),
        ])
        var random = SplitMix64(seed: 7)
        var counts = [0, 0]
        for _ in 0..<20_000 { counts[table.choose(random.next())] += 1 }
        #expect((800...1200).contains(counts[1]))
        #expect(table.primary == GenerationNumber(1))
    }
}
