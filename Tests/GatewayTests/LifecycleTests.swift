import Glibc
import Linux
import Model
import NIOCore
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("goes on while things change")
    struct LifecycleTests {
        /// Says which generation it is.
        private static let naming: FakeWorker.Behaviour = { connection in
            while try connection.readRequest() != nil {
                try connection.answer("\(connection.worker.generation.rawValue)")
            }
        }

        @Test("every request is served by a generation that was live while it ran, and none is lost in a switch")
        func switches() async throws {
            var options = TestGateway.Options()
            options.loops = 2
            options.workers = 2
            let server = try await TestGateway(options, Self.naming)
            let (stop, done, wrong) = (Flag(), Signal(), Counter())
            let answers = Counter()
            let clients = 6
            for number in 0..<clients {
                startThread(name: "client") {
                    do {
                        var client = try server.client()
                        var round = 0
                        while !stop.isSet {
                            // Every third client makes a new connection for each request.
                            if number % 3 == 2 { client = try server.client() }
                            let before = server.pool.liveGeneration(server.app)!.rawValue
                            round += 1
                            let answer = try round % 4 == 0 ? client.post("/", pattern(200_000)) : client.get()
                            let after = server.pool.liveGeneration(server.app)!.rawValue
                            let served = UInt32(answer.text) ?? 0
                            if answer.status != 200 || served < before || served > after { wrong.add() }
                            answers.add()
                        }
                    } catch {
                        print("a client failed: \(error)")
                        wrong.add()
                    }
                    done.raise()
                }
            }
            for _ in 0..<30 {
                try await server.switchToNew()
                let goal = answers.value + 20
                #expect(try await blocking { eventually { answers.value >= goal } })
            }
            stop.set()
            try await blocking { for _ in 0..<clients where !done.wait() { throw TestFailure("a client hangs") } }
            #expect(wrong.value == 0)
            #expect(answers.value > 200)
            #expect(server.events.answeredIDs.isEmpty)
            #expect(try await blocking { eventually { server.snapshot.generations.count == 1 } })
            try await server.stop()
        }

        @Test("a drain ends idle connections and lets busy ones finish, with Connection: close")
        func drain() async throws {
            let (goOn, started) = (Signal(), Signal())
            let worker: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    if request.path == "/slow" {
                        started.raise()
                        goOn.wait()
                    }
                    try connection.answer(request.path)
                }
            }
            let server = try await TestGateway(TestGateway.Options(), worker)
            let clients = try await blocking {
                let (idle, busy) = (try server.client(), try server.client())
                #expect(try idle.get("/x").text == "/x")
                try busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(started.wait())
                return Held((idle, busy))
            }
            await server.gateway.drain()
            try await blocking {
                #expect(clients.value.0.isEnded())
                goOn.raise()
                let answer = try clients.value.1.answer()
                #expect(answer.text == "/slow" && answer.endsConnection)
                #expect(clients.value.1.isEnded())
                #expect(throws: TestFailure.self) { try server.client() }
            }
            await server.gateway.finish(within: .seconds(5))
            #expect(try await blocking { eventually { server.gateway.connectionCount == 0 } })
            try await server.stop()
        }

        @Test(
            "a connection whose first request is on the way when a drain begins is answered; one that stays silent ends"
        )
        func drainOfNewConnections() async throws {
            let server = try await TestGateway(TestGateway.Options(), Self.naming)
            let clients = try await blocking {
                let clients = (try server.client(), try server.client())
                #expect(eventually { server.gateway.connectionCount == 2 })
                return Held(clients)
            }
            await server.gateway.drain()
            let began = monotonicNow()
            async let waited: Duration = {
                await server.gateway.waitForFirstRequests()
                return monotonicNow() - began
            }()
            try await blocking {
                let answer = try clients.value.0.get()
                #expect(answer.status == 200 && answer.endsConnection)
                #expect(clients.value.0.isEnded() && clients.value.1.isEnded())
            }
            // For the silent one, too, and no longer than for its end.
            let time = await waited
            #expect(time > .milliseconds(500) && time < .seconds(20), "\(time)")
            // Not once more. The shortest of some, as each may be held up by other tests.
            var shortest = Duration.seconds(60)
            for _ in 0..<5 {
                let again = monotonicNow()
                await server.gateway.waitForFirstRequests()
                shortest = min(shortest, monotonicNow() - again)
            }
            #expect(shortest < .milliseconds(500), "\(shortest)")
            #expect(try await blocking { eventually { server.gateway.connectionCount == 0 } })
            try await server.stop()
        }

        @Test("the end waits for the last answers, and not a moment longer; at its limit it waits for none")
        func finishing() async throws {
            let server = try await TestGateway(TestGateway.Options(lingerTime: .seconds(60)), Self.naming)
            let began = monotonicNow()
            await server.gateway.finish(within: .seconds(60))
            #expect(monotonicNow() - began < .seconds(20))

            let clients = try await blocking {
                let clients = try (0..<2).map { _ in try server.client() }
                for client in clients { #expect(try client.get().status == 200) }
                return Held(clients)
            }
            // Idle: each end is told, and the connection lingers until the client ends it too.
            await server.gateway.drain()
            async let finished: Void = server.gateway.finish(within: .seconds(60))
            try await blocking {
                for client in clients.value {
                    #expect(client.isEnded())
                    client.stream.end()
                }
            }
            await finished
            #expect(monotonicNow() - began < .seconds(40))
            #expect(server.gateway.connectionCount == 0)
            try await server.stop()
        }

        @Test("at its limit the end waits for nobody")
        func finishingAtTheLimit() async throws {
            let server = try await TestGateway(TestGateway.Options(), Self.naming)
            let client = try await blocking { Held(try server.client()) }
            #expect(try await blocking { eventually { server.gateway.connectionCount == 1 } })
            await server.gateway.finish(within: .milliseconds(50))
            try await blocking { #expect(client.value.isEnded()) }
            try await server.stop()
        }

        @Test("a worker's idle connections are closed before it is stopped, on every loop")
        func retires() async throws {
            var options = TestGateway.Options()
            options.loops = 2
            options.concurrency = 0
            let server = try await TestGateway(options, Self.naming)
            let old = server.fleet.workers[0]
            try await blocking { () throws in
                let clients = try (0..<8).map { _ in try server.client() }
                for client in clients {
                    let answer = try client.get()
                    #expect(answer.status == 200)
                }
                #expect(old.openConnections > 0)
            }
            try await server.switchToNew()
            try await blocking {
                #expect(eventually { server.snapshot.generations.count == 1 })
                // Each connection's own thread has to see its end first.
                #expect(eventually { old.openConnections == 0 })
                let answer = try server.client().get()
                #expect(answer.text != "\(old.generation.rawValue)")
            }
            try await server.stop()
        }
    }
}

/// Things of one thread, handed to the next.
struct Held<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
