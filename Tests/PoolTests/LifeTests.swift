import Model
import Testing

@testable import Pool

struct SwitchTests {
    @Test func `queued requests go to the new generation at once`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec())
        _ = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        let new = pool.boot(makeSpec()).number
        pool.comeUp(new)
        #expect(pool.switchTraffic(to: new) == old)
        #expect(pool.granted.map(\.claim.endpoint.generation) == [new])
        #expect(pool.generation(old)?.state == .standby)
        #expect(pool.workers(old).count == 1)
    }

    @Test func `only a generation that proved itself can be switched to`() {
        let pool = Harness()
        let old = pool.live(makeSpec())
        let new = pool.boot(makeSpec()).number
        #expect(pool.switchTraffic(to: new) == nil)
        #expect(pool.switchTraffic(to: GenerationNumber(99)) == nil)
        #expect(pool.snapshot.table == RoutingTable(all: old))
    }

    @Test func `a generation that died after its proof gets no traffic as long as the old one lives`() {
        let pool = Harness()
        let old = pool.live(makeSpec())
        let new = pool.boot(makeSpec()).number
        pool.comeUp(new)
        pool.exited(pool.workers(new)[0].number)
        #expect(pool.switchTraffic(to: new) == nil)
        #expect(pool.snapshot.table == RoutingTable(all: old))
    }

    @Test func `a rollback goes back to the standby`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec(workers: 3))
        let new = pool.live(makeSpec(workers: 3))
        pool.take(pool.machine.park(old, of: pool.app, workers: 1, now: pool.now))
        #expect(pool.stops.count == 2)
        for stop in pool.stops { pool.exited(stop.worker) }
        pool.take(pool.machine.scale(old, of: pool.app, workers: 3, now: pool.now))
        let wait = pool.wait(for: .ready(pool.app, old, workers: 3, deadline: pool.now + .seconds(60)))
        #expect(pool.waits[wait] == nil)
        pool.comeUp(old)
        #expect(pool.waits[wait] == true)
        #expect(pool.switchTraffic(to: old) == new)
        #expect(try pool.claim().endpoint.generation == old)
    }

    @Test func `a standby is never parked below one worker, and a live generation not at all`() {
        let pool = Harness()
        let old = pool.live(makeSpec(workers: 2))
        pool.take(pool.machine.park(old, of: pool.app, workers: 0, now: pool.now))
        #expect(pool.generation(old)?.target == 2)
        _ = pool.live(makeSpec())
        pool.take(pool.machine.park(old, of: pool.app, workers: 0, now: pool.now))
        #expect(pool.generation(old)?.target == 1)
    }

    @Test func `waiting for workers ends at its deadline`() {
        let pool = Harness()
        let number = pool.boot(makeSpec()).number
        let wait = pool.wait(for: .ready(pool.app, number, workers: 1, deadline: pool.now + .seconds(1)))
        pool.advance(.seconds(1))
        #expect(pool.waits[wait] == false)
    }
}

