import Model
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("leads clients back to their worker")
    struct StickySessionsTests {
        private static let worker: FakeWorker.Behaviour = { connection in
            while try connection.readRequest() != nil { try connection.answer("\(connection.worker.number)") }
        }
        private static let options = TestGateway.Options(
            workers: 3, concurrency: 4, settings: { $0.http.stickySessions = true })

        @Test("by a cookie that is set once")
        func cookie() async throws {
            try await TestGateway.run(Self.options, worker: Self.worker) { server in
                let client = try server.client()
                let first = try client.get()
                let set = first.field("Set-Cookie") ?? ""
                #expect(set.hasPrefix("_passenger_route=") && set.hasSuffix("; Path=/; HttpOnly; SameSite=Lax; Secure"))
                let pair = String(set.prefix { $0 != ";" })
                for fields in ["Cookie: \(pair)\r\n", "Cookie: a=b\r\nCookie: c=d; \(pair)\r\n"] {
                    for _ in 0..<6 {
                        let answer = try client.get("/", fields)
                        #expect(answer.text == first.text && answer.field("Set-Cookie") == nil)
                    }
                }
                for forged in ["0000000000000000", "x", String(repeating: "f", count: 16)] {
                    let answer = try client.get("/", "Cookie: _passenger_route=\(forged)\r\n")
                    #expect(answer.status == 200 && answer.field("Set-Cookie") != nil)
                }
                let gone = server.fleet.workers.first { "\($0.number)" == first.text }
                if let gone { server.fleet.exit(gone.number) }
                let moved = try client.get("/", "Cookie: \(pair)\r\n")
                #expect(moved.text != first.text)
                #expect(moved.field("Set-Cookie")?.hasPrefix("_passenger_route=") == true)
                #expect(moved.field("Set-Cookie")?.hasPrefix(pair) == false)
            }
        }

        @Test("a path without a limit holds many requests at a worker that takes one")
        func unlimited() async throws {
            let go = Signal()
            let options = TestGateway.Options(settings: { $0.http.unlimitedConcurrencyPaths = ["/cable"] })
            try await TestGateway.run(
                options,
                worker: { connection in
                    while let (request, _) = try connection.readRequest() {
                        if request.path == "/cable" { go.wait() }
                        try connection.answer(request.path)
                    }
                }
            ) { server in
                let clients = try (0..<20).map { _ in try server.client() }
                for client in clients { try client.send("GET /cable HTTP/1.1\r\nHost: a\r\n\r\n") }
                #expect(eventually { server.fleet.workers[0].requestCount == 20 })
                #expect(try server.client().get("/other").text == "/other")
                for _ in clients { go.raise() }
                for client in clients { #expect(try client.answer().text == "/cable") }
            }
        }
    }
}
