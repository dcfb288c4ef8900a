import Model
import Testing

@testable import Pool

struct WorkTests {
    @Test func `a worker that asks for it is taken out when it is idle, told to work, and put back`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2), concurrency: 2)
        let claim = try pool.claim()
        pool.machine.workerWantsWork(claim)
        pool.tick()
        let worker = claim.endpoint.worker
        #expect(pool.state(worker) == .working)
        #expect(pool.works.isEmpty, "it has a request")
        for _ in 0..<2 { #expect(try pool.claim().endpoint.worker != worker) }
        pool.checkin(claim)
        pool.tick()
        #expect(pool.works == [worker])
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.worked(worker)
        #expect(waiter.answers.count == 1)
        #expect(pool.state(worker) == .available)
        pool.advance(.seconds(5))
        #expect(pool.works.count == 1)
    }

    @Test func `the only worker waits for a stand-in, which goes afterwards`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let claim = try pool.claim()
        pool.machine.workerWantsWork(claim)
        pool.checkin(claim)
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 2)
        #expect(pool.works.isEmpty)
        #expect(try pool.claim() == claim)
        pool.checkin(claim)
        pool.comeUp(live)
        pool.tick()
        #expect(pool.works == [claim.endpoint.worker])
        #expect(try pool.claim().endpoint.worker == pool.spawned[1])
        pool.worked(claim.endpoint.worker)
        #expect(pool.generation(live)?.target == 1)
        #expect(pool.workers(live).filter { $0.state == .available }.count == 1)
    }

    @Test func `one works at a time, of all apps together`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 3))
        let claims = try (0..<3).map { _ in try pool.claim() }
        for claim in claims {
            pool.machine.workerWantsWork(claim)
            pool.checkin(claim)
        }
        pool.app = pool.machine.addApp(AppName(sanitizing: "shop"), queue: QueueSettings())
        _ = pool.live(makeSpec(workers: 2, directory: "/shop"))
        let other = try pool.claim()
        pool.machine.workerWantsWork(other)
        pool.checkin(other)
        pool.advance(.seconds(1))
        #expect(pool.works.count == 1)
        for done in 1...4 {
            pool.worked(pool.works.last!)
            pool.tick()
            #expect(pool.works.count == min(4, done + 1))
        }
        #expect(Set(pool.works).count == 4)
    }

    @Test func `one that does not come back is stopped and replaced`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2))
        let claim = try pool.claim()
        pool.machine.workerWantsWork(claim)
        pool.checkin(claim)
        pool.advance(.seconds(299))
        #expect(pool.stops.isEmpty)
        pool.advance(.seconds(2))
        #expect(pool.isStopped(claim.endpoint.worker))
        #expect(pool.spawned.count == 3)
        pool.worked(claim.endpoint.worker)
        pool.exited(claim.endpoint.worker)
    }

    @Test func `a drain waits for the work`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec(workers: 2))
        let claim = try pool.claim()
        pool.machine.workerWantsWork(claim)
        pool.checkin(claim)
        pool.tick()
        _ = pool.live(makeSpec(directory: "/new"))
        pool.drain(old, within: .seconds(60))
        #expect(!pool.isStopped(claim.endpoint.worker))
        pool.worked(claim.endpoint.worker, crash)
        #expect(pool.isStopped(claim.endpoint.worker))
    }
}
