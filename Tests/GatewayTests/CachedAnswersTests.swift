import Glibc
import Model
import Synchronization
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("answers from the response cache")
    struct CachedAnswersTests {
        private static func options(_ change: @escaping @Sendable (inout AppSettings) -> Void = { _ in })
            -> TestGateway.Options
        {
            TestGateway.Options(
                workers: 1, concurrency: 64,
                settings: {
                    $0.http.cache.isOn = true
                    change(&$0)
                }, cacheMemory: 32 << 20)
        }

        private static let fresh = "Cache-Control: max-age=60\r\n"

        /// Says how often it was asked.
        private static func counting(_ fields: String = fresh, padding: Int = 0) -> FakeWorker.Behaviour {
            { connection in
                while let (request, _) = try connection.readRequest() {
                    let text = "\(request.method) \(connection.worker.requestCount) \(connection.worker.generation)"
                    try connection.answer(text + String(repeating: ".", count: padding), fields)
                }
            }
        }

        /// Of an answer that was stored just now, as far as a busy machine has a now.
        private func isAge(_ answer: Answer) -> Bool {
            (0..<60).contains(answer.field("Age").flatMap { Int($0) } ?? -1)
        }

        @Test("the second request, and HEAD, are answered without the worker")
        func hits() async throws {
            try await TestGateway.run(Self.options(), worker: Self.counting(Self.fresh + "ETag: \"a\"\r\n")) { server in
                let client = try server.client()
                let first = try client.get()
                #expect(first.field("Age") == nil)
                let second = try client.get()
                #expect(second.text == first.text && isAge(second))
                for name in ["Date", "Server", "Content-Length", "ETag"] {
                    let count = second.head.lowercased().occurrences(of: "\r\n\(name.lowercased()):")
                    #expect(count == 1, "\(name)")
                }
                try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                let head = try client.answer(toHead: true)
                #expect(head.field("Content-Length") == "\(first.body.count)" && isAge(head))
                let unchanged = try client.get("/", "If-None-Match: \"a\"\r\n")
                #expect(unchanged.status == 304 && unchanged.body.isEmpty)
                try client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
                let old = try client.answer()
                #expect(old.text == first.text && old.endsConnection && client.isEnded())
                #expect(server.fleet.workers[0].requestCount == 1)
            }
        }

        @Test("pipelined requests get the stored answer each, also a client that reads late")
        func pipeline() async throws {
            try await TestGateway.run(Self.options(), worker: Self.counting(padding: 500_000)) { server in
                let client = try server.client(receiveBuffer: 8192)
                let first = try client.get()
                try client.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 20))
                usleep(50_000)
                for _ in 0..<20 { #expect(try client.answer().body == first.body) }
                #expect(server.fleet.workers[0].requestCount == 1)
            }
        }

        @Test("a chunked answer is stored whole, and served with its length")
        func chunked() async throws {
            let text =
                "HTTP/1.1 200 OK\r\n\(Self.fresh)Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
            try await TestGateway.run(Self.options(), worker: Behaviours.raw(text)) { server in
                let client = try server.client()
                #expect(try client.get().text == "hello world")
                let hit = try client.get()
                #expect(hit.text == "hello world" && hit.field("Content-Length") == "11" && hit.field("Age") != nil)
                #expect(server.fleet.workers[0].requestCount == 1)
            }
        }

        @Test("a hit is compressed for those who take that, and only for them")
        func compressed() async throws {
            let worker = Self.counting(Self.fresh + "Content-Type: text/html\r\n", padding: 5000)
            try await TestGateway.run(Self.options(), worker: worker) { server in
                let client = try server.client()
                let plain = try client.get()
                #expect(plain.field("Vary") == "Accept-Encoding")
                for _ in 0..<2 {
                    let hit = try client.get("/", "Accept-Encoding: gzip\r\n")
                    #expect(hit.field("Content-Encoding") == "gzip" && gunzip(hit.body) == plain.body)
                    #expect(hit.field("Age") != nil)
                }
                #expect(try client.get().body == plain.body)
                #expect(server.fleet.workers[0].requestCount == 1)
            }
        }

        @Test("fifty requests at once ask the worker once")
        func coalescing() async throws {
            let go = Signal()
            try await TestGateway.run(
                Self.options(),
                worker: { connection in
                    while try connection.readRequest() != nil {
                        go.wait()
                        try connection.answer("once", Self.fresh)
                    }
                }
            ) { server in
                let clients = try (0..<50).map { _ in try server.client() }
                for client in clients { try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
                #expect(eventually { server.fleet.workers[0].requestCount == 1 })
                usleep(50_000)
                go.raise()
                for client in clients { #expect(try client.answer().text == "once") }
                #expect(server.fleet.workers[0].requestCount == 1)
            }
        }

        @Test("who waits goes on when the first one leaves", arguments: ["client", "worker"])
        func leaderGone(_ who: String) async throws {
            let go = Signal()
            try await TestGateway.run(
                Self.options(),
                worker: { connection in
                    while try connection.readRequest() != nil {
                        if connection.worker.requestCount == 1 {
                            go.wait()
                            if who == "worker" {
                                return try connection.stream.send(
                                    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\(Self.fresh)\r\nha")
                            }
                        }
                        try connection.answer("there", Self.fresh)
                    }
                }
            ) { server in
                let leader = try server.client()
                try leader.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.fleet.workers[0].requestCount == 1 })
                let clients = try (0..<5).map { _ in try server.client() }
                for client in clients { try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
                usleep(20_000)
                if who == "client" { leader.stream.end() } else { go.raise() }
                for client in clients { #expect(try client.answer().text == "there") }
                #expect(server.fleet.workers[0].requestCount == 2)
                go.raise()
            }
        }

        @Test(
            "what is one user's is asked for each time",
            arguments: ["Cache-Control: private, max-age=60\r\n", fresh + "Set-Cookie: a=b\r\n", ""])
        func notStored(_ fields: String) async throws {
            try await TestGateway.run(Self.options(), worker: Self.counting(fields)) { server in
                let client = try server.client()
                for count in 1...3 { #expect(try client.get().text.hasPrefix("GET \(count) ")) }
            }
        }

        @Test("by cookie, after POST, and by generation answers are told apart")
        func keys() async throws {
            let options = Self.options { $0.http.cache.varyByCookie = "lang" }
            try await TestGateway.run(options, worker: Self.counting()) { server in
                let client = try server.client()
                let plain = try client.get().text
                let german = try client.get("/", "Cookie: lang=de; x=1\r\n").text
                #expect(plain != german)
                #expect(try client.get("/", "Cookie: x=2; lang=de\r\n").text == german)
                #expect(try client.get().text == plain)
                #expect(try client.post("/", [1]).text.hasPrefix("POST"))
                #expect(try client.get().text != plain)
            }
            let server = try await TestGateway(Self.options(), Self.counting())
            let old = try await blocking { try server.client().get().text }
            try await server.switchToNew()
            let new = try await blocking { try (server.client().get(), server.client().get()) }
            #expect(new.0.text != old && new.1.text == new.0.text)
            try await server.stop()
        }

        @Test("who waits for an answer that does not come goes to the app by itself after five seconds")
        func slowLeader() async throws {
            let go = Signal()
            try await TestGateway.run(
                Self.options(),
                worker: { connection in
                    while try connection.readRequest() != nil {
                        if connection.worker.requestCount == 1 { go.wait() }
                        try connection.answer("there", Self.fresh)
                    }
                }
            ) { server in
                let leader = try server.client()
                try leader.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.fleet.workers[0].requestCount == 1 })
                #expect(try server.client().get().text == "there")
                go.raise()
                #expect(try leader.answer().text == "there")
            }
        }
    }
}

extension String {
    /// How often it holds the other.
    func occurrences(of part: String) -> Int { split(separator: part, omittingEmptySubsequences: false).count - 1 }
}
