import Glibc
import Linux
import Model
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("forwards requests")
    struct ForwardingTests {
        private static func options(_ wire: WorkerProtocol) -> TestGateway.Options {
            var options = TestGateway.Options()
            options.wire = wire
            return options
        }
        static let wires: [WorkerProtocol] = [.session, .http]

        @Test("many requests use one connection on both sides", arguments: wires)
        func keepsAlive(_ wire: WorkerProtocol) async throws {
            try await TestGateway.run(Self.options(wire)) { server in
                let client = try server.client()
                for number in 0..<50 {
                    let answer = try client.get("/\(number)")
                    #expect(answer.status == 200 && answer.text == "GET /\(number) 0 \(checksum([]))")
                    #expect(answer.field("Connection") == nil && answer.field("Date") != nil)
                }
                #expect(server.fleet.workers[0].connectionCount == 1)
                #expect(eventually { server.snapshot.live?.traffic.requests == 50 })
            }
        }

        @Test("pipelined requests are answered in order", arguments: wires)
        func pipelining(_ wire: WorkerProtocol) async throws {
            try await TestGateway.run(Self.options(wire)) { server in
                let client = try server.client()
                let requests = (0..<200).map { number in
                    number % 3 == 0
                        ? "POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                        : "GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n"
                }
                try client.send(requests.joined())
                for number in 0..<200 {
                    let answer = try client.answer()
                    #expect(answer.text.contains(" /\(number) \(number % 3 == 0 ? 3 : 0) "))
                }
            }
        }

        @Test("a body of 1 MiB arrives whole", arguments: wires)
        func bigBody(_ wire: WorkerProtocol) async throws {
            try await TestGateway.run(Self.options(wire)) { server in
                let client = try server.client()
                let body = pattern(1 << 20)
                for _ in 0..<3 {
                    let answer = try client.post("/upload", body)
                    #expect(answer.text == "POST /upload \(body.count) \(checksum(body))")
                }
                #expect(eventually { server.budget.memoryInUse == 0 && server.budget.diskInUse == 0 })
            }
        }

        @Test("a chunked body arrives whole and with its length", arguments: wires)
        func chunkedBody(_ wire: WorkerProtocol) async throws {
            try await TestGateway.run(Self.options(wire)) { server in
                let client = try server.client()
                for size in [1, 7, 1000, 70_000] {
                    let body = pattern(300_000)
                    try client.send("PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                    var bytes: [UInt8] = []
                    for start in stride(from: 0, to: body.count, by: size) {
                        let chunk = body[start..<min(start + size, body.count)]
                        // Extensions have a limit over all chunks.
                        bytes +=
                            Array("\(String(chunk.count, radix: 16))\(size > 100 ? ";x=y" : "")\r\n".utf8) + chunk + [
                                13, 10,
                            ]
                    }
                    try client.stream.send(bytes + Array("0\r\nX-Sum: t\r\n\r\n".utf8))
                    let answer = try client.answer()
                    #expect(answer.text == "PUT /c \(body.count) \(checksum(body))")
                }
                try client.send("PUT /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                #expect(try client.answer().text == "PUT /e 0 \(checksum([]))")
            }
        }

        @Test("an expected 100 Continue comes before the body, and a refusal instead of it")
        func expectContinue() async throws {
            var options = TestGateway.Options()
            options.settings = { $0.http.maxRequestBody = 1000 }
            try await TestGateway.run(options) { server in
                let client = try server.client()
                let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
                try client.send(head + "5\r\n\r\n")
                #expect(try client.answer().status == 100)
                try client.send("hello")
                #expect(try client.answer().text.hasPrefix("POST / 5 "))
                try client.send(head + "1001\r\n\r\n")
                #expect(try client.answer().status == 413)
                #expect(client.isEnded())
            }
        }

        @Test("the worker learns who asks, and strangers do not tell it", arguments: wires)
        func forwardedFields(_ wire: WorkerProtocol) async throws {
            let worker: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    let names = ["HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP", "HTTP_CONNECTION"]
                    try connection.answer(
                        names.map { name in
                            let header = name.dropFirst(5).lowercased().map { $0 == "_" ? "-" : $0 }
                            return request.fields[connection.wire == .session ? name : String(header)] ?? "-"
                        }.joined(separator: " "))
                }
            }
            try await TestGateway.run(Self.options(wire), worker: worker) { server in
                let fields =
                    "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6\r\n"
                    + "Connection: keep-alive\r\n"
                let answer = try server.client().get("/", fields)
                #expect(answer.text == "127.0.0.1 http - -")
            }
        }

        @Test("a client on a Unix socket is served like any other")
        func unixClient() async throws {
            let server = try await TestGateway(TestGateway.Options(), Behaviours.answering("hello"))
            let path = "\(server.directory)/front"
            let listener = try listenUnix(path: path, mode: 0o600, backlog: 16)
            try await server.gateway.open([GatewayListener(descriptor: listener.release(), isShared: true)])
            let text = try await blocking {
                let stream = SocketStream(try connectUnix(path: path).release())
                try stream.send("GET / HTTP/1.0\r\n\r\n")
                return String(decoding: try stream.readToEnd(), as: UTF8.self)
            }
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("hello"))
            try await server.stop()
        }

        @Test("two loops, two workers, many clients: nothing is lost or mixed up", arguments: wires)
        func manyClients(_ wire: WorkerProtocol) async throws {
            var options = Self.options(wire)
            options.loops = 2
            options.workers = 2
            try await TestGateway.run(options) { server in
                let done = Signal()
                let failures = Counter()
                for number in 0..<12 {
                    startThread(name: "client") {
                        do {
                            let client = try server.client()
                            for round in 0..<150 {
                                let body = pattern(round % 10 == 9 ? 200_000 : round)
                                let answer = try client.post("/\(number)/\(round)", body)
                                if answer.text != "POST /\(number)/\(round) \(body.count) \(checksum(body))" {
                                    failures.add()
                                }
                                done.raise()
                            }
                        } catch { failures.add() }
                    }
                }
                // Ten seconds without any answer, or with one client's answers missing at the end, are a hang.
                for _ in 0..<12 * 150 where !done.wait() { throw TestFailure("a client hangs") }
                #expect(failures.value == 0)
                #expect(eventually { server.snapshot.live?.traffic.requests == 1800 })
            }
        }
    }
}
