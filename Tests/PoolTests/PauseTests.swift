import Model
import Testing

@testable import Pool

struct PauseTests {
    private func pause(_ pool: Harness, hold: Duration = .seconds(30)) {
        pool.take(pool.machine.pause(pool.app, hold: hold, now: pool.now))
    }
    private func resume(_ pool: Harness) { pool.take(pool.machine.resume(pool.app, now: pool.now)) }

    @Test func `requests of a paused app are held, those in flight go on, and all go on in their order`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2))
        let inFlight = try pool.claim()
        try pool.crowd(2)
        pause(pool)
        #expect(pool.snapshot.isPaused)
        pool.checkin(inFlight)
        let later = TestWaiter(7)
        try pool.queue(later)
        #expect(pool.snapshot.queueLength == 2)
        resume(pool)
        #expect(pool.granted.map(\.waiter.number) == [0, 1])
        pool.checkin(pool.granted[0].claim)
        #expect(pool.granted.map(\.waiter.number) == [0, 1, 7])
    }

    @Test func `a paused app holds no more than its queue takes, and nobody longer than said`() throws {
        var queue = QueueSettings()
        queue.maxRequestQueueSize = 2
        let pool = Harness(queue: queue)
        _ = pool.live(makeSpec())
        pause(pool, hold: .seconds(5))
        let first = TestWaiter(1)
        try pool.queue(first)
        pool.advance(.seconds(2))
        let second = TestWaiter(2)
        try pool.queue(second)
        #expect(pool.refusal() == .paused)
        pool.advance(.seconds(3))
        #expect(first.answers == [.refused(.paused)])
        #expect(second.answers.isEmpty)
        resume(pool)
        #expect(second.answers.count == 1)
        #expect(pool.snapshot.totals.refusedPaused == 2)
    }

    @Test func `who waited when the pause began is held from then on`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec { $0.pool.maxInstances = 1 })
        _ = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.advance(.seconds(10))
        pause(pool, hold: .seconds(5))
        pool.advance(.seconds(4))
        #expect(waiter.answers.isEmpty)
        pool.advance(.seconds(1))
        #expect(waiter.answers == [.refused(.paused)])
    }

    @Test func `sessions that were held go on with their worker`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 3))
        let own = try pool.claim()
        pool.checkin(own)
        pause(pool)
        let session = TestWaiter(1)
        try pool.queue(session, CheckoutWish(sticky: own.endpoint.sticky))
        resume(pool)
        #expect(session.answers == [.granted(own)])
    }

    @Test func `a switch under a pause gives nothing away`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        pause(pool)
        let waiter = TestWaiter()
        try pool.queue(waiter)
        let next = pool.live(makeSpec(directory: "/new"))
        #expect(waiter.answers.isEmpty)
        resume(pool)
        #expect(pool.granted.first?.claim.endpoint.generation == next)
    }

    @Test func `a paused app neither grows nor sleeps, and one that sleeps wakes when it is resumed`() throws {
        let pool = Harness()
        let live = pool.live(
            makeSpec {
                $0.pool.minInstances = 0
                $0.pool.maxInstances = 2
                $0.pool.poolIdleTime = .seconds(2)
            })
        pause(pool)
        for number in 0..<5 { try pool.queue(TestWaiter(number)) }
        pool.advance(.seconds(10))
        #expect(pool.generation(live)?.target == 1)
        #expect(pool.spawned.count == 1)
        resume(pool)
        pool.comeUp(live)
        pool.answerAll()
        pool.advance(.seconds(4))
        #expect(pool.generation(live)?.target == 0)
        pause(pool)
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 2)
        resume(pool)
        #expect(pool.spawned.count == 3)
        pool.comeUp(live)
        #expect(waiter.answers.count == 1)
    }

    @Test func `a shutdown answers those that are held`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        pause(pool)
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.take(pool.machine.shutdown(within: .seconds(5), hurry: false, now: pool.now))
        guard case .granted? = waiter.answers.first else {
            Issue.record("\(waiter.answers)")
            return
        }
    }
}

struct DetachTests {
    private func detach(_ pool: Harness, _ worker: WorkerNumber) -> Detachment.Outcome? {
        let (answer, actions) = pool.machine.detach(pool.app, pid: 100 + Int32(worker.rawValue), now: pool.now)
        pool.take(actions)
        #expect(answer == nil || answer?.worker == worker)
        return answer?.outcome
    }

    @Test func `a detached worker gets no more requests, finishes, and is replaced`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(workers: 2), concurrency: 2)
        let claim = try pool.claim()
        #expect(detach(pool, claim.endpoint.worker) == .detached)
        #expect(pool.spawned.count == 3)
        for _ in 0..<2 { #expect(try pool.claim().endpoint.worker != claim.endpoint.worker) }
        #expect(!pool.isStopped(claim.endpoint.worker))
        #expect(detach(pool, claim.endpoint.worker) == .leaving)
        pool.checkin(claim)
        #expect(pool.isStopped(claim.endpoint.worker))
        pool.comeUp(live)
        #expect(pool.workers(live).filter { $0.state == .available }.count == 2)
    }

    @Test func `the only worker goes when another one is up`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let worker = pool.spawned[0]
        #expect(detach(pool, worker) == .replacedFirst)
        #expect(try pool.claim().endpoint.worker == worker)
        pool.comeUp(live)
        #expect(pool.state(worker) == .draining)
        #expect(try pool.claim().endpoint.worker == pool.spawned[1])
    }

    @Test func `a process that is no worker of the app is not touched`() {
        let pool = Harness()
        _ = pool.live(makeSpec())
        #expect(detach(pool, WorkerNumber(99)) == nil)
        pool.app = pool.machine.addApp(AppName(sanitizing: "shop"), queue: QueueSettings())
        #expect(detach(pool, pool.spawned[0]) == nil)
        #expect(pool.stops.isEmpty)
    }
}