struct DrainTests {
    @Test func `requests in flight finish, then the workers stop, then the generation is gone`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec(workers: 2), concurrency: 2)
        let claims = try (0..<3).map { _ in try pool.claim() }
        let new = pool.live(makeSpec())
        pool.drain(old, within: .seconds(10))
        let gone = pool.wait(for: .gone(pool.app, old))
        #expect(pool.stops.isEmpty)
        #expect(try pool.claim().endpoint.generation == new)
        for claim in claims { pool.checkin(claim) }
        #expect(Set(pool.stops) == Set(pool.workers(old).map { .init(worker: $0.number, grace: .seconds(3)) }))
        #expect(pool.waits[gone] == nil)
        for stop in pool.stops { pool.exited(stop.worker) }
        #expect(pool.waits[gone] == true)
        #expect(pool.events.contains(.generationGone))
    }

    @Test func `at the deadline they are stopped whatever they do`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec())
        let claim = try pool.claim()
        _ = pool.live(makeSpec())
        pool.drain(old, within: .seconds(10))
        pool.advance(.seconds(9.9))
        #expect(pool.stops.isEmpty)
        pool.advance(.milliseconds(100))
        #expect(pool.stops.count == 1)
        #expect(pool.events.contains(.drainDeadline(inFlight: 1)))
        pool.checkin(claim)
        pool.exited(claim.endpoint.worker)
        #expect(pool.generation(old) == nil)
    }

    @Test func `a second drain can only shorten the first`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec())
        _ = try pool.claim()
        _ = pool.live(makeSpec())
        pool.drain(old, within: .seconds(10))
        pool.drain(old, within: .seconds(60))
        pool.drain(old, within: .seconds(1))
        pool.advance(.seconds(1))
        #expect(pool.stops.count == 1)
    }

    @Test func `the live generation cannot be drained`() {
        let pool = Harness()
        let live = pool.live(makeSpec())
        pool.drain(live, within: .zero)
        #expect(pool.generation(live)?.state == .live)
    }

    @Test func `a worker that dies while it drains is not replaced`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec())
        let claim = try pool.claim()
        _ = pool.live(makeSpec())
        pool.drain(old, within: .seconds(10))
        let spawned = pool.spawned.count
        pool.exited(claim.endpoint.worker)
        #expect(pool.generation(old) == nil)
        pool.checkin(claim, .gatewayError)
        pool.advance(.seconds(2))
        #expect(pool.spawned.count == spawned)
    }

    @Test func `shrinking lets busy workers finish`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(workers: 3))
        let claims = try (0..<3).map { _ in try pool.claim() }
        pool.take(pool.machine.scale(live, of: pool.app, workers: 1, now: pool.now))
        #expect(pool.stops.isEmpty)
        for claim in claims { pool.checkin(claim) }
        #expect(pool.stops.count == 2)
        #expect(pool.workers(live).filter { $0.state == .available }.count == 1)
    }
}

/// `max_request_time` is over for a request.
struct OverdueTests {
    @Test func `a worker that does nothing else is stopped without much patience and replaced at once`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let claim = try pool.claim()
        pool.overdue(claim)
        #expect(pool.stops.map(\.worker) == [claim.endpoint.worker])
        #expect(pool.stops.first?.grace == PoolLimits(seed: 0).shortGrace)
        #expect(pool.spawned.count == 2)
        #expect(pool.machine.traffic(pool.app, live).gatewayErrors == 1)
    }

    @Test func `a worker with other requests gets no more, is replaced, and stops after them`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(), concurrency: 3)
        let claims = try (0..<3).map { _ in try pool.claim() }
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.overdue(claims[0])
        #expect(pool.stops.isEmpty && waiter.answers.isEmpty)
        #expect(pool.spawned.count == 2)
        pool.comeUp(live, concurrency: 3)
        #expect(waiter.answers.count == 1)
        pool.checkin(claims[1])
        pool.advance(.seconds(5))
        #expect(pool.stops.isEmpty)
        pool.checkin(claims[2])
        #expect(pool.stops.map(\.worker) == [claims[0].endpoint.worker])
        #expect(pool.stops.first?.grace == PoolLimits(seed: 0).shortGrace, "one request may never end")
        #expect(pool.workers(live).filter { $0.state == .available }.count == 1)
    }

    @Test func `a worker that hears of closed connections has to prove itself, and keeps its other requests`() throws {
        let pool = Harness()
        let live = pool.boot(makeSpec()).number
        let worker = pool.spawned[0]
        pool.booted(worker, concurrency: 1024, wireProtocol: .http)
        pool.proved(worker)
        pool.switchTraffic(to: live)
        let other = try pool.claim()
        let proofs = pool.proofs.count
        pool.overdue(try pool.claim())
        #expect(pool.state(worker) == .suspected && pool.proofs.count == proofs + 1)
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.proved(worker)
        #expect(waiter.answers == [.granted(other)])
        #expect(pool.stops.isEmpty && pool.spawned.count == 1)
    }

    @Test func `the claim of a worker that has exited only counts`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let claim = try pool.claim()
        pool.exited(claim.endpoint.worker)
        pool.comeUp(live)
        pool.overdue(claim)
        #expect(pool.stops.isEmpty)
        #expect(pool.machine.traffic(pool.app, live).gatewayErrors == 1)
    }
}

