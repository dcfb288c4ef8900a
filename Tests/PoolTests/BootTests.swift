import Model
import Testing

@testable import Pool

struct BootTests {
    @Test func `a generation is proved when every worker is`() throws {
        let pool = Harness()
        let (number, wait) = pool.boot(makeSpec(workers: 2))
        pool.booted(pool.spawned[0])
        pool.booted(pool.spawned[1])
        pool.proved(pool.spawned[0])
        pool.now = pool.now + .seconds(2)
        #expect(pool.boots[wait] == nil)
        pool.proved(pool.spawned[1], weak: true)
        #expect(
            try pool.boots[wait]?.get()
                == BootedGeneration(number: number, weakProof: true, bootTime: .seconds(2)))
        #expect(pool.refusal() == .notBooted(summary: "no version of this app is live yet"))
    }

    @Test func `with the handshake as proof nobody is asked to prove`() throws {
        let pool = Harness()
        let (_, wait) = pool.boot(makeSpec(proof: .handshake))
        pool.booted(pool.spawned[0])
        #expect(pool.proofs.isEmpty)
        #expect(pool.boots[wait] != nil)
    }

    @Test func `boots in parallel are bounded`() {
        let pool = Harness()
        pool.boot(makeSpec(workers: 5) { $0.pool.maxParallelSpawns = 2 })
        #expect(pool.spawned.count == 2)
        pool.booted(pool.spawned[0])
        #expect(pool.spawned.count == 3)
    }

    @Test func `a failed boot is tried once more, then the generation fails with the reason`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let (number, wait) = pool.boot(makeSpec(workers: 2))
        pool.booted(pool.spawned[1])
        pool.exited(pool.spawned[2], syntaxError)
        #expect(pool.boots[wait] == nil)
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 4)
        pool.exited(pool.spawned[3], syntaxError)
        let failure = GenerationFailure(generation: number, failure: syntaxError, failures: 2)
        #expect(pool.boots[wait] == .failure(failure))
        #expect(pool.isStopped(pool.spawned[1]))
        pool.exited(pool.spawned[1])
        #expect(pool.generation(number) == nil)
        #expect(pool.generation(live)?.state == .live)
        #expect(pool.snapshot.lastBootFailure == syntaxError)
    }

    @Test func `an unhealthy worker fails the generation at once`() {
        let pool = Harness()
        let (_, wait) = pool.boot(makeSpec(workers: 2))
        let failure = BootFailure(step: "health", summary: "GET / answered 500")
        pool.booted(pool.spawned[0])
        pool.unhealthy(pool.spawned[0], failure)
        #expect(throws: GenerationFailure.self) { try pool.boots[wait]?.get() }
        #expect(pool.stops.map(\.worker) == pool.spawned)
    }

    @Test func `a boot that hangs fails after start_timeout with all that was known`() throws {
        let pool = Harness()
        let (number, wait) = pool.boot(makeSpec())
        pool.advance(.seconds(5))
        #expect(pool.stops == [.init(worker: pool.spawned[0], grace: .seconds(2))])
        #expect(pool.boots[wait] == nil, "the output is not complete yet")
        pool.exited(pool.spawned[0], BootFailure(step: "load_app", summary: "signal 9", outputTail: ["connecting…"]))
        guard case .failure(let failure) = try #require(pool.boots[wait]) else { return }
        #expect(failure.generation == number)
        #expect(failure.failure.step == "start_timeout")
        #expect(failure.failure.summary.contains("load_app"))
        #expect(failure.failure.outputTail == ["connecting…"])
        #expect(pool.spawned.count == 1)
    }

    @Test func `a process that does not even die holds nobody up, and stays accounted for`() throws {
        let pool = Harness()
        let (number, wait) = pool.boot(makeSpec())
        pool.advance(.seconds(5 + 2 + 2))
        guard case .failure(let failure) = try #require(pool.boots[wait]) else { return }
        #expect(failure.failure.step == "start_timeout")
        #expect(pool.workers(number).map(\.state) == [.stopping])
        pool.exited(pool.spawned[0])
        #expect(pool.generation(number) == nil)
    }

    @Test func `a prober that never answers is not waited for`() throws {
        let pool = Harness()
        let (_, wait) = pool.boot(makeSpec { $0.health.deadline = .seconds(1) })
        pool.booted(pool.spawned[0])
        pool.advance(.seconds(7))
        guard case .failure(let failure) = try #require(pool.boots[wait]) else { return }
        #expect(failure.failure.step == "health_timeout")
    }

    @Test func `exiting after listening is a failed boot`() throws {
        let pool = Harness()
        let (_, wait) = pool.boot(makeSpec(workers: 2))
        pool.booted(pool.spawned[0])
        for _ in 0..<2 {
            let worker = pool.spawned.last!
            pool.booted(worker)
            pool.proved(worker)
            pool.exited(worker)
            pool.advance(.seconds(1))
        }
        #expect(throws: GenerationFailure.self) { try pool.boots[wait]?.get() }
    }

    @Test func `a cancelled boot is discarded, and a late worker is stopped`() throws {
        let pool = Harness()
        let (number, wait) = pool.boot(makeSpec())
        let worker = pool.spawned[0]
        pool.take(pool.machine.cancel(wait, now: pool.now))
        guard case .failure(let failure) = try #require(pool.boots[wait]) else { return }
        #expect(failure.failure.step == "aborted")
        #expect(pool.stops.count == 1)
        pool.booted(worker)
        #expect(pool.stops.map(\.worker) == [worker, worker], "stopped again, now that it can be reached")
        #expect(pool.proofs.isEmpty)
        pool.exited(worker)
        #expect(pool.generation(number) == nil)
    }

    @Test func `the pool's size bounds generations, but never to nothing`() {
        let pool = Harness(limits: PoolLimits(maxPoolSize: 4, maxSurge: 6))
        let first = pool.live(makeSpec(workers: 10))
        #expect(pool.generation(first)?.target == 4)
        let other = pool.machine.addApp(AppName(sanitizing: "shop"), queue: QueueSettings())
        let (second, actions) = pool.machine.bootLive(other, makeSpec(workers: 3), now: pool.now)
        pool.take(actions)
        #expect(pool.machine.snapshot()[other]?.generations.first { $0.number == second }?.target == 1)
        let beside = pool.boot(makeSpec(workers: 10)).number
        #expect(pool.generation(beside)?.target == 3, "what the other app leaves of the size")
        let trial = pool.boot(makeSpec(workers: 10)).number
        #expect(pool.generation(trial)?.target == 3, "what the first boot leaves of the surge")
        #expect(pool.generation(pool.boot(makeSpec(workers: 2)).number)?.target == 1)
    }
}

