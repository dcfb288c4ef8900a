import Model
import Testing

@testable import Pool

/// Apps of which nothing is booted before somebody asks for it.
struct OnDemandTests {
    private func sleeper(queue: QueueSettings = QueueSettings()) -> Harness {
        let pool = Harness()
        pool.app = pool.machine.addApp(AppName(sanitizing: "sleeper"), queue: queue, onDemand: true)
        return pool
    }

    private func wanted(_ pool: Harness) -> Int { pool.events.count { $0 == .wanted } }

    @Test func `its first requests wait, ask once for a start, and are served by it`() throws {
        let pool = sleeper()
        pool.advance(.seconds(10))
        #expect(wanted(pool) == 0)
        let waiters = [TestWaiter(1), TestWaiter(2)]
        for waiter in waiters { try pool.queue(waiter) }
        pool.advance(.milliseconds(100))
        pool.advance(.milliseconds(100))
        #expect(wanted(pool) == 1)
        _ = pool.live(makeSpec())
        #expect(waiters[0].answers.count == 1)
        pool.checkin(pool.granted[0].claim)
        #expect(waiters[1].answers.count == 1)
    }

    @Test func `when it cannot be started they get the reason, and a later one asks again`() throws {
        let pool = sleeper()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.advance(.milliseconds(100))
        pool.take(pool.machine.startFailed(pool.app, syntaxError, retryAfter: .seconds(5), now: pool.now))
        let refusal = Refusal.notBooted(summary: syntaxError.summary)
        #expect(waiter.answers == [.refused(refusal)])
        #expect(pool.refusal() == refusal)
        pool.advance(.seconds(6))
        try pool.queue(TestWaiter())
        pool.advance(.milliseconds(100))
        #expect(wanted(pool) == 2)
    }

    @Test func `a start of which nothing is heard is asked for again, and the queue stays bounded`() throws {
        var settings = QueueSettings()
        settings.maxRequestQueueSize = 2
        let pool = sleeper(queue: settings)
        try pool.queue(TestWaiter())
        try pool.queue(TestWaiter())
        #expect(pool.refusal() == .queueFull(limit: 2))
        pool.advance(.milliseconds(100))
        pool.advance(.seconds(29))
        #expect(wanted(pool) == 1)
        pool.advance(.seconds(2))
        #expect(wanted(pool) == 2)
    }
}
