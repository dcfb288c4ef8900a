import Model
import Testing

@testable import Pool

@Suite("Workers of an earlier core")
struct AdoptionTests {
    private func settings(_ change: (inout AppSettings) -> Void = { _ in }) -> AppSettings {
        var settings = AppSettings(name: AppName(sanitizing: "blog"), directory: "/srv/blog", kind: .rack)
        settings.pool.minInstances = 1
        change(&settings)
        return settings
    }

    private func worker(_ number: UInt32, concurrency: Int = 1) -> WorkerRecord {
        WorkerRecord(
            number: WorkerNumber(number), sticky: StickyID(rawValue: UInt64(number) * 7),
            address: .unix(path: "/run/w\(number)"), wireProtocol: .session, concurrency: concurrency, requests: 5,
            bornAt: Instant(nanoseconds: 1))
    }

    private func generation(
        _ number: UInt32, _ state: GenerationState, target: Int, _ workers: [UInt32], _ settings: AppSettings
    ) -> GenerationRecord {
        GenerationRecord(
            number: GenerationNumber(number),
            spec: GenerationSpec(app: settings.name, settings: settings, workers: target), state: state,
            target: target, bornAt: Instant(nanoseconds: 1), workers: workers.map { worker($0) })
    }

    private func adopt(_ generations: [GenerationRecord], live: UInt32?, into pool: Harness) {
        let record = AppRecord(
            name: AppName(sanitizing: "blog"), generations: generations, live: live.map { GenerationNumber($0) },
            lastGeneration: GenerationNumber(9))
        pool.take(pool.machine.adopt(pool.app, record, lastWorker: WorkerNumber(20), now: pool.now))
    }

    @Test("a request waits until a worker answers, and those that have are preferred to those that have not")
    func unknownUntilTheyAnswer() throws {
        let pool = Harness()
        adopt([generation(4, .live, target: 2, [3, 8], settings())], live: 4, into: pool)
        #expect(pool.spawned.isEmpty, "nothing is booted again")
        #expect(pool.greetings.map(\.worker) == [WorkerNumber(3), WorkerNumber(8)])
        #expect(pool.state(WorkerNumber(3)) == .unknown)
        let first = TestWaiter()
        try pool.queue(first)
        pool.proved(WorkerNumber(8))
        #expect(pool.granted.map(\.claim.endpoint.worker) == [WorkerNumber(8)])
        pool.checkin(try #require(pool.granted.first?.claim))
        let claim = try pool.claim()
        #expect(claim.endpoint.worker == WorkerNumber(8))
        #expect(claim.endpoint.sticky == StickyID(rawValue: 56), "clients' cookies still name it")
        #expect(pool.workers(GenerationNumber(4)).map(\.requestsTotal) == [5, 7])
        pool.proved(WorkerNumber(3))
        #expect(try pool.claim().endpoint.worker == WorkerNumber(3))
        #expect(pool.events.contains(.workerAnswered(WorkerNumber(3))))
    }

    @Test("silence alone is no reason to stop one, unless requests have a longest time")
    func silence() throws {
        for longest in [Duration.zero, .seconds(30)] {
            let pool = Harness()
            let settings = settings { $0.http.maxRequestTime = longest }
            adopt([generation(1, .live, target: 1, [3], settings)], live: 1, into: pool)
            pool.advance(.seconds(29))
            #expect(pool.stops.isEmpty)
            pool.advance(.seconds(400))
            #expect(pool.isStopped(WorkerNumber(3)) == (longest > .zero))
            #expect(pool.spawned.isEmpty == (longest == .zero))
        }
    }

    @Test(
        "one where nobody listens any more is replaced, as is one that ends, by workers of numbers that nobody has had")
    func gone() {
        let pool = Harness()
        adopt([generation(1, .live, target: 2, [3, 4], settings())], live: 1, into: pool)
        pool.unhealthy(WorkerNumber(3))
        #expect(pool.isStopped(WorkerNumber(3)))
        pool.exited(WorkerNumber(3))
        pool.exited(WorkerNumber(4))
        #expect(!pool.isStopped(WorkerNumber(4)))
        pool.advance(.seconds(5))
        #expect(pool.spawned.allSatisfy { $0.rawValue > 20 } && !pool.spawned.isEmpty)
        #expect(pool.snapshot.totals.crashes == 2)
    }

    @Test("workers that are missing are asked for, and one too many goes")
    func toTarget() {
        let few = Harness()
        adopt([generation(1, .live, target: 2, [3], settings())], live: 1, into: few)
        #expect(few.spawned == [WorkerNumber(21)])
        let many = Harness()
        adopt([generation(1, .live, target: 1, [3, 4], settings())], live: 1, into: many)
        #expect(many.stops.map(\.worker) == [WorkerNumber(4)])
        #expect(many.spawned.isEmpty)
    }

    @Test("a standby is kept, and traffic can be switched to it; the next generation has a number of its own")
    func standby() throws {
        let pool = Harness()
        adopt(
            [
                generation(4, .standby, target: 1, [3], settings()),
                generation(5, .live, target: 2, [6, 7], settings()),
            ], live: 5, into: pool)
        for number: UInt32 in [3, 6, 7] { pool.proved(WorkerNumber(number)) }
        #expect(try pool.claim().endpoint.generation == GenerationNumber(5))
        #expect(pool.generation(GenerationNumber(4))?.state == .standby)
        #expect(pool.switchTraffic(to: GenerationNumber(4)) == GenerationNumber(5))
        #expect(try pool.claim().endpoint.worker == WorkerNumber(3))
        #expect(
            pool.boot(GenerationSpec(app: AppName(sanitizing: "blog"), settings: settings(), workers: 1)).number
                == GenerationNumber(10))
    }

