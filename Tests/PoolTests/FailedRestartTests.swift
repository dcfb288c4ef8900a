import Model
import Testing

@testable import Pool

/// An app that somebody works on, after a restart that came to nothing.
struct FailedRestartTests {
    private static let refusal = Refusal.notBooted(summary: syntaxError.summary)

    private func failRestart(_ pool: Harness) { pool.machine.apps[pool.app.rawValue].restartFailed(syntaxError) }

    private func failure(_ pool: Harness) -> BootFailure? { pool.machine.apps[pool.app.rawValue].failureToShow }

    @Test func `whoever asks is told of it until the next switch, although the version before could serve`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        failRestart(pool)
        #expect(pool.refusal() == Self.refusal)
        #expect(pool.checkout(TestWaiter(), CheckoutWish(isUnlimited: true)).refusal == Self.refusal)
        #expect(pool.snapshot.totals.refusedNotBooted == 2)
        let mended = pool.boot(makeSpec(directory: "/mended")).number
        pool.comeUp(mended)
        #expect(pool.refusal() == Self.refusal)
        pool.switchTraffic(to: mended)
        #expect(try pool.claim().endpoint.generation == mended)
        #expect(failure(pool) == nil)
    }

    @Test func `another restart that fails is the one that is told of`() {
        let pool = Harness()
        _ = pool.live(makeSpec())
        failRestart(pool)
        pool.machine.apps[pool.app.rawValue].restartFailed(crash)
        #expect(pool.refusal() == .notBooted(summary: crash.summary))
        #expect(failure(pool) == crash)
    }

    @Test func `a worker of the version before that comes up again changes nothing`() {
        let pool = Harness()
        let live = pool.live(makeSpec())
        failRestart(pool)
        pool.exited(pool.workers(live)[0].number)
        pool.advance(.seconds(2))
        pool.comeUp(live)
        #expect(pool.generation(live)?.workers.map(\.state) == [.available])
        #expect(pool.refusal() == Self.refusal)
        #expect(failure(pool) == syntaxError)
    }

    @Test func `what is under way, what waits, and streams go on`() throws {
        let pool = Harness()
        _ = pool.live(makeSpec())
        let stream = try pool.claim()
        pool.becomeStream(stream)
        let claim = try pool.claim()
        let waiter = TestWaiter()
        try pool.queue(waiter)
        failRestart(pool)
        #expect(pool.streamEnds.isEmpty && pool.stops.isEmpty && waiter.answers.isEmpty)
        pool.checkin(claim)
        #expect(pool.granted.map(\.waiter.number) == [waiter.number])
        // It was let in before, and is only sent to another worker.
        #expect(pool.checkout(TestWaiter(), CheckoutWish(goesFirst: true)).refusal == nil)
        pool.streamEnded(stream)
        #expect(pool.generation(GenerationNumber(1))?.workers[0].streamsNow == 0)
    }

    @Test func `where nothing is live, boots tell it by themselves`() {
        let pool = Harness()
        let pending = pool.bootLive(makeSpec())
        failRestart(pool)
        #expect(failure(pool) == nil)
        pool.comeUp(pending)
        #expect(pool.refusal() == nil)
    }

    @Test func `an app that is taken away says that, and nothing else`() {
        let pool = Harness()
        _ = pool.live(makeSpec())
        failRestart(pool)
        pool.take(pool.machine.removeApp(pool.app, now: pool.now))
        #expect(pool.refusal() == .shuttingDown)
        failRestart(pool)
        #expect(pool.refusal() == .shuttingDown)
    }
}
