import Model
import Testing

@testable import Pool

struct GrowthTests {
    @Test func `a request that waits gets another worker`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        _ = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.tick()
        #expect(pool.spawned.count == 2)
        #expect(pool.generation(live)?.target == 2)
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 2, "one is coming for it")
        pool.comeUp(live)
        #expect(waiter.answers.count == 1)
        #expect(pool.events.contains(.grown(workers: 2)))
    }

    @Test func `as many workers boot as requests wait, within max_parallel_spawns`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.maxParallelSpawns = 3 })
        _ = try pool.claim()
        for number in 0..<10 { try pool.queue(TestWaiter(number)) }
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 1 + 3)
        pool.comeUp(live)
        pool.advance(.milliseconds(100))
        #expect(pool.spawned.count == 1 + 3 + 3)
    }

    @Test func `a worker that takes many requests is enough for many`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(), concurrency: 4)
        for _ in 0..<4 { _ = try pool.claim() }
        for number in 0..<5 { try pool.queue(TestWaiter(number)) }
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 3)
    }

    @Test func `workers that are all busy for a second ask for one more although nothing waits`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let claim = try pool.claim()
        pool.advance(.milliseconds(900))
        pool.checkin(claim)
        pool.tick()
        _ = try pool.claim()
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 1)
        pool.advance(.milliseconds(100))
        #expect(pool.spawned.count == 2)
        pool.advance(.seconds(3))
        #expect(pool.spawned.count == 2)
    }

    @Test func `an app grows to max_instances, the pool to its size`() throws {
        let pool = Harness(limits: PoolLimits(maxPoolSize: 4))
        let live = pool.live(makeSpec { $0.pool.maxInstances = 3 })
        try pool.crowd(9)
        pool.growAll(live)
        #expect(pool.generation(live)?.target == 3)
        let wide = pool.live(makeSpec(directory: "/wide"))
        try pool.crowd(9)
        pool.growAll(wide)
        #expect(pool.generation(wide)?.target == 4)
    }

    @Test func `an app whose workers do not boot does not grow`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        _ = try pool.claim()
        try pool.queue(TestWaiter())
        pool.tick()
        pool.exited(pool.spawned[1], syntaxError)
        pool.advance(.seconds(20))
        #expect(pool.generation(live)?.target == 2)
        #expect(pool.workers(live).filter { $0.state.isBooting }.count <= 1)
    }

    @Test func `a new generation takes over what the old one grew to, also while it booted`() throws {
        let pool = Harness()
        var spec = makeSpec()
        spec.release = ReleaseLabel(number: DeployNumber(1), name: "1-9be0d13", revision: "9be0d13")
        let old = pool.live(spec)
        let next = pool.boot(makeSpec(directory: "/new")).number
        try pool.crowd(3)
        pool.growAll(old)
        #expect(pool.generation(old)?.target == 3)
        pool.comeUp(next)
        pool.switchTraffic(to: next)
        #expect(pool.generation(next)?.target == 3)
    }

    /// One more worker would load the new code, and serve it before the switch.
    @Test func `in place the old generation does not grow while the new one boots, and the new one does then`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec())
        let next = pool.boot(makeSpec()).number
        try pool.crowd(3)
        pool.growAll(old)
        #expect(pool.generation(old)?.target == 1)
        pool.comeUp(next)
        pool.switchTraffic(to: next)
        pool.growAll(next)
        // Two wait, the third is at the old worker.
        #expect(pool.generation(next)?.target == 2)
    }
}

struct IdleTests {
    private func grown(_ adjust: (inout AppSettings) -> Void = { _ in }) throws -> (Harness, GenerationNumber) {
        let pool = Harness()
        let live = pool.live(
            makeSpec {
                $0.pool.poolIdleTime = .seconds(10); adjust(&$0)
            })
        try pool.crowd(4)
        pool.growAll(live)
        #expect(pool.generation(live)?.target == 4)
        return (pool, live)
    }

