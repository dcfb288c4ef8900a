import Glibc
import Linux
import Model
import Pool
import Synchronization
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("Requests that are sent ahead to a busy worker")
    struct AheadTests {
        private static func options(workers: Int) -> TestGateway.Options {
            var options = TestGateway.Options()
            options.workers = workers
            options.loops = 2
            // Every worker counts as fast, also the one that turns out to be slow.
            options.pace.longestMean = .seconds(60)
            options.pace.longestAnswer = .seconds(60)
            return options
        }

        @Test("behind a slow one they go to another worker before long, and are not run again there")
        func takenBack() async throws {
            let turns = OneAtATime(longest: 20_000)
            try await TestGateway.run(Self.options(workers: 2), worker: turns.behaviour) { server in
                let slow = try server.client()
                try slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { turns.runs["/slow"] == 1 })
                let longest = try together(12) { number in
                    let answer = try server.client().get("/\(number)")
                    if answer.status != 200 { throw TestFailure("status \(answer.status)") }
                }
                #expect(longest < .seconds(10), "somebody waited for the slow one")
                turns.slowMayEnd.raise()
                #expect(try slow.answer().status == 200)
                #expect(turns.runs.count == 13)
                // One that its worker read in the very moment in which it was taken back is run twice, as a GET may be.
                #expect(turns.runs["/slow"] == 1 && turns.runs.values.reduce(0, +) <= 14, "\(turns.runs)")
            }
        }

        @Test("with one worker they wait in the queue, and what cannot be taken back waits there from the start")
        func oneWorker() async throws {
            let turns = OneAtATime()
            try await TestGateway.run(Self.options(workers: 1), worker: turns.behaviour) { server in
                let slow = try server.client()
                try slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { turns.runs["/slow"] == 1 })
                _ = try together(8) { number in
                    let client = try server.client()
                    let answer = try number < 4 ? client.post("/\(number)", [1]) : client.get("/\(number)")
                    if answer.status != 200 { throw TestFailure("status \(answer.status)") }
                }
                #expect(turns.runs.count == 9)
                #expect(turns.runs.values.allSatisfy { $0 == 1 }, "\(turns.runs)")
            }
        }

        @Test("when their worker dies all are answered by the next one")
        func workerDies() async throws {
            let turns = OneAtATime(longest: 20_000)
            try await TestGateway.run(Self.options(workers: 1), worker: turns.behaviour) { server in
                let slow = try server.client()
                try slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { turns.runs["/slow"] == 1 })
                let wasAhead = Signal()
                startThread(name: "killer") {
                    if eventually({ server.snapshot.live?.workers.first?.requestsNow ?? 0 > 1 }) { wasAhead.raise() }
                    if let worker = server.fleet.workers.first?.number { server.fleet.exit(worker) }
                    // At the worker that died, and at the next one.
                    for _ in 0..<2 { turns.slowMayEnd.raise() }
                }
                _ = try together(6) { number in
                    let answer = try server.client().get("/\(number)")
                    if answer.status != 200 { throw TestFailure("status \(answer.status)") }
                }
                #expect(wasAhead.isRaised)
                #expect(try slow.answer().status == 200)
            }
        }
    }
}

/// Runs `body` in so many threads; returns the longest time that one of them took.
private func together(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws -> Duration {
    let (done, results) = (Signal(), Results())
    for number in 0..<count {
        startThread(name: "client") {
            let begin = ContinuousClock.now
            do { try body(number) } catch { results.problem.withLock { $0 = "client \(number): \(error)" } }
            let time = ContinuousClock.now - begin
            results.longest.withLock { $0 = max($0, time) }
            done.raise()
        }
    }
    for _ in 0..<count where !done.wait() { throw TestFailure("somebody waits for ever") }
    if let problem = results.problem.withLock({ $0 }) { throw TestFailure(problem) }
    return results.longest.withLock { $0 }
}

private final class Results: Sendable {
    let longest = Mutex(Duration.zero)
    let problem = Mutex<String?>(nil)
}

/// A worker as our loaders are: it does one thing at a time, and what it has not begun stays in its socket.
final class OneAtATime: Sendable {
    private let busy = Mutex<Set<WorkerNumber>>([])
    private let counts = Mutex<[String: Int]>([:])
    /// The slow one ends when this is raised, or after so many milliseconds.
    let slowMayEnd = Signal()
    private let longest: Int32
    init(longest: Int32 = 800) { self.longest = longest }

    /// How many times each path was run.
    var runs: [String: Int] { counts.withLock { $0 } }

    var behaviour: FakeWorker.Behaviour {
        { [self] connection in
            while try next(connection) {}
        }
    }

    private func next(_ connection: WorkerConnection) throws -> Bool {
        guard connection.stream.waitForBytes() else { return false }
        let worker = connection.worker.number
        while !busy.withLock({ $0.insert(worker).inserted }) { usleep(1000) }
        defer { _ = busy.withLock { $0.remove(worker) } }
        if connection.stream.peerIsGone() { return false }
        guard let (request, _) = try connection.readRequest() else { return false }
        counts.withLock { $0[request.path, default: 0] += 1 }
        if request.path == "/slow" { slowMayEnd.wait(milliseconds: longest) }
        try connection.answer("ok")
        return true
    }
}