struct ReplacementTests {
    @Test func `a dead worker is replaced at once`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let claim = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.exited(claim.endpoint.worker)
        #expect(pool.spawned.count == 2)
        #expect(waiter.answers.isEmpty, "it waits for the replacement")
        pool.comeUp(live)
        #expect(waiter.answers.count == 1)
        #expect(pool.machine.traffic(pool.app, live).crashes == 1)
    }

    @Test func `workers that keep dying young are replaced more and more slowly`() {
        let pool = Harness()
        let live = pool.live(makeSpec())
        pool.exited(pool.spawned[0])
        pool.comeUp(live)
        pool.exited(pool.spawned[1])
        #expect(pool.spawned.count == 2)
        pool.advance(.seconds(1))
        #expect(pool.spawned.count == 3)
        pool.comeUp(live)
        pool.advance(.seconds(11))
        pool.exited(pool.spawned[2])
        #expect(pool.spawned.count == 4, "one that lived long enough clears the count")
    }

    @Test func `when replacements do not boot, requests hear the reason`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        pool.exited(pool.spawned[0])
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.exited(pool.spawned[1], syntaxError)
        #expect(waiter.answers == [.refused(.notBooted(summary: syntaxError.summary))])
        #expect(pool.snapshot.table == RoutingTable(all: live))
    }

    @Test func `a suspected worker that cannot be proved is replaced`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let claim = try pool.claim()
        pool.unreachable(claim)
        pool.unhealthy(claim.endpoint.worker)
        #expect(pool.isStopped(claim.endpoint.worker))
        #expect(pool.spawned.count == 2)
        #expect(pool.machine.traffic(pool.app, live).crashes == 1)
    }

    @Test func `news about a worker that has exited are ignored`() {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let worker = pool.spawned[0]
        pool.exited(worker)
        pool.booted(worker)
        pool.proved(worker)
        pool.unhealthy(worker)
        pool.exited(worker)
        #expect(pool.state(worker) == nil)
    }
}

struct ClosingTests {
    @Test func `shutdown answers the queue where a worker is there, and ends when all have exited`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let claim = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.take(pool.machine.shutdown(within: .seconds(20), hurry: false, now: pool.now))
        let done = pool.wait(for: .shutDown)
        #expect(pool.refusal() == .shuttingDown)
        pool.checkin(claim)
        #expect(waiter.answers == [.granted(claim)])
        pool.checkin(pool.granted[0].claim)
        #expect(pool.stops == [.init(worker: claim.endpoint.worker, grace: .seconds(3))])
        #expect(pool.waits[done] == nil)
        pool.exited(claim.endpoint.worker)
        #expect(pool.waits[done] == true)
        #expect(pool.generation(live) == nil)
    }

    @Test func `shutdown waits no longer than it may`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec { $0.pool.stopTimeout = .seconds(60) })
        _ = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.take(pool.machine.shutdown(within: .seconds(5), hurry: false, now: pool.now))
        pool.advance(.seconds(5))
        #expect(waiter.answers == [.refused(.shuttingDown)])
        #expect(pool.stops == [.init(worker: pool.spawned[0], grace: .seconds(2))])
    }

    @Test func `a second call hurries`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2) { $0.pool.stopTimeout = .seconds(60) })
        let claim = try pool.claim()
        pool.take(pool.machine.shutdown(within: .seconds(25), hurry: false, now: pool.now))
        #expect(pool.stops.map(\.grace) == [.seconds(25)])
        pool.take(pool.machine.shutdown(within: .seconds(25), hurry: true, now: pool.now))
        #expect(pool.stops.dropFirst().map(\.grace) == [.seconds(2), .seconds(2)])
        #expect(pool.isStopped(claim.endpoint.worker))
    }

    @Test func `nobody waits at a shutdown for a worker that never was`() throws {
        let pool = Harness()
        _ = pool.bootLive(makeSpec())
        let waiter = TestWaiter()
        try pool.queue(waiter)
        pool.take(pool.machine.shutdown(within: .seconds(25), hurry: false, now: pool.now))
        #expect(waiter.answers == [.refused(.shuttingDown)])
        #expect(pool.stops.count == 1)
        let (_, wait) = pool.boot(makeSpec())
        #expect(throws: GenerationFailure.self) { try pool.boots[wait]?.get() }
    }

    @Test func `a removed app drains and is forgotten, its index is not used again`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        pool.take(pool.machine.removeApp(pool.app, now: pool.now))
        #expect(pool.refusal() == .shuttingDown)
        pool.exited(pool.spawned[0])
        #expect(pool.machine.snapshot().apps.isEmpty)
        #expect(pool.machine.addApp(AppName(sanitizing: "blog"), queue: QueueSettings()) != pool.app)
    }
}

extension Harness.Stop: Hashable {
    func hash(into hasher: inout Hasher) { hasher.combine(worker) }
}
