import Glibc
import Linux
import Model
import Pool
import Testing

@testable import Gateway

/// With clients that are not ours: curl (nghttp2) and OpenSSL.
@Suite("TLS and HTTP/2", .serialized, .timeLimit(.minutes(5)))
struct SecureTests {
    private static func options(_ change: (inout TestGateway.Options) -> Void = { _ in }) -> TestGateway.Options {
        var options = TestGateway.Options()
        options.tls = ["example.com"]
        change(&options)
        return options
    }

    /// Answers by path: a fact of the request, a large body, or one that is cut short.
    private static let worker: FakeWorker.Behaviour = { connection in
        while let (request, body) = try connection.readRequest() {
            switch request.path {
            case "/facts":
                let fields = request.fields
                try connection.answer(
                    "\(fields["HTTPS"] ?? "-") \(fields["HTTP_X_FORWARDED_PROTO"] ?? "-") \(fields["HTTP_HOST"] ?? "-")"
                )
            case "/chunks":
                try connection.stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
                try connection.stream.send("4\r\ndefg\r\n0\r\n\r\n")
            case "/close":
                try connection.stream.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")
                return
            case "/cut":
                try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nno more than this")
                return
            case "/unchanged": try connection.stream.send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n")
            case "/big":
                try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(largeBody.count)\r\n\r\n")
                try connection.stream.send(largeBody)
            case "/hang":
                try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun")
                while try !connection.stream.readSome().isEmpty {}
                return
            default: try connection.answer("\(request.method) \(body.count) \(checksum(body))")
            }
        }
    }

    @Test("a connection of HTTP/1.1 inside TLS serves one request after another")
    func keepAlive() async throws {
        try await TestGateway.run(Self.options(), worker: Self.worker) { server in
            let result = try server.curl(
                ["--http1.1", "-w", " %{num_connects} %{http_version}\\n"], "/facts", "/facts", "/close", "/chunks")
            let lines = result.output.split(separator: "\n")
            #expect(result.status == 0)
            try #require(lines.count == 4, "\(result.output)")
            #expect(lines[0] == "on https localhost:\(server.port) 1 1.1")
            #expect(lines[1] == "on https localhost:\(server.port) 0 1.1")
            #expect(lines[2].hasPrefix("to the end "))
            #expect(lines[3].hasPrefix("abcdefg "))
        }
    }

    @Test("the certificate is the one of the name that the client asks for")
    func serverNames() async throws {
        try await TestGateway.run(Self.options { $0.tls = ["example.com", "example.org"] }) { server in
            for (name, expected) in [
                ("example.org", "example.org"), ("example.com", "example.com"), ("x.net", "example.com"),
            ] {
                let result = try runTool(
                    [
                        "openssl", "s_client", "-connect", "127.0.0.1:\(server.port)", "-servername", name, "-alpn",
                        "h2",
                    ],
                    in: server.directory)
                #expect(result.output.contains("subject=CN = \(expected)"))
                #expect(result.output.contains("ALPN protocol: h2"))
            }
            #expect(eventually { server.gateway.connectionCount == 0 })
        }
    }

    @Test("what HTTP/2 says is the same as what HTTP/1.1 says")
    func answers() async throws {
        try await TestGateway.run(Self.options { $0.settings = { $0.http.maxRequestBody = 1000 } }, worker: Self.worker)
        {
            server in
            let facts = try server.curl(["-w", " %{http_version}"], "/facts")
            #expect(facts.output == "on https localhost:\(server.port) 2")
            let chunks = try server.curl(["-i"], "/chunks")
            #expect(chunks.output.hasSuffix("\r\n\r\nabcdefg"))
            #expect(!chunks.output.lowercased().contains("transfer-encoding"))
            #expect(!chunks.output.lowercased().contains("connection:"))
            #expect(try server.curl([], "/close").output == "to the end")
            let head = try server.curl(["-I"], "/head")
            #expect(head.status == 0)
            #expect(head.output.contains("content-length: "))
            #expect(try server.curl(["-w", "%{http_code}"], "/unchanged").output == "304")
            let refused = try server.curl(
                ["-w", "%{http_code}", "--data", String(repeating: "a", count: 1001)], "/post")
            #expect(refused.output.contains("1000 bytes") && refused.output.hasSuffix("413"))
        }
    }

