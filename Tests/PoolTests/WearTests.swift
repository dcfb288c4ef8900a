import Model
import Testing

@testable import Pool

struct WearTests {
    private func serve(_ pool: Harness, _ count: Int) throws {
        for _ in 0..<count { pool.checkin(try pool.claim()) }
    }

    @Test func `a worker that has had max_requests is replaced, the new one first`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.maxRequests = 10 })
        try serve(pool, 10)
        pool.tick()
        #expect(pool.spawned.count == 2)
        #expect(pool.stops.isEmpty)
        #expect(pool.events.contains(.workerWorn(pool.spawned[0], .requests(10))))
        try serve(pool, 5)
        pool.comeUp(live)
        #expect(pool.stops.map(\.worker) == [pool.spawned[0]])
        #expect(try pool.claim().endpoint.worker == pool.spawned[1])
    }

    @Test func `a worn worker finishes what it has`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.maxRequests = 1 }, concurrency: 2)
        let claim = try pool.claim()
        pool.tick()
        pool.comeUp(live, concurrency: 2)
        #expect(pool.state(claim.endpoint.worker) == .draining)
        pool.checkin(claim)
        #expect(pool.isStopped(claim.endpoint.worker))
    }

    @Test func `workers are replaced one at a time, and not all after as many requests`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(workers: 4) { $0.pool.maxRequests = 100 })
        let limits = pool.workers(live).map { worker in
            pool.machine.context.workers[pool.machine.context.workers.slot(of: worker.number)!].requestLimit
        }
        #expect(limits.allSatisfy { (90...100).contains($0) } && Set(limits).count > 1, "\(limits)")
        try serve(pool, 400)
        for replaced in 1...4 {
            pool.advance(.seconds(4))
            #expect(pool.spawned.count == 4 + replaced)
            #expect(pool.workers(live).filter { $0.state == .available }.count == 4)
            pool.booted(pool.spawned.last!)
            pool.proved(pool.spawned.last!)
            #expect(pool.stops.count == replaced)
            pool.exited(pool.stops.last!.worker)
        }
        pool.advance(.seconds(5))
        #expect(pool.spawned.count == 8)
    }

    @Test func `as long as no replacement boots the worn one serves`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.maxRequests = 1 })
        try serve(pool, 1)
        for _ in 0..<100 {
            if let booting = pool.workers(live).first(where: { $0.state.isBooting }) {
                pool.exited(booting.number, syntaxError)
            }
            pool.tick()
        }
        #expect((3...8).contains(pool.spawned.count), "\(pool.spawned.count) boots in 10 s")
        try serve(pool, 3)
    }

    @Test func `a replacement whose worn worker died is not one too many`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(workers: 2) { $0.pool.maxRequests = 1 })
        try serve(pool, 1)
        pool.tick()
        #expect(pool.spawned.count == 3)
        pool.exited(pool.workers(live).first { $0.wear != nil }!.number)
        #expect(pool.spawned.count == 3)
        pool.comeUp(live)
        #expect(pool.workers(live).count == 2)
    }

    @Test func `memory over the soft limit is a reason to be replaced after the requests, once`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.memoryLimit = 1000 })
        let claim = try pool.claim()
        pool.memory(claim.endpoint.worker, 999)
        #expect(pool.spawned.count == 1)
        for bytes in [1000, 1100, 900, 1200] { pool.memory(claim.endpoint.worker, bytes) }
        #expect(pool.spawned.count == 2)
        #expect(pool.workers(live).first?.wear == .memory(1000))
        pool.comeUp(live)
        #expect(!pool.isStopped(claim.endpoint.worker))
        pool.checkin(claim)
        #expect(pool.isStopped(claim.endpoint.worker))
    }

    @Test func `memory over the hard limit stops at once, and another worker boots`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.hardMemoryLimit = 1000 })
        let claim = try pool.claim()
        pool.memory(claim.endpoint.worker, 1000)
        #expect(pool.stops == [.init(worker: claim.endpoint.worker, grace: .seconds(2))])
        #expect(pool.spawned.count == 2)
        #expect(pool.generation(live)?.lastError?.step == "memory")
        #expect(pool.machine.traffic(pool.app, live).crashes == 1)
    }

    @Test func `a worker that is over the hard limit before it serves is a failed boot`() throws {
        let pool = Harness()
        let (_, wait) = pool.boot(makeSpec { $0.pool.hardMemoryLimit = 1000 })
        pool.memory(pool.spawned[0], 2000)
        guard case .failure(let failure) = try #require(pool.boots[wait]) else { return }
        #expect(failure.failure.step == "memory")
        #expect(pool.isStopped(pool.spawned[0]))
    }

    @Test func `an app that is over its limit as soon as it is up does not boot workers without an end`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.pool.memoryLimit = 1000 })
        for _ in 0..<600 {
            for worker in pool.workers(live) where worker.state == .available { pool.memory(worker.number, 2000) }
            pool.tick()
            pool.comeUp(live)
            for stop in pool.stops where pool.state(stop.worker) == .stopping { pool.exited(stop.worker) }
        }
        #expect((5...20).contains(pool.spawned.count), "\(pool.spawned.count) boots in a minute")
    }
}
