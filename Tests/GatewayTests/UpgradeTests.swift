import Glibc
import HTTP1
import Linux
import Model
import NIOCore
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("upgrades connections")
    struct UpgradeTests {
        static let request =
            "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
        static let accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

        /// Accepts upgrades, says `hello` right behind the head, then sends back what comes. Other requests get their path.
        static func echoing(hello: String = "") -> FakeWorker.Behaviour {
            { connection in
                while let (request, _) = try connection.readRequest() {
                    let wanted = request.fields["HTTP_UPGRADE"] ?? request.fields["upgrade"]
                    guard wanted == "websocket" else {
                        try connection.answer(request.path + (wanted ?? ""))
                        continue
                    }
                    try connection.stream.send(accepted + hello)
                    while true {
                        let bytes = try connection.stream.readSome()
                        if bytes.isEmpty { return }
                        try connection.stream.send(bytes)
                    }
                }
            }
        }

        private static func open(_ server: TestGateway, _ more: String = "") throws -> TestClient {
            let client = try server.client()
            try client.send(request + more)
            let answer = try client.answer()
            #expect(answer.status == 101 && answer.field("Upgrade") == "websocket")
            #expect(answer.field("Connection")?.lowercased() == "upgrade")
            return client
        }

        @Test("bytes go both ways, also those right behind the heads", arguments: [WorkerProtocol.session, .http])
        func bothWays(_ wire: WorkerProtocol) async throws {
            var options = TestGateway.Options()
            options.wire = wire
            try await TestGateway.run(options, worker: Self.echoing(hello: "hello")) { server in
                // More than is kept of a pipeline, before the worker has said yes.
                let early = pattern(300_000)
                let client = try server.client()
                try client.send(Self.request)
                let sender = Held(client)
                startThread(name: "sender") { try? sender.value.stream.send(early) }
                #expect(try client.answer().status == 101)
                #expect(try client.stream.read(5) == Array("hello".utf8))
                let isEqual = try client.stream.read(early.count) == early
                #expect(isEqual)
                try client.send("half")
                #expect(try client.stream.read(4) == Array("half".utf8))
                // The worker's one place is free.
                #expect(server.snapshot.live?.workers.first?.requestsNow == 0)
                #expect(try server.client().get("/other").text == "/other")
                client.stream.end()
                #expect(eventually { server.gateway.connectionCount == 0 })
                #expect(eventually { server.fleet.workers[0].openConnections <= 1 })
            }
        }

        @Test(
            "a side that does not read makes the other one wait, and what waits is counted",
            arguments: [64 << 20, 10_000])
        func backPressure(_ memoryLimit: Int) async throws {
            let (toClient, fromClient, goOn) = (Progress(), Progress(), Signal())
            let total = 32 << 20
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readHead() != nil else { return }
                try connection.stream.send(Self.accepted)
                let block = pattern(1 << 16)
                if try connection.stream.read(1) == [1] {
                    for part in 1...(total >> 16) {
                        try connection.stream.send(block)
                        toClient.set(part << 16)
                    }
                }
                goOn.wait()
                for _ in 0..<(total >> 16) { _ = try connection.stream.read(1 << 16) }
                try connection.stream.send("done")
            }
            try await TestGateway.run(TestGateway.Options(memoryLimit: memoryLimit), worker: worker) { server in
                let client = try Self.open(server)
                try client.stream.send([1])
                try Self.waitUntilStill(toClient)
                #expect(toClient.value < 16 << 20)
                // A part that is larger than all there is has to wait somewhere, but is not counted.
                #expect(server.budget.memoryInUse <= memoryLimit)
                #expect(memoryLimit < 1 << 20 || eventually { server.budget.memoryInUse > 0 })
                for _ in 0..<(total >> 16) { _ = try client.stream.read(1 << 16) }
                let sender = Held(client)
                startThread(name: "sender") {
                    let block = pattern(1 << 16)
                    for part in 1...(total >> 16) {
                        guard (try? sender.value.stream.send(block)) != nil else { return }
                        fromClient.set(part << 16)
                    }
                }
                try Self.waitUntilStill(fromClient)
                #expect(fromClient.value < 16 << 20)
                #expect(server.budget.memoryInUse <= memoryLimit)
                #expect(memoryLimit < 1 << 20 || eventually { server.budget.memoryInUse > 0 })
                goOn.raise()
                #expect(try client.stream.read(4) == Array("done".utf8))
                #expect(eventually { server.budget.memoryInUse == 0 })
            }
        }

        /// Until nothing moved for 200 ms: that nothing happens can only be seen by time.
        static func waitUntilStill(_ progress: Progress) throws {
            var (last, still) = (-1, 0)
            for _ in 0..<500 {
                usleep(20_000)
                still = progress.value == last && last > 0 ? still + 1 : 0
                last = progress.value
                if still == 10 { return }
            }
            throw TestFailure("nothing had to wait")
        }

        @Test("what the worker says last arrives before the end")
        func workerCloses() async throws {
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readHead() != nil else { return }
                try connection.stream.send(Self.accepted)
                try connection.stream.send(pattern(3 << 20))
            }
            try await TestGateway.run(worker: worker) { server in
                let client = try server.client(receiveBuffer: 16_384)
                try client.send(Self.request)
                #expect(try client.answer().status == 101)
                let isWhole = try client.stream.readToEnd() == pattern(3 << 20)
                #expect(isWhole)
            }
        }

        @Test("a refused upgrade is an answer like any other", arguments: ["200 OK", "426 Upgrade Required"])
        func refused(_ status: String) async throws {
            let worker: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil { try connection.answer("no", status: status) }
            }
            try await TestGateway.run(worker: worker) { server in
                let client = try server.client()
                for _ in 0..<2 {
                    try client.send(Self.request)
                    let answer = try client.answer()
                    #expect(answer.status == Int(status.prefix(3)) && answer.text == "no")
                }
                #expect(server.fleet.workers[0].connectionCount == 1)
            }
        }

        @Test("HTTP/2 without TLS is never asked for, and an upgrade with a body is none")
        func notPassed() async throws {
            try await TestGateway.run(worker: Self.echoing()) { server in
                let client = try server.client()
                for name in ["h2c", "H2C", "websocket, h2c", "h2c,websocket"] {
                    let answer = try client.get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: \(name)\r\n")
                    #expect(answer.status == 200 && answer.text == "/", "\(name)")
                }
                try client.send(
                    "POST /p HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                        + "Content-Length: 1\r\n\r\nx")
                #expect(try client.answer().text == "/p")
            }
        }

        @Test("a switch that nobody asked for is a bad answer")
        func unasked() async throws {
            try await TestGateway.run(worker: Behaviours.raw(Self.accepted)) { (server) throws in
                #expect(try server.client().get().status == 502)
            }
        }

        @Test("the death of its worker ends it")
        func workerDies() async throws {
            try await TestGateway.run(worker: Self.echoing()) { server in
                let client = try Self.open(server)
                server.fleet.exit(server.fleet.workers[0].number)
                #expect(client.isEnded())
            }
        }

        private static func drain(
            _ window: Duration, aborts: Bool = true,
            _ body: @escaping @Sendable (TestGateway) throws -> [TestClient],
            then: @escaping @Sendable ([TestClient]) throws -> Void
        ) async throws {
            var options = TestGateway.Options()
            options.settings = {
                $0.deploy.streamDrain = window
                $0.http.abortWebsocketsOnProcessShutdown = aborts
            }
            let server = try await TestGateway(options, echoing())
            let clients = try await blocking { Held(try body(server)) }
            try await server.switchToNew()
            try await blocking { try then(clients.value) }
            try await server.stop()
        }

        @Test("a drain says good-bye to each at some moment of its window")
        func drains() async throws {
            try await Self.drain(.seconds(3)) { server in
                try (0..<12).map { _ in try Self.open(server) }
            } then: { (clients) throws in
                var counts: Set<Int> = []
                #expect(
                    eventually {
                        let ended = clients.count { $0.stream.peerIsGone() }
                        counts.insert(ended)
                        return ended == clients.count
                    })
                #expect(counts.count > 4)
                for client in clients { #expect(try client.stream.readToEnd() == WebSocketFrames.closeFrame()) }
            }
        }

        @Test("a Close waits for the end of a frame")
        func frameBoundary() async throws {
            try await TestGateway.run(worker: Self.echoing()) { (server) throws in
                let client = try Self.open(server)
                // The first half of a text frame of four bytes.
                try client.stream.send([0x81, 4, 97])
                #expect(try client.stream.read(3) == [0x81, 4, 97])
                let generation = try #require(server.pool.liveGeneration(server.app))
                server.gateway.endStreams(of: server.app, generation: generation, worker: nil, spreadOver: .zero)
                // Several sweeps: that nothing comes can only be seen by time.
                usleep(100_000)
                #expect(!client.stream.peerIsGone())
                try client.stream.send([98, 99, 100])
                #expect(try client.stream.readToEnd() == [98, 99, 100] + WebSocketFrames.closeFrame())
            }
        }

        @Test("without abort_websockets_on_process_shutdown it has all of the window")
        func notAborted() async throws {
            try await Self.drain(.seconds(3), aborts: false) { server in
                try (0..<4).map { _ in try Self.open(server) }
            } then: { (clients) throws in
                usleep(500_000)
                for client in clients { #expect(!client.stream.peerIsGone()) }
                for client in clients { #expect(try client.stream.readToEnd() == WebSocketFrames.closeFrame()) }
            }
        }
    }
}
