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
