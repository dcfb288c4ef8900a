import AccessLog
import Glibc
import Linux
import Model
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("writes the access log")
    struct AccessLinesTests {
        private static func options(_ format: AccessLogFormat, static files: Bool = false) -> TestGateway.Options {
            TestGateway.Options(
                settings: {
                    $0.http.cache.isOn = true
                    $0.http.files.staticFilesDirectory = files ? "." : nil
                }, cacheMemory: 16 << 20, accessLog: format)
        }

        private static let worker: FakeWorker.Behaviour = { connection in
            while let (request, _) = try connection.readRequest() {
                switch request.path {
                case "/chunked":
                    try connection.stream.send(
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
                case "/bad": try connection.stream.send("nonsense\r\n\r\n")
                case "/id": try connection.answer(request.fields["HTTP_X_REQUEST_ID"] ?? "none")
                case "/cached": try connection.answer("cached", "Cache-Control: max-age=60\r\n")
                default: try connection.answer("hello", request.method == "HEAD" ? "" : "X: y\r\n")
                }
            }
        }

        /// What of a line is told apart: request, status, bytes, referer, agent.
        private func rest(_ line: String) -> String { line.drop { $0 != "]" }.dropFirst(2).description }

        @Test("a line for each answer, whoever gave it")
        func text() async throws {
            try await TestGateway.run(Self.options(.text, static: true), worker: Self.worker) { server in
                try writeFile("\(server.directory)/file.txt", "a file")
                let client = try server.client()
                _ = try client.get("/x?token=secret", "User-Agent: me\r\nReferer: http://example.com/\r\n")
                #expect(try client.get("/file.txt").text == "a file")
                _ = try client.get("/cached")
                _ = try client.get("/cached")
                #expect(try client.get("/bad").status == 502)
                try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.answer(toHead: true)
                let old = try server.client()
                try old.send("GET / HTTP/1.0\r\n\r\n")
                _ = try old.answer()
                let lines = try server.logLines(7)
                #expect(lines.allSatisfy { $0.hasPrefix("127.0.0.1 - - [") })
                #expect(
                    rest(lines[0]).hasSuffix(" 200 5 \"http://example.com/\" \"me\"") && !lines[0].contains("secret"))
                #expect(rest(lines[1]) == "\"GET /file.txt HTTP/1.1\" 200 6 \"-\" \"-\"")
                #expect(rest(lines[2]) == "\"GET /cached HTTP/1.1\" 200 6 \"-\" \"-\"")
                #expect(rest(lines[3]) == rest(lines[2]))
                #expect(rest(lines[4]).hasPrefix("\"GET /bad HTTP/1.1\" 502 "))
                #expect(rest(lines[5]) == "\"HEAD / HTTP/1.1\" 200 0 \"-\" \"-\"")
                #expect(rest(lines[6]) == "\"GET / HTTP/1.0\" 200 5 \"-\" \"-\"")
                #expect(lines.count == 7)
            }
        }

        @Test("JSON tells who answered, and the id that the worker got")
        func json() async throws {
            try await TestGateway.run(Self.options(.json), worker: Self.worker) { server in
                let client = try server.client()
                let id = try client.get("/id").text
                _ = try client.get("/cached")
                _ = try client.get("/cached")
                _ = try client.get("/bad")
                let lines = try server.logLines(4)
                #expect(lines[0].contains("\"request_id\":\"\(id)\"") && id.count > 8)
                #expect(lines[0].contains("\"source\":\"worker\"") && lines[0].contains("\"worker_time\":"))
                #expect(lines[0].contains("\"app\":\"test\"") && lines[0].contains("\"generation\":1"))
                #expect(lines[1].contains("\"source\":\"worker\""))
                #expect(lines[2].contains("\"source\":\"cache\"") && !lines[2].contains("\"worker"))
                #expect(lines[3].contains("\"source\":\"gateway\"") && lines[3].contains("\"status\":502"))
            }
        }

        @Test("HTTP/2 has a line for each stream, whole or not")
        func http2() async throws {
            var options = Self.options(.text, static: true)
            options.tls = ["example.com"]
            try await TestGateway.run(
                options,
                worker: { connection in
                    while let (request, _) = try connection.readRequest() {
                        guard request.path == "/cut" else {
                            try connection.answer("hello")
                            continue
                        }
                        try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
                        return
                    }
                }
            ) { server in
                try writeFile("\(server.directory)/file.txt", "a file")
                let fields = ["-A", "me", "-e", "http://example.com/"]
                #expect(try server.curl(fields, "/secret?token=x").output == "hello")
                #expect(try server.curl(["-I"], "/file.txt").status == 0)
                #expect(try server.curl([], "/file.txt", "/file.txt").output == "a filea file")
                #expect(try server.curl(["--data", "0123456789"], "/post").output == "hello")
                #expect(try server.curl([], "/cut").status == 92)
                let lines = try server.logLines(6).map(rest)
                #expect(lines[0] == "\"GET /secret?token=[redacted] HTTP/2.0\" 200 5 \"http://example.com/\" \"me\"")
                #expect(lines[1].hasPrefix("\"HEAD /file.txt HTTP/2.0\" 200 0 "))
                #expect(lines[2].hasPrefix("\"GET /file.txt HTTP/2.0\" 200 6 ") && lines[3] == lines[2])
                #expect(lines[4].hasPrefix("\"POST /post HTTP/2.0\" 200 5 "))
                #expect(lines[5].hasPrefix("\"GET /cut HTTP/2.0\" 200 4 "))
                #expect(lines.count == 6)
            }
        }

        @Test("what is no request has a line, with nothing of the request before it")
        func malformed() async throws {
            try await TestGateway.run(Self.options(.text), worker: Self.worker) { server in
                let client = try server.client()
                _ = try client.get("/the-first-one-of-them", "User-Agent: me\r\nReferer: http://example.com/\r\n")
                try client.send("GET /second HTTP/1.1\r\nReferer: b\r\nno field\r\n\r\n")
                #expect(try client.answer().status == 400)
                let other = try server.client()
                try other.send("\u{16}\u{3}\u{1}\r\n\r\n")
                #expect(try other.answer().status == 400)
                let lines = try server.logLines(3)
                #expect(rest(lines[1]).hasPrefix("\"GET /second HTTP/1.1\" 400 ") && lines[1].hasSuffix("\"b\" \"-\""))
                #expect(rest(lines[2]).hasPrefix("\"-\" 400 "))
            }
        }

        @Test("a client that left before its answer has 499")
        func gone() async throws {
            let go = Signal()
            try await TestGateway.run(
                Self.options(.text),
                worker: { connection in
                    while try connection.readRequest() != nil {
                        go.raise()
                        _ = try connection.stream.readSome()
                        return
                    }
                }
            ) { server in
                let client = try server.client()
                try client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                go.wait()
                client.stream.end()
                #expect(rest(try server.logLines(1)[0]).hasPrefix("\"GET /slow HTTP/1.1\" 499 0 "))
            }
        }

        @Test("a file that was moved away is opened anew")
        func reopen() async throws {
            try await TestGateway.run(Self.options(.text), worker: Self.worker) { server in
                let client = try server.client()
                _ = try client.get("/1")
                _ = try server.logLines(1)
                rename("\(server.directory)/access.log", "\(server.directory)/access.log.1")
                server.gateway.reopenLogs()
                #expect(eventually { access("\(server.directory)/access.log", F_OK) == 0 })
                _ = try client.get("/2")
                #expect(try server.logLines(1)[0].contains("/2"))
                #expect(server.read("access.log.1").contains("/1"))
            }
        }

        @Test("the last lines are written when the gateway stops")
        func end() async throws {
            let server = try await TestGateway(Self.options(.text), Self.worker)
            let client = try await blocking {
                let client = try server.client()
                _ = try client.get("/last")
                return SendableBox(client)
            }
            await server.gateway.closeLogs(within: .seconds(20))
            #expect(server.read("access.log").contains("/last"))
            withExtendedLifetime(client) {}
            try await server.stop()
        }
    }
}

private struct SendableBox: @unchecked Sendable {
    let client: TestClient
    init(_ client: TestClient) { self.client = client }
}

func writeFile(_ path: String, _ text: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw TestFailure("no file \(path)") }
    defer { close(file) }
    let bytes = Array(text.utf8)
    guard write(file, bytes, bytes.count) == bytes.count else { throw TestFailure("no room") }
}