    @Test func `workers that were not needed for pool_idle_time stop, down to min_instances`() throws {
        let (pool, live) = try grown()
        pool.answerAll()
        pool.advance(.seconds(9))
        #expect(pool.stops.isEmpty)
        pool.advance(.seconds(4))
        #expect(pool.generation(live)?.target == 1)
        #expect(pool.stops.count == 3)
        pool.advance(.seconds(60))
        #expect(pool.stops.count == 3)
    }

    @Test func `what is needed now and then stays`() throws {
        let (pool, live) = try grown()
        pool.answerAll()
        for _ in 0..<20 {
            let claims = try (0..<3).map { _ in try pool.claim() }
            pool.tick()
            for claim in claims { pool.checkin(claim) }
            pool.advance(.seconds(2))
        }
        #expect(pool.generation(live)?.target == 3)
    }

    @Test func `a busy worker is not stopped for being too many`() throws {
        let (pool, live) = try grown()
        let claim = pool.granted[0].claim
        pool.answerAll(but: claim)
        pool.advance(.seconds(30))
        #expect(pool.generation(live)?.target == 1)
        #expect(!pool.isStopped(claim.endpoint.worker))
    }

    @Test func `pool_idle_time 0 keeps them for ever`() throws {
        let (pool, live) = try grown { $0.pool.poolIdleTime = .zero }
        pool.answerAll()
        pool.advance(.seconds(600))
        #expect(pool.generation(live)?.target == 4)
    }

    @Test func `time in which the timer did not run does not count`() throws {
        let (pool, live) = try grown()
        pool.answerAll()
        pool.tick()
        pool.now = pool.now + .seconds(3600)
        pool.tick()
        #expect(pool.generation(live)?.target == 4)
    }

    @Test func `workers that do not come up are given up when nobody waits for them`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.poolIdleTime = .seconds(5) })
        let claim = try pool.claim()
        try pool.queue(TestWaiter())
        pool.tick()
        pool.checkin(claim)
        pool.answerAll()
        for _ in 0..<200 {
            if let booting = pool.workers(live).first(where: { $0.state.isBooting }) {
                pool.exited(booting.number, syntaxError)
            }
            pool.tick()
        }
        #expect(pool.generation(live)?.target == 1)
        #expect(pool.workers(live).filter { $0.state == .available }.count == 1)
    }

    @Test func `a standby keeps its workers`() throws {
        let (pool, live) = try grown()
        pool.answerAll()
        _ = pool.live(makeSpec(directory: "/new"))
        pool.advance(.seconds(60))
        #expect(pool.generation(live)?.target == 4)
    }
}

struct SleepTests {
    private func asleep(_ failing: Bool = false) -> (Harness, GenerationNumber) {
        let pool = Harness()
        let live = pool.live(
            makeSpec {
                $0.pool.minInstances = 0
                $0.pool.poolIdleTime = .seconds(2)
            })
        pool.advance(.seconds(4))
        pool.exited(pool.spawned[0])
        return (pool, live)
    }

    @Test func `with min_instances 0 an app sleeps, and a request wakes it at once`() throws {
        let (pool, live) = asleep()
        #expect(pool.generation(live)?.state == .live)
        #expect(pool.workers(live).isEmpty)
        let waiter = TestWaiter()
        try pool.queue(waiter)
        #expect(pool.spawned.count == 2)
        pool.comeUp(live)
        #expect(waiter.answers.count == 1)
    }

    @Test func `one that does not wake says why, sleeps again, and tries with a later request`() throws {
        let (pool, live) = asleep()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.exited(pool.spawned[1], syntaxError)
        #expect(waiter.answers == [.refused(.notBooted(summary: syntaxError.summary))])
        #expect(pool.refusal() == .notBooted(summary: syntaxError.summary))
        for _ in 0..<100 {
            if let booting = pool.workers(live).first(where: { $0.state.isBooting }) {
                pool.exited(booting.number, syntaxError)
            }
            pool.tick()
        }
        #expect(pool.generation(live)?.target == 0)
        pool.advance(.seconds(40))
        let count = pool.spawned.count
        let second = TestWaiter()
        try pool.queue(second)
        #expect(pool.spawned.count == count + 1)
        pool.comeUp(live)
        #expect(second.answers.count == 1)
    }

