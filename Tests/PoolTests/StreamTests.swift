import Model
import Testing

@testable import Pool

struct StreamTests {
    @Test func `a stream gives its place back at once, and the queue's head takes it`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let claim = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        #expect(pool.becomeStream(claim) == nil)
        #expect(waiter.answers.count == 1)
        #expect(pool.snapshot.generations[0].workers[0].streamsNow == 1)
        #expect(pool.snapshot.generations[0].workers[0].requestsNow == 1)
        pool.streamEnded(claim)
        #expect(pool.snapshot.generations[0].workers[0].streamsNow == 0)
        #expect(pool.snapshot.generations[0].traffic.requests == 1)
    }

    @Test func `what a stream answered is counted when it becomes one`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec())
        let claim = try pool.claim()
        pool.becomeStream(claim, .appError)
        #expect(pool.generation(live)?.traffic.appErrors == 1)
        pool.streamEnded(claim)
        #expect(pool.generation(live)?.traffic.requests == 1)
    }

    @Test func `a draining generation waits for its streams by their own clock, and the gateway is told`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec { $0.deploy.streamDrain = .seconds(60) })
        let worker = pool.workers(old)[0].number
        let claim = try pool.claim()
        pool.becomeStream(claim)
        _ = pool.live(makeSpec(directory: "/new"))
        pool.drain(old, within: .seconds(5))
        #expect(pool.streamEnds == [.init(generation: old, worker: nil, window: .seconds(60))])
        pool.advance(.seconds(59))
        #expect(!pool.isStopped(worker))
        pool.advance(.seconds(1))
        #expect(pool.isStopped(worker))
        #expect(pool.events.contains(.drainDeadline(inFlight: 1)))
        pool.exited(worker)
        pool.streamEnded(claim)
        #expect(pool.generation(old) == nil)
    }

    @Test func `the last stream's end stops a draining worker`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec())
        let worker = pool.workers(old)[0].number
        let claim = try pool.claim()
        pool.becomeStream(claim)
        _ = pool.live(makeSpec(directory: "/new"))
        pool.drain(old, within: .seconds(5))
        #expect(!pool.isStopped(worker))
        pool.streamEnded(claim)
        #expect(pool.isStopped(worker))
    }

    @Test func `a request over its drain's time does not outlive the worker's last stream`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec(), concurrency: 2)
        let worker = pool.workers(old)[0].number
        let stream = try pool.claim()
        _ = try pool.claim()
        pool.becomeStream(stream)
        _ = pool.live(makeSpec(directory: "/new"))
        pool.drain(old, within: .seconds(5))
        pool.advance(.seconds(6))
        #expect(!pool.isStopped(worker))
        pool.streamEnded(stream)
        #expect(pool.isStopped(worker))
    }

    @Test func `a request that becomes a stream while its worker drains is told how long it has`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec { $0.deploy.streamDrain = .seconds(30) })
        let claim = try pool.claim()
        _ = pool.live(makeSpec(directory: "/new"))
        pool.drain(old, within: .seconds(20))
        #expect(pool.streamEnds.isEmpty)
        pool.advance(.seconds(10))
        #expect(pool.becomeStream(claim) == .seconds(20))
    }

    @Test func `a second drain shortens the streams' time, and says so`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec { $0.deploy.streamDrain = .seconds(30) })
        pool.becomeStream(try pool.claim())
        _ = pool.live(makeSpec(directory: "/new"))
        pool.drain(old, within: .seconds(20))
        pool.take(pool.machine.drain(old, of: pool.app, within: .seconds(20), streams: .seconds(3), now: pool.now))
        #expect(pool.streamEnds.map(\.window) == [.seconds(30), .seconds(3)])
    }

    @Test func `at a shutdown streams have no longer than the server`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec { $0.deploy.streamDrain = .seconds(600) })
        let worker = pool.workers(live)[0].number
        pool.becomeStream(try pool.claim())
        pool.take(pool.machine.shutdown(within: .seconds(25), hurry: false, now: pool.now))
        #expect(pool.streamEnds.map(\.window) == [.seconds(25)])
        pool.advance(.seconds(24))
        #expect(!pool.isStopped(worker))
        pool.advance(.seconds(1))
        #expect(pool.isStopped(worker))
    }

    @Test func `scaling down takes the worker without streams, or ends those of the one it takes`() throws {
        let pool = Harness()
        let live = pool.live(makeSpec(workers: 2) { $0.deploy.streamDrain = .seconds(9) })
        let first = try pool.claim()
        pool.becomeStream(first)
        pool.take(pool.machine.scale(live, of: pool.app, workers: 1, now: pool.now))
        #expect(!pool.isStopped(first.endpoint.worker))
        #expect(pool.streamEnds.isEmpty)
        pool.take(pool.machine.scale(live, of: pool.app, workers: 2, now: pool.now))
        pool.comeUp(live)
        pool.becomeStream(try pool.claim(.init(sticky: nil)))
        pool.becomeStream(try pool.claim(.init(sticky: nil)))
        pool.take(pool.machine.scale(live, of: pool.app, workers: 1, now: pool.now))
        #expect(pool.streamEnds.count == 1)
        #expect(pool.streamEnds.first?.worker != nil && pool.streamEnds.first?.window == .seconds(9))
    }

    @Test func `the stream of a worker that died ends in peace`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let claim = try pool.claim()
        pool.becomeStream(claim)
        pool.exited(claim.endpoint.worker)
        pool.streamEnded(claim)
        #expect(pool.snapshot.generations[0].workers.allSatisfy { $0.streamsNow == 0 })
    }
}

