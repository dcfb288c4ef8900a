import Model
import Testing

@testable import Pool

struct StickyTests {
    private func wish(_ claim: Claim) -> CheckoutWish { CheckoutWish(sticky: claim.endpoint.sticky) }

    @Test func `a session goes to its worker, however busy the others are not`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 4), concurrency: 4)
        let first = try pool.claim()
        for _ in 0..<3 { #expect(try pool.claim(wish(first)) == first) }
    }

    @Test func `a session whose worker is busy waits for that one, in the order of arrival`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2))
        let own = try pool.claim()
        let session = TestWaiter(1)
        try pool.queue(session, wish(own))
        // The other worker is free, and stays so for those without a session.
        let other = try pool.claim()
        #expect(other != own)
        let later = TestWaiter(2)
        try pool.queue(later)
        pool.checkin(other)
        #expect(pool.granted.map(\.waiter.number) == [2])
        pool.checkin(own)
        #expect(pool.granted.map(\.waiter.number) == [2, 1])
        #expect(pool.granted[1].claim == own)
    }

    @Test func `who has waited longer for a worker gets it, session or not`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let own = try pool.claim()
        try pool.queue(TestWaiter(1))
        try pool.queue(TestWaiter(2), wish(own))
        try pool.queue(TestWaiter(3))
        pool.checkin(own)
        for _ in 0..<2 { pool.checkin(own) }
        #expect(pool.granted.map(\.waiter.number) == [1, 2, 3])
    }

    @Test(arguments: ["exit", "unreachable", "scale", "switch"])
    func `when its worker is out of service a waiting session goes to any other`(how: String) throws {
        let pool = Harness()
        let live = pool.live(makeSpec(workers: 2))
        let own = try pool.claim()
        let session = TestWaiter(1)
        try pool.queue(session, wish(own))
        switch how {
        case "exit": pool.exited(own.endpoint.worker)
        case "unreachable": pool.unreachable(own)
        case "scale":
            // The idler of the two would be taken: make that the session's.
            for _ in 0..<2 { pool.becomeStream(try pool.claim()) }
            pool.take(pool.machine.scale(live, of: pool.app, workers: 1, now: pool.now))
        default: _ = pool.live(makeSpec(directory: "/new"))
        }
        #expect(session.answers.count == 1)
        #expect(pool.granted.first?.claim != own)
    }

    @Test func `an id that names no worker of the routed generation is no error`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let old = try pool.claim()
        pool.checkin(old)
        let next = pool.live(makeSpec(directory: "/new"))
        #expect(try pool.claim(wish(old)).endpoint.generation == next)
        #expect(pool.snapshot.queueLength == 0)
        try pool.queue(TestWaiter(), CheckoutWish(sticky: StickyID(rawValue: 7)))
    }

    @Test func `another app's worker is nobody's session`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let first = try pool.claim()
        pool.app = pool.machine.addApp(AppName(sanitizing: "shop"), queue: QueueSettings())
        let live = pool.live(makeSpec(directory: "/shop"))
        #expect(try pool.claim(wish(first)).endpoint.app == pool.app)
        #expect(pool.generation(live)?.workers.count == 1)
    }

    @Test func `a session that waits counts for the queue's limit and time`() throws {
        var queue = QueueSettings()
        queue.maxRequestQueueSize = 1
        queue.maxRequestQueueTime = .seconds(2)
        let pool = Harness(queue: queue)
        _ = pool.live(makeSpec(workers: 2))
        let own = try pool.claim()
        let session = TestWaiter()
        let ticket = try pool.queue(session, wish(own))
        guard case .refused(.queueFull(1)) = pool.checkout(TestWaiter(), wish(own)) else {
            Issue.record("the queue is full")
            return
        }
        pool.advance(.seconds(2))
        #expect(session.answers == [.refused(.queueTimeout)])
        #expect(!pool.cancel(ticket))
    }

    @Test func `ids are unlike each other and in no order`() throws {
        let pool = Harness(limits: PoolLimits(maxPoolSize: 100))
        _ = pool.live(makeSpec(workers: 100) { $0.pool.maxParallelSpawns = 100 })
        let ids = try (0..<100).map { _ in try pool.claim().endpoint.sticky.rawValue }
        #expect(Set(ids).count == 100)
        #expect(!ids.contains(0) && ids != ids.sorted())
    }
}