    @Test func `without prestart nothing boots before the first request`() throws {
        let pool = Harness()
        let live = pool.bootLive(makeSpec(workers: 0))
        pool.advance(.seconds(5))
        #expect(pool.spawned.isEmpty)
        let waiter = TestWaiter()
        try pool.queue(waiter)
        #expect(pool.spawned.count == 1)
        pool.comeUp(live)
        #expect(waiter.answers.count == 1)
        #expect(pool.generation(live)?.state == .live)
    }

    @Test func `traffic may go back to a generation that sleeps`() throws {
        let (pool, old) = asleep()
        let next = pool.live(makeSpec(directory: "/new"))
        #expect(pool.switchTraffic(to: old) == next)
        pool.comeUp(old)
        #expect(try pool.claim().endpoint.generation == old)
    }
}

struct FairnessTests {
    private func two(_ size: Int, floor: Int = 1) -> (pool: Harness, first: AppIndex, second: AppIndex) {
        let pool = Harness(limits: PoolLimits(maxPoolSize: size))
        let first = pool.app
        _ = pool.live(makeSpec { $0.pool.minInstances = floor })
        let second = pool.machine.addApp(AppName(sanitizing: "shop"), queue: QueueSettings())
        return (pool, first, second)
    }

    @Test func `another app's idle worker makes room, not a busy one, and none of its minimum`() throws {
        let (pool, first, second) = two(4)
        try pool.crowd(3)
        pool.growAll(pool.snapshot.live!.number)
        #expect(pool.snapshot.live?.target == 3)
        let busy = pool.granted.last!.claim
        pool.answerAll(but: busy)
        pool.app = second
        let shop = pool.live(makeSpec(directory: "/shop"))
        try pool.crowd(6)
        pool.advance(.seconds(3))
        pool.growAll(shop)
        #expect(pool.snapshot.live?.target == 3)
        pool.app = first
        #expect(pool.snapshot.live?.target == 1)
        #expect(!pool.isStopped(busy.endpoint.worker))
        #expect(pool.stops.count == 2)
    }

    @Test func `an app that wakes in a full pool gets its worker, and the pool shrinks as soon as one is idle`() throws
    {
        let (pool, first, second) = two(2)
        let live = pool.snapshot.live!.number
        try pool.crowd(2)
        pool.growAll(live)
        pool.app = second
        _ = pool.bootLive(makeSpec(workers: 0, directory: "/shop"))
        try pool.queue(TestWaiter())
        #expect(pool.spawned.count == 3)
        pool.app = first
        #expect(pool.snapshot.live?.target == 2, "it is busy")
        pool.answerAll()
        pool.advance(.seconds(2))
        #expect(pool.snapshot.live?.target == 1)
    }

    @Test func `an app never has more than the pool's size, whoever gives way`() throws {
        let (pool, first, second) = two(3, floor: 1)
        try pool.crowd(9)
        pool.growAll(pool.snapshot.live!.number)
        #expect(pool.snapshot.live?.target == 3)
        pool.app = second
        let shop = pool.bootLive(makeSpec(workers: 0, directory: "/shop") { $0.pool.minInstances = 0 })
        try pool.queue(TestWaiter())
        pool.comeUp(shop)
        let claim = try #require(pool.granted.last?.claim)
        pool.checkin(claim)
        pool.app = first
        pool.advance(.seconds(3))
        #expect(pool.snapshot.live?.target == 3)
    }

    @Test func `apps that are hungry share what is left`() throws {
        let (pool, first, second) = two(8)
        pool.app = second
        let shop = pool.live(makeSpec(directory: "/shop"))
        try pool.crowd(20)
        pool.app = first
        try pool.crowd(20)
        for _ in 0..<20 {
            pool.tick()
            for app in [first, second] {
                pool.app = app
                pool.comeUp(pool.snapshot.live!.number)
            }
        }
        #expect(pool.machine.snapshot()[first]?.live?.target == 4)
        #expect(pool.machine.snapshot()[second]?.live?.target == 4)
        #expect(shop == pool.machine.snapshot()[second]?.live?.number)
    }
}