struct UnlimitedTests {
    private let unlimited = CheckoutWish(isUnlimited: true)

    @Test func `an unlimited request is granted although every worker is full`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec(workers: 2))
        let claims = try (0..<2).map { _ in try pool.claim() }
        let polls = try (0..<10).map { _ in try pool.claim(unlimited) }
        #expect(polls.allSatisfy { !$0.takesPlace })
        #expect(pool.snapshot.generations[0].workers.map(\.streamsNow) == [5, 5])
        try pool.queue(TestWaiter())
        for claim in polls { pool.checkin(claim) }
        #expect(pool.snapshot.generations[0].workers.map(\.streamsNow) == [0, 0])
        #expect(pool.snapshot.queueLength == 1)
        pool.checkin(claims[0])
        #expect(pool.granted.count == 1)
    }

    @Test func `an unlimited request takes no place`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        _ = try pool.claim(unlimited)
        _ = try pool.claim()
        try pool.queue(TestWaiter())
    }

    @Test func `unlimited requests wait for a worker to be there, and then all of them go at once`() throws {
        let pool = Harness()
        let live = pool.bootLive(makeSpec())
        let ordinary = (0..<2).map(TestWaiter.init)
        let polls = (0..<3).map(TestWaiter.init)
        try pool.queue(ordinary[0])
        for poll in polls { try pool.queue(poll, unlimited) }
        try pool.queue(ordinary[1])
        pool.comeUp(live)
        #expect(polls.allSatisfy { $0.answers.count == 1 })
        #expect(ordinary.map(\.answers.count) == [1, 0])
    }

    @Test func `a drain waits for unlimited requests as for streams, and the gateway ends them`() throws {
        let pool = Harness()
        let old = pool.live(makeSpec { $0.deploy.streamDrain = .seconds(60) })
        let poll = try pool.claim(unlimited)
        _ = pool.live(makeSpec(directory: "/new"))
        pool.drain(old, within: .seconds(1))
        #expect(pool.streamEnds.count == 1)
        pool.advance(.seconds(2))
        #expect(!pool.isStopped(poll.endpoint.worker))
        pool.checkin(poll)
        #expect(pool.isStopped(poll.endpoint.worker))
    }

    @Test func `an unlimited request that is upgraded is one stream and no more`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let poll = try pool.claim(unlimited)
        pool.becomeStream(poll)
        #expect(pool.snapshot.generations[0].workers.map(\.streamsNow) == [1])
        pool.streamEnded(poll)
        #expect(pool.snapshot.generations[0].workers.map(\.streamsNow) == [0])
    }
}