    @Test("without anything live only numbers are taken over, and nothing is adopted twice")
    func nothingLive() {
        let pool = Harness()
        adopt([generation(4, .standby, target: 1, [3], settings())], live: nil, into: pool)
        #expect(pool.snapshot.generations.isEmpty && pool.greetings.isEmpty)
        #expect(
            pool.bootLive(GenerationSpec(app: AppName(sanitizing: "blog"), settings: settings(), workers: 1))
                == GenerationNumber(10))
        adopt([generation(4, .live, target: 1, [3], settings())], live: 4, into: pool)
        #expect(pool.greetings.isEmpty)
    }

    @Test("what is written down is what is adopted, and nothing of what boots or ends")
    func record() throws {
        let pool = Harness()
        let spec = GenerationSpec(app: AppName(sanitizing: "blog"), settings: settings(), workers: 2)
        let live = pool.live(spec)
        let claim = try pool.claim()
        pool.checkin(claim)
        let other = pool.boot(spec).number
        let record = try #require(pool.machine.record().apps.first)
        #expect(record.live == live && record.lastGeneration == other)
        #expect(record.generations.map(\.state) == [.live, .booting])
        #expect(record.generations.map(\.workers.count) == [2, 0])

        let next = Harness()
        next.take(
            next.machine.adopt(next.app, record.only(live), lastWorker: pool.machine.record().lastWorker, now: next.now)
        )
        for worker in record.generations[0].workers { next.proved(worker.number) }
        #expect(next.machine.record().apps.first?.generations == record.only(live).generations)
        #expect(next.machine.record().apps.first?.lastGeneration == record.lastGeneration)
    }

    /// What a core that retires says of a worker at one request.
    private func vouchedFor(_ load: WorkerShare, settings: AppSettings? = nil) -> (Harness, WorkerNumber) {
        var known = generation(4, .live, target: 1, [3], settings ?? self.settings())
        known.workers[0].load = load
        let pool = Harness()
        adopt([known], live: 4, into: pool)
        return (pool, WorkerNumber(3))
    }

    @Test("a core that retires vouches for its workers: they are not asked first, and keep what they are at")
    func vouching() throws {
        let (idle, worker) = vouchedFor(.none)
        #expect(idle.greetings.isEmpty && idle.state(worker) == .available)
        #expect(try idle.claim().endpoint.worker == worker)

        let (busy, _) = vouchedFor(WorkerShare(requests: 1))
        let waiter = TestWaiter()
        _ = try busy.queue(waiter)
        busy.take(busy.machine.foreignLoad(.none, at: worker, now: busy.now))
        #expect(busy.granted.map(\.claim.endpoint.worker) == [worker], "its place is free now")
        busy.checkin(try #require(busy.granted.first?.claim))
        // One more request of a client that is still connected there.
        busy.take(busy.machine.foreignLoad(WorkerShare(requests: 1), at: worker, now: busy.now))
        _ = try busy.queue(TestWaiter())
        busy.take(busy.machine.foreignLoadsOver(now: busy.now))
        #expect(busy.granted.count == 2, "whoever is gone has nothing under way")
    }

    @Test("both cores may be at a worker at the same time, and a drain waits for both")
    func foreignDrain() throws {
        let (pool, worker) = vouchedFor(.none)
        let claim = try pool.claim()
        pool.take(pool.machine.foreignLoad(WorkerShare(requests: 2, streams: 1), at: worker, now: pool.now))
        let next = pool.boot(GenerationSpec(app: settings().name, settings: settings(), workers: 1)).number
        pool.comeUp(next)
        pool.switchTraffic(to: next)
        pool.drain(GenerationNumber(4), within: .seconds(20))
        pool.checkin(claim)
        #expect(pool.state(worker) == .draining)
        pool.take(pool.machine.foreignLoad(WorkerShare(streams: 1), at: worker, now: pool.now))
        #expect(!pool.isStopped(worker))
        pool.take(pool.machine.foreignLoad(.none, at: worker, now: pool.now))
        #expect(pool.isStopped(worker))
        // What is said of one that is gone, or was never there, is of no concern.
        pool.exited(worker)
        pool.take(pool.machine.foreignLoad(WorkerShare(requests: 1), at: worker, now: pool.now))
        pool.take(pool.machine.foreignLoad(WorkerShare(requests: 1), at: WorkerNumber(99), now: pool.now))
    }

    @Test("a pool that retires gives requests to what is there, and boots, probes and replaces nothing")
    func retiring() throws {
        let pool = Harness()
        let spec = GenerationSpec(app: AppName(sanitizing: "blog"), settings: settings(), workers: 2)
        _ = pool.live(spec)
        let claim = try pool.claim()
        let record = try #require(pool.machine.retire(now: pool.now).apps.first)
        #expect(record.generations[0].workers.map(\.load).contains(WorkerShare(requests: 1)))
        #expect(pool.machine.load(of: claim.endpoint.worker) == WorkerShare(requests: 1))
        #expect(pool.machine.load(of: WorkerNumber(99)) == .none)
        let spawned = pool.spawned.count
        pool.exited(claim.endpoint.worker)
        for _ in 0..<100 { pool.advance(.milliseconds(100)) }
        #expect(pool.spawned.count == spawned && pool.probes.isEmpty)
        #expect(try pool.claim().endpoint.worker != claim.endpoint.worker)
    }

    @Test("a server that stops waits for no worker that does not answer")
    func shutdown() {
        let pool = Harness()
        adopt([generation(1, .live, target: 1, [3], settings())], live: 1, into: pool)
        pool.take(pool.machine.shutdown(within: .seconds(5), hurry: false, now: pool.now))
        #expect(pool.isStopped(WorkerNumber(3)))
        pool.exited(WorkerNumber(3))
        #expect(pool.snapshot.generations.isEmpty)
    }
}

extension AppRecord {
    fileprivate func only(_ number: GenerationNumber) -> AppRecord {
        var record = self
        record.generations.removeAll { $0.number != number }
        return record
    }
}
