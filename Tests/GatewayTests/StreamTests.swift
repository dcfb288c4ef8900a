import Glibc
import Linux
import Model
import NIOCore
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("lets answers and bodies flow")
    struct StreamTests {
        // MARK: Answers

        static let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

        /// Sends an event for each signal, until the client is gone.
        static func telling(_ next: Signal, _ left: Signal) -> FakeWorker.Behaviour {
            { connection in
                while let (request, _) = try connection.readRequest() {
                    guard request.path == "/events" else {
                        try connection.answer(request.path)
                        continue
                    }
                    try connection.stream.send(events)
                    while true {
                        if next.wait(milliseconds: 5) { try connection.stream.send("6\r\ndata\n\n\r\n") }
                        if connection.stream.peerIsGone() { return left.raise() }
                    }
                }
            }
        }

        @Test("each part arrives when it is written; in time it holds no place of its worker")
        func becomesStream() async throws {
            let (next, left) = (Signal(), Signal())
            var options = TestGateway.Options()
            options.streamAge = .milliseconds(60)
            options.settings = { $0.http.maxRequestTime = .seconds(2) }
            try await TestGateway.run(options, worker: Self.telling(next, left)) { server in
                let client = try server.client()
                try client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.stream.read(through: "\r\n\r\n")?.hasPrefix("HTTP/1.1 200") == true)
                for _ in 0..<3 {
                    next.raise()
                    #expect(try client.stream.read(through: "data\n\n\r\n") == "6\r\ndata\n\n\r\n")
                }
                #expect(try server.client().get("/x").text == "/x")
                // Longer than a request may take.
                usleep(2_300_000)
                next.raise()
                #expect(try client.stream.read(through: "data\n\n\r\n") == "6\r\ndata\n\n\r\n")
                client.stream.end()
                #expect(left.wait())
            }
        }

        @Test("an answer of known length has the time that a request has")
        func requestTime() async throws {
            let left = Signal()
            var options = TestGateway.Options()
            options.streamAge = .milliseconds(40)
            options.settings = { $0.http.maxRequestTime = .milliseconds(1500) }
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readRequest() != nil else { return }
                try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
                if try connection.stream.readSome().isEmpty { left.raise() }
            }
            try await TestGateway.run(options, worker: worker) { server in
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.stream.read(through: "\r\n\r\nhalf") != nil)
                #expect(client.isEnded())
                #expect(left.wait())
            }
        }

        @Test("a client that leaves a long poll cancels it")
        func longPoll() async throws {
            let (asked, left) = (Signal(), Signal())
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readRequest() != nil else { return }
                asked.raise()
                if try connection.stream.readSome().isEmpty { left.raise() }
            }
            try await TestGateway.run(worker: worker) { server in
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(asked.wait())
                client.stream.end()
                #expect(left.wait())
                #expect(eventually { server.snapshot.live?.workers.first?.requestsNow == 0 })
            }
        }

        // MARK: Bodies

        static func streaming(_ wire: WorkerProtocol = .session) -> TestGateway.Options {
            var options = TestGateway.Options()
            options.wire = wire
            options.settings = {
                $0.http.requestBuffering = false
                $0.http.maxRequestBody = 40 << 20
            }
            return options
        }

        private static func chunk(_ text: String) -> String {
            "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
        }

        @Test(
            "a body reaches the worker before it is whole", arguments: [WorkerProtocol.session, .http], [false, true])
        func streams(_ wire: WorkerProtocol, _ isChunked: Bool) async throws {
            let got = Signal()
            let (first, second) = isChunked ? ("5\r\nhello\r\n", "6\r\n world\r\n0\r\n\r\n") : ("hello", " world")
            let worker: FakeWorker.Behaviour = { connection in
                while let request = try connection.readHead() {
                    if request.method == "POST" {
                        guard try connection.stream.read(first.utf8.count) == Array(first.utf8) else { return }
                        got.raise()
                        guard try connection.stream.read(second.utf8.count) == Array(second.utf8) else { return }
                    }
                    try connection.answer(request.method)
                }
            }
            try await TestGateway.run(Self.streaming(wire), worker: worker) { server in
                let client = try server.client()
                for _ in 0..<2 {
                    let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 11"
                    try client.send("POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\nExpect: 100-continue\r\n\r\n")
                    #expect(try client.answer().status == 100)
                    try client.send(first)
                    #expect(got.wait())
                    // The next request is there before this one's answer.
                    try client.send(second + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try client.answer().text == "POST")
                    #expect(try client.answer().text == "GET")
                }
                #expect(server.fleet.workers[0].connectionCount == 1)
            }
        }

        @Test("a worker that does not read makes the client wait; body_timeout is the client's alone")
        func backPressure() async throws {
            let (goOn, sent) = (Signal(), Progress())
            let size = 32 << 20
            let worker: FakeWorker.Behaviour = { connection in
                guard let request = try connection.readHead() else { return }
                goOn.wait()
                let body = try connection.readBody(request)
                try connection.answer("\(body.count)")
            }
            var options = Self.streaming()
            options.settings = {
                $0.http.requestBuffering = false
                $0.http.bodyTimeout = .seconds(1)
            }
            try await TestGateway.run(options, worker: worker) { server in
                let client = try server.client()
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                let sender = Held(client)
                startThread(name: "sender") {
                    let block = pattern(1 << 16)
                    for part in 1...(size >> 16) {
                        guard (try? sender.value.stream.send(block)) != nil else { return }
                        sent.set(part << 16)
                    }
                }
                try UpgradeTests.waitUntilStill(sent)
                #expect(sent.value < 16 << 20)
                // Longer than the client may be silent.
                usleep(1_100_000)
                goOn.raise()
                #expect(try client.answer().text == "\(size)")
            }
        }

        @Test("a slow worker has its time when it has the whole body; a silent client has not")
        func bodyTimeout() async throws {
            let goOn = Signal()
            var options = Self.streaming()
            options.settings = {
                $0.http.requestBuffering = false
                $0.http.bodyTimeout = .milliseconds(60)
            }
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readRequest() != nil else { return }
                goOn.wait()
                try connection.answer("late")
            }
            try await TestGateway.run(options, worker: worker) { server in
                let silent = try server.client()
                try silent.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
                let answer = try silent.answer()
                #expect(answer.status == 408 && answer.endsConnection)
                let client = try server.client()
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
                usleep(200_000)
                goOn.raise()
                #expect(try client.answer().text == "late")
            }
        }

        @Test("an answer before the end of the body is the answer, and the connection's last")
        func earlyAnswer() async throws {
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readHead() != nil else { return }
                try connection.answer("early")
            }
            try await TestGateway.run(Self.streaming(), worker: worker) { server in
                let client = try server.client()
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart")
                #expect(try client.answer().text == "early")
                try client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.isEnded())
                #expect(server.fleet.workers[0].requestCount == 1)
            }
        }

        @Test("a body that turns out bad is the client's fault", arguments: [true, false])
        func badBody(_ isTooLarge: Bool) async throws {
            var options = Self.streaming()
            options.settings = {
                $0.http.requestBuffering = false
                $0.http.maxRequestBody = 8
            }
            let (began, ended) = (Signal(), Signal())
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readHead() != nil else { return }
                _ = try connection.stream.read(10)
                began.raise()
                if try connection.stream.readSome().isEmpty { ended.raise() }
            }
            try await TestGateway.run(options, worker: worker) { server in
                let client = try server.client()
                try client.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + Self.chunk("hello"))
                #expect(began.wait())
                try client.send(isTooLarge ? Self.chunk("world") : "zz\r\n")
                let answer = try client.answer()
                #expect(answer.status == (isTooLarge ? 413 : 400) && answer.endsConnection)
                #expect(ended.wait())
                #expect(client.isEnded())
                #expect(eventually { server.snapshot.live?.workers.first?.requestsNow == 0 })
            }
        }

        @Test("a worker that dies in the middle of a body is a 502, and the rest of the body no request")
        func workerDies() async throws {
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readHead() != nil else { return }
                _ = try connection.stream.read(4)
            }
            try await TestGateway.run(Self.streaming(), worker: worker) { server in
                let client = try server.client()
                try client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\npart")
                let answer = try client.answer()
                #expect(answer.status == 502 && answer.endsConnection)
                try? client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.isEnded())
                #expect(server.fleet.workers[0].requestCount == 1)
            }
        }

        @Test("a body that nobody takes because the queue is full is no request either")
        func queueFull() async throws {
            var options = Self.streaming()
            options.settings = {
                $0.http.requestBuffering = false
                $0.queue.maxRequestQueueSize = 1
            }
            let (asked, goOn) = (Signal(), Signal())
            let worker: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    asked.raise()
                    goOn.wait()
                    try connection.answer("x")
                }
            }
            try await TestGateway.run(options, worker: worker) { server in
                let (first, second, third) = (try server.client(), try server.client(), try server.client())
                try first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(asked.wait())
                try second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.snapshot.queueLength == 1 })
                try third.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n")
                let answer = try third.answer()
                #expect(answer.status == 503 && answer.endsConnection)
                #expect(third.isEnded())
                goOn.raise()
                goOn.raise()
                #expect(try first.answer().text == "x")
                #expect(try second.answer().text == "x")
            }
        }
    }
}