    @Test(
        "bodies that are larger than the windows arrive whole, with a length and without",
        arguments: ["--http1.1", "--http2"], [true, false])
    func uploads(version: String, isBuffered: Bool) async throws {
        var options = Self.options { $0.settings = { $0.http.requestBuffering = isBuffered } }
        options.wire = .http
        let worker: FakeWorker.Behaviour = { connection in
            while let request = try connection.readHead() {
                let isChunked = request.fields["transfer-encoding"] == "chunked"
                let body = try isChunked ? connection.readChunks() : connection.readBody(request)
                try connection.answer("\(isChunked) \(body.count) \(checksum(body))")
            }
        }
        try await TestGateway.run(options, worker: worker) { server in
            let body = pattern(3 << 20)
            let path = "\(server.directory)/body"
            try writeTestFile(path, body)
            let expected = "\(body.count) \(checksum(body))"
            #expect(try server.curl([version, "--data-binary", "@\(path)"], "/").output == "false \(expected)")
            let unknown = [version, "-T", path, "-X", "POST", "-H", "Transfer-Encoding: chunked"]
            #expect(try server.curl(unknown, "/").output == "\(!isBuffered) \(expected)")
            #expect(eventually { server.requestsNow == 0 })
        }
    }

    @Test(
        "a large answer reaches a slow reader whole, and its worker is free before",
        arguments: ["--http1.1", "--http2"])
    func slowReader(version: String) async throws {
        try await TestGateway.run(Self.options(), worker: Self.worker) { server in
            let path = "\(server.directory)/answer"
            let tool = try server.startCurl([version, "--limit-rate", "4M", "-o", path], "/big")
            let wasFree = eventually { server.fleet.workers[0].requestCount == 1 && server.requestsNow == 0 }
            let isUnderWay = kill(tool.process, 0) == 0 && fileSize(path) < largeBody.count
            let result = try tool.wait()
            #expect(result.status == 0, "\(result.output)")
            #expect(wasFree && isUnderWay)
            #expect(try checksum(readTestFile(path)) == checksum(largeBody))
        }
    }

    @Test(
        "answers that no window lets go count against the limit over all, until they are given up",
        arguments: [64 << 20, 200_000])
    func stalledStreams(memoryLimit: Int) async throws {
        let options = Self.options {
            $0.memoryLimit = memoryLimit
            $0.workers = 2
            $0.settings = { $0.http.bodyTimeout = .seconds(5) }
        }
        let text = String(repeating: "x", count: 40_000)
        let worker: FakeWorker.Behaviour = { connection in
            while let (request, _) = try connection.readRequest() {
                try connection.answer(request.path == "/answer" ? text : "other")
            }
        }
        try await TestGateway.run(options, worker: worker) { server in
            let client = #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined() + "/clients/http2.py"
            let tool = try startTool(
                ["python3", client, "stalls", "\(server.port)", "2", "/answer"], in: server.directory)
            #expect(eventually { server.budget.memoryInUse > 100_000 })
            #expect(server.budget.memoryInUse <= memoryLimit)
            // Whoever waits, no worker does: the first two would hold both until all are given up.
            #expect(eventually { server.fleet.workers.reduce(0) { $0 + $1.requestCount } >= 100 })
            let result = try tool.wait()
            #expect(result.status == 0, "\(result.output)")
            #expect(eventually { server.budget.memoryInUse == 0 && server.budget.diskInUse == 0 })
        }
    }

    @Test("many streams at once are answered each with its own")
    func manyStreams() async throws {
        let options = Self.options {
            $0.workers = 4
            $0.loops = 2
        }
        let worker: FakeWorker.Behaviour = { connection in
            while let (request, _) = try connection.readRequest() { try connection.answer("<\(request.path)>") }
        }
        try await TestGateway.run(options, worker: worker) { server in
            let result = try server.curl(["-Z", "--parallel-max", "100", "--stderr", "/dev/null"], "/[1-300]")
            #expect(result.status == 0)
            let answers = Set(result.output.split(separator: ">").map { $0.dropFirst() })
            #expect(answers == Set((1...300).map { "/\($0)" }))
        }
    }

