import Glibc
import Linux
import Model
import NIOCore
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("sends files")
    struct FileTests {
        static let large = pattern(3 << 20)
        static let digested = "app-0123456789abcdef0123456789abcdef.js"

        static func write(_ path: String, _ bytes: [UInt8]) throws {
            let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
            guard file >= 0 else { throw TestFailure("open \(path)") }
            defer { close(file) }
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, $0.count - done) }
                guard count > 0 else { throw TestFailure("write \(path)") }
                done += count
            }
        }

        static func options(_ more: @escaping @Sendable (inout AppSettings) -> Void = { _ in }) -> TestGateway.Options {
            var options = TestGateway.Options()
            options.hasRelease = true
            options.oldReleases = ["old"]
            options.settings = {
                $0.http.files.accelRedirects = ["/internal": "private"]
                more(&$0)
            }
            options.prepare = { root in
                for name in ["release", "release/public", "release/private", "old", "old/public"] {
                    mkdir("\(root)/\(name)", 0o755)
                }
                try write("\(root)/release/public/a.txt", Array("0123456789".utf8))
                try write("\(root)/release/public/page.html", Array("page".utf8))
                try write("\(root)/release/public/v.css", Array("plain css".utf8))
                try write("\(root)/release/public/v.css.gz", Array("gz".utf8))
                try write("\(root)/release/public/large.bin", large)
                try write("\(root)/release/private/secret.txt", Array("for you".utf8))
                try write("\(root)/old/public/\(digested)", Array("old".utf8))
                try write("\(root)/outside.txt", Array("outside".utf8))
            }
            return options
        }

        @Test("GET, HEAD, conditions and ranges on one connection")
        func methods() async throws {
            try await TestGateway.run(Self.options()) { server in
                let client = try server.client()
                let whole = try client.get("/a.txt?x=1")
                #expect(whole.status == 200 && whole.text == "0123456789")
                let tag = try #require(whole.field("ETag"))
                try client.send("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.answer(toHead: true).field("Content-Length") == "10")
                #expect(try client.get("/a.txt", "If-None-Match: \(tag)\r\n").status == 304)
                let part = try client.get("/a.txt", "Range: bytes=2-4\r\n")
                #expect(part.status == 206 && part.text == "234" && part.field("Content-Range") == "bytes 2-4/10")
                let parts = try client.get("/a.txt", "Range: bytes=0-1,8-9\r\n")
                #expect(parts.status == 206 && parts.field("Content-Type")?.hasPrefix("multipart/byteranges") == true)
                #expect(parts.text.contains("\r\n\r\n01\r\n") && parts.text.contains("\r\n\r\n89\r\n"))
                #expect(try client.get("/a.txt", "Range: bytes=10-\r\n").status == 416)
                #expect(try client.get("/page").text == "page")
                #expect(try client.get("/v.css", "Accept-Encoding: gzip\r\n").field("Content-Encoding") == "gzip")
                #expect(try client.get("/v.css").text == "plain css")
                #expect(server.fleet.workers[0].requestCount == 0)
                #expect(try client.post("/a.txt", [1]).text.hasPrefix("POST /a.txt 1"))
                #expect(try client.get("/no.txt").text.hasPrefix("GET /no.txt"))
            }
        }

        @Test("pipelined requests are answered in order; HTTP/1.0 is closed unless it asks otherwise")
        func pipeline() async throws {
            try await TestGateway.run(Self.options()) { server in
                let client = try server.client(receiveBuffer: 16_384)
                let paths = ["/large.bin", "/a.txt", "/app", "/large.bin", "/page"]
                try client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
                for path in paths {
                    let answer = try client.answer()
                    let isRight =
                        switch path {
                        case "/large.bin": answer.body == Self.large
                        case "/a.txt": answer.text == "0123456789"
                        case "/page": answer.text == "page"
                        default: answer.text.hasPrefix("GET /app")
                        }
                    #expect(isRight, "\(path)")
                }
                let old = try server.client()
                try old.send("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(try old.answer().field("Connection") == "keep-alive")
                try old.send("GET /a.txt HTTP/1.0\r\n\r\n")
                #expect(try old.answer().text == "0123456789")
                #expect(old.isEnded())
            }
        }

        @Test("a large file takes a slow client longer than one term")
        func slowClient() async throws {
            var options = Self.options { $0.http.bodyTimeout = .seconds(2) }
            options.prepare = { [prepare = options.prepare] root in
                try prepare(root)
                try Self.write("\(root)/release/public/huge.bin", pattern(24 << 20))
            }
            try await TestGateway.run(options) { server in
                let client = try server.client(receiveBuffer: 16_384)
                try client.send("GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.stream.read(through: "\r\n\r\n")
                var count = 0
                for _ in 0..<20 {
                    usleep(150_000)
                    count += try client.stream.read(400_000)?.count ?? 0
                }
                let rest = try client.stream.read((24 << 20) - count)
                #expect(rest?.count == (24 << 20) - count)
            }
        }

        @Test("a file that becomes shorter while it is sent ends the connection")
        func truncated() async throws {
            var options = Self.options()
            options.prepare = { [prepare = options.prepare] root in
                try prepare(root)
                try Self.write("\(root)/release/public/huge.bin", pattern(24 << 20))
            }
            try await TestGateway.run(options) { server in
                let client = try server.client(receiveBuffer: 16_384)
                try client.send("GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.stream.read(through: "\r\n\r\n")
                #expect(truncate("\(server.directory)/release/public/huge.bin", 1000) == 0)
                let rest = try? client.stream.readToEnd()
                #expect(rest?.count ?? 0 < 24 << 20)
                #expect(eventually { server.gateway.connectionCount == 0 })
            }
        }

        @Test("assets of past releases are found; one that no release has is not to be stored")
        func assets() async throws {
            let worker: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    try connection.answer("none", status: "404 Not Found", "Cache-Control: public, max-age=60\r\n")
                }
            }
            try await TestGateway.run(Self.options(), worker: worker) { server in
                let client = try server.client()
                let found = try client.get("/" + Self.digested)
                #expect(found.text == "old" && found.field("Cache-Control")?.contains("immutable") == true)
                let missing = try client.get("/app-fedcba98765432100123456789abcdef.js")
                #expect(missing.status == 404 && missing.field("Cache-Control") == "no-store")
                #expect(missing.text == "none")
                #expect(try client.get("/other").field("Cache-Control") == "public, max-age=60")
            }
        }

        @Test("files lie below base_uri")
        func baseURI() async throws {
            try await TestGateway.run(Self.options { $0.http.baseURI = "/shop" }) { server in
                let client = try server.client()
                #expect(try client.get("/shop/a.txt").text == "0123456789")
                #expect(try client.get("/a.txt").status == 404)
                #expect(try server.client().get("/shopping/a.txt").status == 404)
            }
        }

        // MARK: Files that the app names

        /// Answers with the fields that the request's query names, as `X-Sendfile=private/secret.txt`.
        private static func naming(status: String = "200 OK") -> FakeWorker.Behaviour {
            { connection in
                while let (request, _) = try connection.readRequest() {
                    let query = request.path.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
                    let field = query.replacing("=", with: ": ").replacing(
                        "ROOT", with: request.fields["HTTP_X_ROOT"] ?? "")
                    let body = status.hasPrefix("2") ? "ignored" : ""
                    let length = status.hasPrefix("304") ? "" : "Content-Length: \(body.utf8.count)\r\n"
                    try connection.stream.send(
                        "HTTP/1.1 \(status)\r\n\(length)X-App: yes\r\nContent-Type: text/x-app\r\n\(field)\r\n\r\n\(body)"
                    )
                }
            }
        }

        @Test(
            "the app's fields, the file's bytes",
            arguments: ["X-Sendfile=private/secret.txt", "X-Accel-Redirect=/internal/secret.txt"])
        func named(_ query: String) async throws {
            try await TestGateway.run(Self.options(), worker: Self.naming()) { server in
                let client = try server.client()
                for _ in 0..<2 {
                    let answer = try client.get("/?" + query)
                    #expect(answer.status == 200 && answer.text == "for you")
                    #expect(answer.field("X-App") == "yes" && answer.field("Content-Type") == "text/x-app")
                    #expect(answer.field("X-Sendfile") == nil && answer.field("X-Accel-Redirect") == nil)
                    let part = try client.get("/?" + query, "Range: bytes=4-\r\n")
                    #expect(part.status == 206 && part.text == "you")
                    #expect(part.field("Content-Range") == "bytes 4-6/7")
                    try client.send("HEAD /?\(query) HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try client.answer(toHead: true).field("Content-Length") == "7")
                    try client.send(
                        "POST /?\(query) HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\nContent-Length: 0\r\n\r\n")
                    #expect(try client.answer().text == "for you")
                }
            }
        }

        @Test(
            "a name that may not be sent is a bad answer, and the name stays inside",
            arguments: [
                "X-Sendfile=ROOT/outside.txt", "X-Sendfile=/etc/passwd", "X-Sendfile=private/no.txt",
                "X-Accel-Redirect=/other/a", "X-Accel-Redirect=/internal/../public/a.txt",
            ])
        func refused(_ query: String) async throws {
            try await TestGateway.run(Self.options(), worker: Self.naming()) { server in
                let answer = try server.client().get("/?" + query, "X-Root: \(server.directory)\r\n")
                #expect(answer.status == 502)
                #expect(!answer.text.contains("outside") && !answer.text.contains("passwd"))
                #expect(answer.field("X-Sendfile") == nil && answer.field("X-Accel-Redirect") == nil)
            }
        }

        @Test("an answer without a body gets none", arguments: ["304 Not Modified", "204 No Content"])
        func withoutBody(_ status: String) async throws {
            let worker: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    try connection.stream.send("HTTP/1.1 \(status)\r\nX-Sendfile: private/secret.txt\r\n\r\n")
                }
            }
            try await TestGateway.run(Self.options(), worker: worker) { server in
                let client = try server.client()
                for _ in 0..<2 {
                    let answer = try client.get()
                    #expect(answer.status == Int(status.prefix(3)) && answer.field("X-Sendfile") == nil)
                }
            }
        }

        @Test("a worker that dies before its answer is whole is asked again, and the first answer's file forgotten")
        func retried() async throws {
            let count = Counter()
            let worker: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    count.add()
                    if count.value == 1 {
                        return try connection.stream.send(
                            "HTTP/1.1 200 OK\r\nX-Sendfile: private/secret.txt\r\nContent-Length: 9\r\n\r\n")
                    }
                    try connection.answer("plain")
                }
            }
            var options = Self.options()
            options.workers = 2
            try await TestGateway.run(options, worker: worker) { server in
                let answer = try server.client().get()
                #expect(answer.status == 200 && answer.text == "plain")
            }
        }
    }
}