struct LiveBootTests {
    @Test func `requests wait for the first worker of a server that starts`() throws {
        let pool = Harness()
        let number = pool.bootLive(makeSpec(workers: 2))
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.booted(pool.spawned[0])
        #expect(waiter.answers.isEmpty)
        pool.proved(pool.spawned[0])
        #expect(waiter.answers.count == 1)
        #expect(pool.generation(number)?.state == .live)
    }

    @Test func `when the boot fails they are told why, and so are those who come during the back-off`() throws {
        let pool = Harness()
        let number = pool.bootLive(makeSpec())
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.exited(pool.spawned[0], syntaxError)
        let refusal = Refusal.notBooted(summary: syntaxError.summary)
        #expect(waiter.answers == [.refused(refusal)])
        #expect(pool.refusal() == refusal)
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 2)
        let second = TestWaiter()
        try pool.queue(second)
        pool.comeUp(number)
        #expect(second.answers.count == 1)
        #expect(pool.snapshot.lastBootFailure == nil)
    }

    @Test func `it is retried for ever, at most every 30 seconds`() {
        let pool = Harness()
        _ = pool.bootLive(makeSpec())
        var gaps: [Duration] = []
        for _ in 0..<12 {
            let count = pool.spawned.count
            pool.exited(pool.spawned.last!, syntaxError)
            let start = pool.now
            while pool.spawned.count == count { pool.advance(.milliseconds(100)) }
            gaps.append(pool.now - start)
        }
        #expect(gaps[0] <= .milliseconds(500))
        #expect(gaps.last! > .seconds(20) && gaps.last! <= .seconds(30.1))
    }

    @Test func `a deploy that is switched to first makes it superfluous`() {
        let pool = Harness()
        let pending = pool.bootLive(makeSpec())
        let next = pool.boot(makeSpec()).number
        pool.comeUp(next)
        #expect(pool.switchTraffic(to: next) == nil)
        #expect(pool.generation(pending)?.state == .draining)
        pool.booted(pool.spawned[0])
        pool.exited(pool.spawned[0])
        #expect(pool.generation(pending) == nil)
    }
}