    @Test("an answer that breaks off is an error to the client", arguments: ["--http1.1", "--http2"])
    func brokenOff(version: String) async throws {
        try await TestGateway.run(Self.options(), worker: Self.worker) { server in
            let result = try server.curl([version], "/cut")
            // Of curl: partial file, or stream error.
            #expect(result.status == (version == "--http2" ? 92 : 18), "\(result.output)")
            #expect(try server.curl([version], "/").status == 0)
        }
    }

    @Test("a client that leaves in the middle of an answer frees its worker", arguments: ["--http1.1", "--http2"])
    func clientLeaves(version: String) async throws {
        try await TestGateway.run(Self.options(), worker: Self.worker) { server in
            let result = try server.curl([version, "--max-time", "0.3"], "/hang")
            #expect(result.status == 28)
            #expect(eventually { server.requestsNow == 0 && server.gateway.connectionCount == 0 })
            #expect(try server.curl([version], "/").status == 0)
        }
    }

    @Test("a drain in the middle of HTTP/2 traffic answers every request that it has taken")
    func drain() async throws {
        let answered = Counter()
        let worker: FakeWorker.Behaviour = { connection in
            while try connection.readRequest() != nil {
                answered.add()
                usleep(20_000)
                try connection.answer("a")
            }
        }
        let options = Self.options { $0.workers = 4 }
        let server = try await TestGateway(options, worker)
        let tool = try await blocking {
            let tool = try server.startCurl(["-Z", "--parallel-max", "20", "--stderr", "/dev/null"], "/[1-1000]")
            _ = eventually { answered.value > 100 }
            return tool
        }
        await server.gateway.drain()
        // An answer is one letter; of what could not connect any more there is nothing.
        let whole = try await blocking { try tool.wait().output.count }
        #expect(answered.value > 100 && answered.value < 1000)
        #expect(whole == answered.value)
        #expect(try await blocking { eventually { server.gateway.connectionCount == 0 } })
        try await server.stop()
    }

    @Test("an idle HTTP/2 connection is ended, and so is one that never speaks")
    func idle() async throws {
        let options = Self.options {
            $0.settings = {
                $0.http.keepAliveTimeout = .seconds(1)
                $0.http.headerTimeout = .seconds(2)
            }
        }
        try await TestGateway.run(options, worker: Self.worker) { server in
            let silent = try server.client()
            #expect(silent.isEnded())
            let h2 = try server.curl(["-w", " %{http_version}"], "/facts")
            #expect(h2.output.hasSuffix(" 2"))
            #expect(eventually { server.gateway.connectionCount == 0 })
        }
    }

    @Test("plain HTTP to a port of TLS is told so")
    func plainOnSecurePort() async throws {
        try await TestGateway.run(Self.options()) { server in
            let answer = try server.client().get()
            #expect(answer.status == 400)
            #expect(answer.text.contains("https"))
        }
    }
}

/// More than sockets, windows and memory of one connection hold.
private let largeBody = pattern(24 << 20)

extension TestGateway {
    /// In work at all workers of what is live.
    var requestsNow: Int { snapshot.live?.workers.reduce(0) { $0 + $1.requestsNow } ?? 0 }

    func startCurl(_ options: [String], _ paths: String...) throws -> RunningTool { try startCurl(options, paths) }
    func curl(_ options: [String], _ paths: String...) throws -> ToolResult { try startCurl(options, paths).wait() }

    private func startCurl(_ options: [String], _ paths: [String]) throws -> RunningTool {
        let urls = paths.map { "https://localhost:\(port)\($0)" }
        return try startTool(
            ["curl", "-skS", "--max-time", "30", "--http2", "--noproxy", "*"] + options + urls, in: directory)
    }
}

extension WorkerConnection {
    func readChunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while let line = try stream.read(through: "\r\n"), let size = Int(line.dropLast(1), radix: 16) {
            if size > 0 { body += try stream.read(size) ?? [] }
            _ = try stream.read(2)
            if size == 0 { return body }
        }
        throw TestFailure("no chunk size")
    }
}

private func writeTestFile(_ path: String, _ bytes: [UInt8]) throws {
    guard let file = fopen(path, "w") else { throw TestFailure("cannot write \(path)") }
    defer { fclose(file) }
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw TestFailure("cannot write \(path)") }
}

private func readTestFile(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw TestFailure("cannot read \(path)") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: largeBody.count + 1)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[..<count])
}

private func fileSize(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
}
