import Model
import Testing

@testable import Pool

/// Requests that wait in a busy worker's socket and not in the queue.
struct AheadTests {
    static let ahead = CheckoutWish(mayGoAhead: true)
    static let places = 1 + Pace.placesAhead

    /// A live generation whose workers have shown that they answer in 100 µs.
    private func fast(_ pool: Harness, workers: Int = 1, answer: Duration = .microseconds(100)) throws
        -> GenerationNumber
    {
        let generation = pool.live(makeSpec(workers: workers))
        for _ in 0..<40 * workers {
            let claim = try pool.claim()
            pool.now = pool.now + answer
            pool.checkin(claim)
        }
        return generation
    }

    private func isQueued(_ answer: CheckoutAnswer) -> Bool { if case .queued = answer { true } else { false } }

    @Test func `a fast worker gets seven beside the one that it is at, the next is queued`() throws {
        let pool = Harness()
        let generation = try fast(pool)
        let claims = try (0..<Self.places).map { _ in try pool.claim(Self.ahead) }
        #expect(Set(claims.map(\.endpoint.worker)).count == 1)
        #expect(pool.workers(generation).first?.requestsNow == Self.places)
        let waiter = TestWaiter()
        try pool.queue(waiter, Self.ahead)
        pool.checkin(claims[0])
        #expect(waiter.answers == [.granted(claims[0])])
    }

    @Test func `a free worker comes first, and those that are busy get as many each`() throws {
        let pool = Harness()
        _ = try fast(pool, workers: 2)
        let claims = try (0..<2 * Self.places).map { _ in try pool.claim(Self.ahead) }
        #expect(Set(claims[0..<2].map(\.endpoint.worker)).count == 2)
        #expect(Set(claims[2..<4].map(\.endpoint.worker)).count == 2)
        let counts = Dictionary(grouping: claims, by: \.endpoint.worker).mapValues(\.count)
        #expect(Array(counts.values) == [Self.places, Self.places])
        #expect(isQueued(pool.checkout(TestWaiter(), Self.ahead)))
    }

    @Test func `a new worker has to show that it is fast, and a slow one gets none`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        _ = try pool.claim(Self.ahead)
        #expect(isQueued(pool.checkout(TestWaiter(), Self.ahead)))

        let slow = Harness()
        _ = try fast(slow, answer: .milliseconds(1))
        _ = try slow.claim(Self.ahead)
        #expect(isQueued(slow.checkout(TestWaiter(), Self.ahead)))
    }

    @Test func `one that is at a request for long gets none until it has answered`() throws {
        let pool = Harness()
        _ = try fast(pool)
        let first = try pool.claim(Self.ahead)
        pool.now = pool.now + .milliseconds(6)
        let waiter = TestWaiter()
        try pool.queue(waiter, Self.ahead)
        pool.checkin(first)
        #expect(waiter.answers.count == 1)
        // It was slow once, and its mean is over the limit now.
        #expect(isQueued(pool.checkout(TestWaiter(), Self.ahead)))
    }

    @Test func `what cannot be taken back has the worker for itself`() throws {
        let pool = Harness()
        _ = try fast(pool)
        let post = try pool.claim()
        let second = TestWaiter(2)
        try pool.queue(second, Self.ahead)
        pool.checkin(post)
        #expect(second.answers.count == 1)
        let third = TestWaiter(3)
        try pool.queue(third)
        // Nothing overtakes it, although the worker would take this one ahead.
        let fourth = TestWaiter(4)
        try pool.queue(fourth, Self.ahead)
        guard case .granted(let claim) = try #require(second.answers.first) else { return }
        pool.checkin(claim)
        #expect(third.answers.count == 1)
        #expect(fourth.answers.isEmpty)
    }

    @Test func `one that was taken back goes before all that wait, and has a worker for itself`() throws {
        var queue = QueueSettings()
        queue.maxRequestQueueSize = 1
        let pool = Harness(queue: queue)
        _ = try fast(pool, workers: 2)
        let claims = try (0..<2 * Self.places).map { _ in try pool.claim(Self.ahead) }
        let waiting = TestWaiter(1)
        try pool.queue(waiting, Self.ahead)
        let unread = try #require(claims.last)
        #expect(pool.machine.mayRecall(unread))
        pool.now = pool.now + .milliseconds(25)
        pool.checkin(unread, .notForwarded)
        #expect(waiting.answers.isEmpty, "a stalled worker got another one")
        let recalled = TestWaiter(2)
        // The queue is full, but it was in it before.
        try pool.queue(recalled, CheckoutWish(goesFirst: true))
        let other = claims.filter { $0.endpoint.worker != unread.endpoint.worker }
        for claim in other { pool.checkin(claim) }
        #expect(recalled.answers == [.granted(other[0])])
        #expect(waiting.answers.isEmpty)
    }

    @Test func `a lone request is taken back only for a worker that is free`() throws {
        let pool = Harness()
        _ = try fast(pool, workers: 2)
        let one = try pool.claim(Self.ahead)
        #expect(pool.machine.mayRecall(one))
        let two = try pool.claim(Self.ahead)
        #expect(!pool.machine.mayRecall(one) && !pool.machine.mayRecall(two))
    }

    @Test func `workers of other programs and of several threads get none`() throws {
        let pool = Harness()
        let generation = pool.boot(makeSpec()).number
        pool.comeUp(generation, concurrency: 2)
        pool.switchTraffic(to: generation)
        for _ in 0..<60 { pool.checkin(try pool.claim()) }
        let claims = try (0..<2).map { _ in try pool.claim(Self.ahead) }
        #expect(claims.allSatisfy { !$0.endpoint.takesAhead })
        #expect(isQueued(pool.checkout(TestWaiter(), Self.ahead)))
    }
}
