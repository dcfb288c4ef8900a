import Model
import Pool
import Synchronization
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("fields and pages of the gateway's own")
    struct OwnFieldsTests {
        @Test("set_headers stand alone on answers of the app, of files, and on error pages")
        func setHeaders() async throws {
            let set = [
                "Server": "mine", "Cache-Control": "no-cache", "X-A": "1", "ETag": "\"own\"",
                "Content-Type": "text/x-own",
            ]
            let options = TestGateway.Options(settings: {
                $0.http.setHeaders = set
                $0.http.files.staticFilesDirectory = "."
            })
            let worker: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    if request.path == "/bad" { return }
                    try connection.answer(
                        "x", "server: app\r\nCACHE-control: public\r\nx-a: 2\r\netag: \"app\"\r\nContent-type: a/b\r\n")
                }
            }
            try await TestGateway.run(options, worker: worker) { server in
                try writeFile("\(server.directory)/f.txt", "file")
                let client = try server.client()
                for path in ["/", "/f.txt", "/bad"] {
                    let answer = try client.get(path)
                    for (name, value) in set {
                        #expect(answer.field(name) == value, "\(path) \(name)")
                        #expect(
                            answer.head.lowercased().occurrences(of: "\r\n\(name.lowercased()):") == 1,
                            "\(path) \(name)")
                    }
                    #expect(answer.head.occurrences(of: "\r\nDate:") == 1)
                }
            }
        }

        @Test("the app's error page is used, JSON for those who ask for it")
        func errorPages() async throws {
            let options = TestGateway.Options(errorPage: "<h1>Our {{status}}</h1>")
            try await TestGateway.run(options, worker: { _ in }) { server in
                let client = try server.client()
                #expect(try client.get().text == "<h1>Our 502</h1>")
                let json = try client.get("/", "Accept: application/json\r\n")
                #expect(json.status == 502 && json.field("Content-Type")?.hasPrefix("application/json") == true)
                #expect(json.text.contains("\"status\":502"))
            }
        }

        @Test("a worker that asks for out-of-band work is told to, and the client hears nothing of it")
        func outOfBandWork() async throws {
            let worker: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    try connection.answer(
                        "x", request.path == "/work" ? "X-Passenger-Request-OOB-Work: true\r\n" : "")
                }
            }
            try await TestGateway.run(TestGateway.Options(workers: 2), worker: worker) { server in
                let client = try server.client()
                #expect(try client.get("/").text == "x")
                #expect(server.fleet.worked.withLock { $0.isEmpty })
                let answer = try client.get("/work")
                #expect(answer.text == "x" && answer.field("X-Passenger-Request-OOB-Work") == nil)
                #expect(eventually { server.fleet.worked.withLock { $0.count == 1 } })
            }
        }

        private static let told = [
            "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-ID", "X-Request-Start",
        ]

        @Test(
            "who is trusted may say where a request comes from", arguments: [WorkerProtocol.session, .http],
            [true, false])
        func forwarded(_ wire: WorkerProtocol, _ isTrusted: Bool) async throws {
            let options = TestGateway.Options(wire: wire, trusted: isTrusted ? ["127.0.0.1"] : [])
            try await TestGateway.run(
                options,
                worker: { connection in
                    while let (request, _) = try connection.readRequest() {
                        let values = Self.told.map { name in
                            let cgi = "HTTP_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
                            return request.fields[wire == .session ? cgi : name.lowercased()] ?? "-"
                        }
                        try connection.answer(values.joined(separator: "|") + "|" + (request.fields["HTTPS"] ?? "-"))
                    }
                }
            ) { server in
                let answer = try server.client().get(
                    "/", "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: example.com\r\n")
                let parts = answer.text.split(separator: "|").map(String.init)
                #expect(parts.count == 6)
                guard parts.count == 6 else { return }
                #expect(parts[0] == (isTrusted ? "192.0.2.9, 127.0.0.1" : "127.0.0.1"))
                #expect(parts[1] == (isTrusted ? "https" : "http"))
                #expect(parts[2] == (isTrusted ? "example.com" : "a"))
                #expect(parts[3].count > 8 && parts[4].hasPrefix("t="))
                #expect(parts[5] == (wire == .session && isTrusted ? "on" : "-"))
            }
        }

        @Test(
            "of Forwarded, too, only a trusted peer's word passes", arguments: [WorkerProtocol.session, .http],
            [true, false])
        func standardForwarded(_ wire: WorkerProtocol, _ isTrusted: Bool) async throws {
            let options = TestGateway.Options(wire: wire, accessLog: .text, trusted: isTrusted ? ["127.0.0.1"] : [])
            let names = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"]
            try await TestGateway.run(
                options,
                worker: { connection in
                    while let (request, _) = try connection.readRequest() {
                        let values = names.map { name in
                            let cgi = "HTTP_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
                            return request.fields[wire == .session ? cgi : name.lowercased()] ?? "-"
                        }
                        try connection.answer(values.joined(separator: "|") + "|" + (request.fields["HTTPS"] ?? "-"))
                    }
                }
            ) { server in
                let said = "for=192.0.2.9;proto=https;host=example.com"
                let answer = try server.client().get("/", "Forwarded: \(said)\r\n")
                let https = wire == .session ? "on" : "-"
                let expected =
                    isTrusted
                    ? "\(said), for=127.0.0.1|192.0.2.9, 127.0.0.1|https|-|\(https)"
                    : "for=127.0.0.1;proto=http;host=\"a\"|127.0.0.1|http|a|-"
                #expect(answer.text == expected)
                #expect(try server.logLines(1)[0].hasPrefix(isTrusted ? "192.0.2.9 " : "127.0.0.1 "))
            }
        }

        @Test("a full queue and a long wait have the statuses that are set")
        func queue() async throws {
            let go = Signal()
            let options = TestGateway.Options(settings: {
                $0.queue.maxRequestQueueSize = 1
                $0.queue.maxRequestQueueTime = .seconds(2)
                $0.queue.overflowStatusCode = 529
                $0.queue.timeoutStatusCode = 503
            })
            try await TestGateway.run(
                options,
                worker: { connection in
                    while try connection.readRequest() != nil {
                        go.wait()
                        try connection.answer("done")
                    }
                }
            ) { server in
                let clients = try (0..<3).map { _ in try server.client() }
                try clients[0].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.fleet.workers[0].requestCount == 1 })
                try clients[1].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.snapshot.queueLength == 1 })
                #expect(try clients[2].get().status == 529)
                #expect(try clients[1].answer().status == 503)
                go.raise()
                #expect(try clients[0].answer().text == "done")
            }
        }

        @Test("an expectation that nobody knows is refused")
        func expectation() async throws {
            try await TestGateway.run { server in
                let client = try server.client()
                #expect(try client.get("/", "Expect: wonders\r\n").status == 417)
            }
        }

        @Test("an app that only ever announces answers is taken for broken")
        func interim() async throws {
            let flood = String(repeating: "HTTP/1.1 102 Processing\r\nX-Progress: 1\r\n\r\n", count: 40)
            try await TestGateway.run(worker: Behaviours.raw(flood)) { server in
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                var statuses: [Int] = []
                repeat { statuses.append(try client.answer().status) } while statuses.last == 102
                #expect(statuses == [Int](repeating: 102, count: 16) + [502])
            }
        }
    }
}
