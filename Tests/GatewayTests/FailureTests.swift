import Glibc
import Linux
import Model
import Pool
import Synchronization
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("outlives what goes wrong")
    struct FailureTests {
        /// Dies with the first request that it gets on any connection, when told so.
        private static func dying(_ dies: Flag, after answers: Int = 0) -> FakeWorker.Behaviour {
            { connection in
                while let (request, body) = try connection.readRequest() {
                    if connection.requests > answers, dies.take() { return }
                    try connection.answer("\(request.method) \(body.count)")
                }
            }
        }

        @Test("a GET that its worker dies with is answered by another, a POST gets a 502 with an id")
        func diesBeforeTheAnswer() async throws {
            var options = TestGateway.Options()
            options.workers = 2
            let dies = Flag()
            try await TestGateway.run(options, worker: Self.dying(dies)) { server in
                let client = try server.client()
                for _ in 0..<20 {
                    dies.set()
                    #expect(try client.get().text == "GET 0")
                    #expect(!dies.isSet)
                    dies.set()
                    let answer = try client.post("/", [1, 2, 3])
                    #expect(answer.status == 502 && !answer.endsConnection)
                    let id = try #require(answer.field("X-Error-ID"))
                    #expect(eventually { server.events.answeredIDs.contains(id) })
                    #expect(try client.post("/", [1, 2, 3]).text == "POST 3")
                }
            }
        }

        @Test("a request that kills every worker it meets takes two of them, not all")
        func poison() async throws {
            var options = TestGateway.Options()
            options.workers = 4
            let worker: FakeWorker.Behaviour = { connection in _ = try connection.readRequest() }
            try await TestGateway.run(options, worker: worker) { server in
                let answer = try server.client().get()
                #expect(answer.status == 502)
                #expect(server.fleet.workers.map(\.requestCount).reduce(0, +) == 2)
            }
        }

        @Test(
            "a worker that closes its idle connections just before they are used costs no request",
            arguments: [WorkerProtocol.session, .http])
        func idleClosed(_ wire: WorkerProtocol) async throws {
            var options = TestGateway.Options()
            options.wire = wire
            // Each answer is the last on its connection, and says otherwise.
            let worker: FakeWorker.Behaviour = { connection in
                guard let (request, body) = try connection.readRequest() else { return }
                try connection.answer("\(request.method) \(body.count)")
            }
            try await TestGateway.run(options, worker: worker) { server in
                let client = try server.client()
                for _ in 0..<3000 { #expect(try client.get().text == "GET 0") }
            }
        }

        @Test("what a worker says unasked reaches nobody; its connection is closed, and the log has it")
        func unasked() async throws {
            let sent = Signal()
            try await TestGateway.run(worker: { connection in
                while try connection.readRequest() != nil {
                    try connection.answer("fine")
                    guard connection.requests == 1, connection.worker.connectionCount == 1 else { continue }
                    // Later than its answer: the connection is idle by then.
                    sent.wait()
                    try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")
                }
            }) { server in
                let client = try server.client()
                #expect(try client.get().text == "fine")
                sent.raise()
                let isTold = eventually {
                    server.events.all.contains { if case .idleWorkerSpoke = $0 { true } else { false } }
                }
                #expect(isTold)
                for _ in 0..<3 { #expect(try client.get().text == "fine") }
                #expect(server.fleet.workers[0].connectionCount == 2)
            }
        }

        @Test("what was closed before a POST was written costs no POST")
        func idleClosedBeforePost() async throws {
            let closed = Signal()
            let worker: FakeWorker.Behaviour = { connection in
                guard let (request, body) = try connection.readRequest() else { return }
                try connection.answer("\(request.method) \(body.count)")
                connection.stream.end()
                closed.raise()
            }
            try await TestGateway.run(worker: worker) { server in
                let client = try server.client()
                let body = pattern(300_000)
                for round in 0..<1000 {
                    let answer = try client.post("/", round % 50 == 0 ? body : [1])
                    #expect(answer.status == 200)
                    closed.wait()
                }
            }
        }

        @Test("workers that refuse connections are passed over")
        func refusing() async throws {
            var options = TestGateway.Options()
            options.workers = 4
            try await TestGateway.run(options) { server in
                for worker in server.fleet.workers.prefix(3) { server.fleet.kill(worker.number) }
                let client = try server.client()
                for _ in 0..<20 { #expect(try client.post("/", [1]).status == 200) }
            }
        }

        @Test("a full backlog is waited for")
        func backlog() async throws {
            var options = TestGateway.Options()
            options.boots = false
            let server = try await TestGateway(options, Behaviours.echo)
            let path = "\(server.directory)/slow"
            let worker = try FakeWorker(
                WorkerNumber(900), GenerationNumber(900), path: path, wire: .session, backlog: 0, accepts: false,
                behaviour: Behaviours.answering("at last"))
            server.fleet.useWorkers(at: path)
            try await server.switchToNew()
            try await blocking {
                // One connection fills a backlog of 0.
                let filler = try connectUnix(path: path, nonBlocking: true)
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(
                    eventually {
                        server.events.all.contains { if case .connectFailed = $0 { true } else { false } }
                    })
                worker.startAccepting()
                #expect(try client.answer().text == "at last")
                _ = consume filler
                worker.stop()
                #expect(worker.waitUntilFinished())
            }
            try await server.stop()
        }

        @Test("the queue's refusals have their statuses and pages, and the connection goes on")
        func queue() async throws {
            var options = TestGateway.Options()
            options.settings = {
                $0.queue.maxRequestQueueSize = 1
                $0.queue.maxRequestQueueTime = .seconds(2)
            }
            let (goOn, started) = (Signal(), Signal())
            let worker: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    started.raise()
                    goOn.wait()
                    try connection.answer("done")
                }
            }
            try await TestGateway.run(options, worker: worker) { server in
                let busy = try server.client()
                try busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(started.wait())
                let queued = try server.client()
                try queued.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.snapshot.queueLength == 1 })
                let third = try server.client()
                let full = try third.get()
                #expect(full.status == 503 && full.field("Retry-After") != nil && full.field("X-Error-ID") != nil)
                #expect(try queued.answer().status == 504)
                goOn.raise()
                #expect(try busy.answer().text == "done")
                goOn.raise()
                #expect(try third.get().text == "done")
            }
        }

        @Test("an app that does not boot is a 503 whose page says why only on request", arguments: [true, false])
        func notBooted(_ friendly: Bool) async throws {
            var options = TestGateway.Options()
            options.boots = false
            options.settings = { $0.friendlyErrorPages = friendly }
            try await TestGateway.run(options) { server in
                server.fleet.failBoots(BootFailure(step: "load_app", summary: "SyntaxError <in> line 3"))
                var spec = GenerationSpec(
                    app: server.settings.name, settings: server.settings, workers: 1, proof: .handshake)
                spec.settings.pool.startTimeout = .seconds(1)
                _ = server.pool.bootLive(server.app, spec)
                let answer = try server.client().get()
                #expect(answer.status == 503 && answer.field("X-Error-ID") != nil)
                #expect(answer.text.contains("SyntaxError &lt;in&gt; line 3") == friendly)
            }
        }

        @Test("a client that leaves while it waits leaves the queue")
        func leavesQueue() async throws {
            let (goOn, started) = (Signal(), Signal())
            let worker: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    started.raise()
                    goOn.wait()
                    try connection.answer("done")
                }
            }
            try await TestGateway.run(worker: worker) { server in
                let busy = try server.client()
                try busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(started.wait())
                var waiting: TestClient? = try server.client()
                try waiting?.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.snapshot.queueLength == 1 })
                waiting = nil
                #expect(eventually { server.snapshot.queueLength == 0 && server.snapshot.totals.cancelled == 1 })
                goOn.raise()
                #expect(try busy.answer().text == "done")
                goOn.raise()
                #expect(try server.client().get().text == "done")
                #expect(server.fleet.workers[0].requestCount == 2)
            }
        }

        @Test("a worker that takes too long is a 504, and its late answer reaches nobody")
        func tooSlow() async throws {
            var options = TestGateway.Options()
            options.settings = { $0.http.maxRequestTime = .seconds(2) }
            let goOn = Signal()
            let worker: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    if request.path == "/slow" { goOn.wait() }
                    try connection.answer(request.path)
                }
            }
            try await TestGateway.run(options, worker: worker) { server in
                let client = try server.client()
                #expect(try client.get("/slow").status == 504)
                goOn.raise()
                for _ in 0..<10 { #expect(try client.get("/fast").text == "/fast") }
            }
        }
    }
}

/// Set by one thread, taken by another.
final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
    func take() -> Bool { value.exchange(false, ordering: .relaxed) }
}