struct SlowStartTests {
    @Test func `a fresh worker takes its share little by little`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(), concurrency: 0)
        _ = try (0..<100).map { _ in try pool.claim() }
        pool.take(pool.machine.scale(live, of: pool.app, workers: 2, now: pool.now))
        pool.comeUp(live, concurrency: 0)
        let fresh = pool.spawned[1]
        func busy(_ worker: WorkerNumber) -> Int { pool.workers(live).first { $0.number == worker }!.requestsNow }
        for _ in 0..<10 { _ = try pool.claim() }
        #expect(busy(fresh) <= 6, "it counts as busy as the other")
        pool.advance(.seconds(2.5))
        for _ in 0..<100 { _ = try pool.claim() }
        #expect((60...90).contains(busy(fresh)), "\(busy(fresh))")
        pool.advance(.seconds(3))
        for _ in 0..<100 { _ = try pool.claim() }
        #expect(abs(busy(fresh) - busy(pool.spawned[0])) <= 1)
    }

    @Test func `a fresh worker takes what waits all the same`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(), concurrency: 2)
        _ = try (0..<2).map { _ in try pool.claim() }
        for number in 0..<2 { try pool.queue(TestWaiter(number)) }
        pool.tick()
        pool.comeUp(live, concurrency: 2)
        #expect(pool.granted.count == 2)
    }
}

struct ScaleByHandTests {
    @Test func `an app that is scaled by hand keeps just so many, here and after a switch, until it is reset`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.poolIdleTime = .seconds(3) })
        pool.take(pool.machine.setScale(pool.app, workers: 3, now: pool.now))
        pool.comeUp(live)
        pool.advance(.seconds(20))
        #expect(pool.generation(live)?.workers.count == 3)
        try pool.crowd(9)
        pool.advance(.seconds(5))
        #expect(pool.generation(live)?.target == 3)
        let next = pool.live(makeSpec(directory: "/new") { $0.pool.poolIdleTime = .seconds(3) })
        #expect(pool.generation(next)?.target == 3)
        pool.comeUp(next)
        pool.answerAll()
        pool.take(pool.machine.setScale(pool.app, workers: nil, now: pool.now))
        pool.advance(.seconds(6))
        #expect(pool.generation(next)?.target == 1)
    }

    @Test func `the limits hold for it too`() throws {
        let pool = Harness(limits: PoolLimits(maxPoolSize: 4))
        let live = pool.live(makeSpec { $0.pool.maxInstances = 3 })
        pool.take(pool.machine.setScale(pool.app, workers: 10, now: pool.now))
        #expect(pool.generation(live)?.target == 3)
        pool.take(pool.machine.setScale(pool.app, workers: 0, now: pool.now))
        #expect(pool.generation(live)?.target == 1)
    }
}

extension Harness {
    func tick() { advance(.milliseconds(100)) }

    /// So many requests at once, each granted or queued.
    func crowd(_ count: Int) throws {
        for number in 0..<count {
            let waiter = TestWaiter(number)
            if case .granted(let claim) = checkout(waiter) { waiter.checkoutGranted(claim); note(waiter, claim) }
        }
    }

    /// Lets everything boot that wants to, because requests wait.
    func growAll(_ generation: GenerationNumber) {
        for _ in 0..<8 {
            tick()
            comeUp(generation)
        }
    }

    /// Every request that was granted, or is granted because of it, is answered.
    func answerAll(but kept: Claim? = nil) {
        var open = granted.map(\.claim)
        var seen = granted.count
        while let claim = open.popLast() {
            if claim != kept { checkin(claim) }
            open += granted[seen...].map(\.claim)
            seen = granted.count
        }
        forgetGranted(but: kept)
    }
}
