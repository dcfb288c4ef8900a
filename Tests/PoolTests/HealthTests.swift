import Model
import Testing

@testable import Pool

struct HealthTests {
    private func spec(_ workers: Int = 1, directory: String = "/app") -> GenerationSpec {
        makeSpec(workers: workers, directory: directory) { $0.health.path = "/up" }
    }
    private let bad = BootFailure(step: "health", summary: "GET /up answered 500")

    /// Answers every probe of so long; bad for those named.
    private func watch(_ pool: Harness, _ time: Duration, bad failing: [WorkerNumber] = []) {
        var answered = pool.probes.count
        let end = pool.now + time
        while pool.now < end {
            pool.tick()
            for worker in pool.probes[answered...] { pool.probed(worker, failing.contains(worker) ? bad : nil) }
            answered = pool.probes.count
        }
    }

    @Test func `workers that serve are probed in turn, every five seconds, one at a time`() {
        let pool = Harness()
        _ = pool.live(spec(3))
        pool.advance(.seconds(20))
        #expect(pool.probes.count == 1, "the first was not answered")
        pool.probed(pool.probes[0])
        watch(pool, .seconds(20))
        #expect((12...15).contains(pool.probes.count), "\(pool.probes.count)")
        #expect(Set(pool.probes) == Set(pool.spawned))
    }

    @Test func `without a health path nobody is probed, and with interval 0 neither`() {
        let pool = Harness()
        _ = pool.live(makeSpec())
        pool.advance(.seconds(20))
        _ = pool.live(
            makeSpec {
                $0.health.path = "/up"
                $0.health.afterSwitchInterval = .zero
            })
        pool.advance(.seconds(20))
        #expect(pool.probes.isEmpty)
    }

    @Test func `a busy worker is not probed, and a probed one has no place for a request`() throws {
        let pool = Harness()
        _ = pool.live(spec())
        let claim = try pool.claim()
        pool.advance(.seconds(20))
        #expect(pool.probes.isEmpty)
        pool.checkin(claim)
        pool.tick()
        #expect(pool.probes.count == 1)
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.probed(pool.probes[0])
        #expect(waiter.answers == [.granted(claim)])
        #expect(pool.snapshot.generations[0].workers[0].requestsTotal == 2)
    }

    @Test func `a worker that fails three times in a row is taken out and replaced`() {
        let pool = Harness()
        let live = pool.live(spec(3))
        let sick = pool.spawned[1]
        watch(pool, .seconds(11), bad: [sick])
        #expect(!pool.isStopped(sick))
        watch(pool, .seconds(6))
        watch(pool, .seconds(11), bad: [sick])
        #expect(!pool.isStopped(sick), "a good answer in between")
        watch(pool, .seconds(6), bad: [sick])
        #expect(pool.isStopped(sick))
        #expect(pool.spawned.count == 4)
        #expect(pool.generation(live)?.lastError == bad)
    }

    @Test func `when most fail none is taken out, and it is said once`() {
        let pool = Harness()
        _ = pool.live(spec(4))
        watch(pool, .seconds(60), bad: Array(pool.spawned.prefix(3)))
        #expect(pool.stops.isEmpty)
        let told = pool.events.filter { if case .mostUnhealthy = $0 { true } else { false } }
        #expect(told == [.mostUnhealthy(failing: 3, of: 4, bad)])
        watch(pool, .seconds(12))
        #expect(pool.events.contains(.mostHealthyAgain))
        watch(pool, .seconds(13), bad: [pool.spawned[0]])
        #expect(pool.stops.map(\.worker) == [pool.spawned[0]])
    }

    @Test func `the only worker goes when another one has proved itself, and not before`() throws {
        let pool = Harness()
        let live = pool.live(spec())
        watch(pool, .seconds(16), bad: pool.spawned)
        #expect(pool.spawned.count == 2)
        #expect(pool.stops.isEmpty)
        #expect(pool.workers(live).first?.wear == .unhealthy(bad))
        pool.comeUp(live)
        #expect(pool.stops.map(\.worker) == [pool.spawned[0]])
    }

    @Test func `a probe that is never answered counts as a bad one`() {
        let pool = Harness()
        _ = pool.live(spec(3))
        pool.advance(.seconds(15 + 5.1))
        pool.advance(.seconds(1))
        #expect(pool.probes.count == 2)
        pool.probed(pool.probes[0])
        #expect(pool.snapshot.generations[0].workers.reduce(0) { $0 + $1.requestsNow } == 1)
    }

    @Test func `probes end with the traffic`() {
        let pool = Harness()
        _ = pool.live(spec(2))
        pool.advance(.seconds(6))
        #expect(pool.probes.count == 1)
        let next = pool.live(spec(2, directory: "/new"))
        for _ in 0..<3 { pool.probed(pool.probes[0], bad) }
        #expect(pool.stops.isEmpty)
        watch(pool, .seconds(12))
        #expect(pool.probes.dropFirst().allSatisfy { number in pool.workers(next).contains { $0.number == number } })
    }

    @Test func `a worker that drains while it is probed stops after its probe`() {
        let pool = Harness()
        let old = pool.live(spec())
        pool.advance(.seconds(6))
        _ = pool.live(makeSpec(directory: "/new"))
        pool.drain(old, within: .seconds(60))
        #expect(pool.stops.isEmpty)
        pool.probed(pool.probes[0])
        #expect(pool.isStopped(pool.probes[0]))
    }
}
