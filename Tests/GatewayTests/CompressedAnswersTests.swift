import Glibc
import Model
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("compresses answers")
    struct CompressedAnswersTests {
        private static let page = String(repeating: "<p>hello world</p>\n", count: 500)
        private static let gzip = "Accept-Encoding: gzip\r\n"

        private static func answering(_ text: String, _ fields: String = "Content-Type: text/html\r\nETag: \"a\"\r\n")
            -> FakeWorker.Behaviour
        {
            { connection in
                while let (request, _) = try connection.readRequest() {
                    let body = request.method == "HEAD" ? "" : text
                    try connection.stream.send(
                        "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\(fields)\r\n" + body)
                }
            }
        }

        @Test("a known length becomes chunks, and the fields say what was done")
        func known() async throws {
            try await TestGateway.run(worker: Self.answering(Self.page)) { server in
                let client = try server.client()
                for _ in 0..<3 {
                    let answer = try client.get("/", Self.gzip)
                    #expect(gunzip(answer.body) == Array(Self.page.utf8))
                    #expect(answer.field("Content-Encoding") == "gzip" && answer.field("ETag") == "W/\"a\"")
                    #expect(answer.field("Content-Length") == nil && answer.field("Vary") == "Accept-Encoding")
                    #expect(!answer.endsConnection)
                    try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\(Self.gzip)\r\n")
                    let head = try client.answer(toHead: true)
                    for name in ["Content-Encoding", "ETag", "Vary", "Content-Length", "Transfer-Encoding"] {
                        #expect(head.field(name) == answer.field(name), "\(name)")
                    }
                    let plain = try client.get()
                    #expect(plain.text == Self.page && plain.field("Content-Encoding") == nil)
                    #expect(plain.field("ETag") == "\"a\"" && plain.field("Vary") == "Accept-Encoding")
                }
                try client.send("GET / HTTP/1.0\r\nHost: a\r\n\(Self.gzip)\r\n")
                #expect(try client.answer().text == Self.page)
                #expect(server.fleet.workers[0].connectionCount == 1)
            }
        }

        @Test(
            "what must not be compressed is not",
            arguments: [
                ("Content-Type: text/event-stream\r\n", ""), ("Content-Type: image/png\r\n", ""),
                ("Content-Type: text/html\r\n", "Cookie: a=b\r\nSec-Fetch-Site: cross-site\r\n"),
                ("Content-Type: text/html\r\n", "Cookie: a=b\r\nReferer: http://example.com/\r\n"),
                ("Content-Type: text/html\r\nCache-Control: no-transform\r\n", ""),
                ("Content-Type: text/html\r\nContent-Encoding: br\r\n", ""),
            ])
        func left(_ answerFields: String, _ requestFields: String) async throws {
            try await TestGateway.run(worker: Self.answering(Self.page, answerFields)) { server in
                let answer = try server.client().get("/", Self.gzip + requestFields)
                #expect(answer.text == Self.page && answer.field("Content-Encoding") != "gzip")
            }
        }

        @Test("parts of a chunked answer come as soon as the app has sent them")
        func flushed() async throws {
            let go = Signal()
            try await TestGateway.run(worker: { connection in
                while try connection.readRequest() != nil {
                    try connection.stream.send(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                    )
                    go.wait()
                    try connection.stream.send("6\r\n world\r\n0\r\n\r\n")
                }
            }) { server in
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\(Self.gzip)\r\n")
                #expect(try client.answer(toHead: true).field("Content-Encoding") == "gzip")
                let size = try client.stream.read(through: "\r\n") ?? ""
                var bytes = try client.stream.read(Int(size.dropLast(1), radix: 16) ?? 0) ?? []
                go.raise()
                _ = try client.stream.read(2)
                bytes += try client.chunks()
                #expect(gunzip(bytes) == Array("hello world".utf8))
            }
        }

        @Test("past the number of answers that may be compressed at a time the rest goes out as it is")
        func budget() async throws {
            let go = Signal()
            let clients = 6
            let options = TestGateway.Options(loops: 2, workers: 6, gzipLimit: 2)
            try await TestGateway.run(
                options,
                worker: { connection in
                    while let (request, _) = try connection.readRequest() {
                        let first = "first of \(request.path)\n"
                        try connection.stream.send(
                            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + "\(String(first.utf8.count, radix: 16))\r\n\(first)\r\n")
                        go.wait()
                        let rest = Self.page
                        try connection.stream.send(
                            "\(String(rest.utf8.count, radix: 16))\r\n\(rest)\r\n0\r\n\r\n")
                    }
                }
            ) { server in
                // Twice: what the first ones had is given back.
                for _ in 0..<2 {
                    let all = try (0..<clients).map { _ in try server.client() }
                    var heads: [Answer] = []
                    for (number, client) in all.enumerated() {
                        try client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\(Self.gzip)\r\n")
                        heads.append(try client.answer(toHead: true))
                    }
                    for _ in all { go.raise() }
                    for (number, client) in all.enumerated() {
                        let body = try client.chunks()
                        let isCompressed = heads[number].field("Content-Encoding") == "gzip"
                        #expect(isCompressed == (number < 2), "\(number)")
                        #expect(heads[number].field("Vary") == "Accept-Encoding")
                        #expect(heads[number].field("ETag") == (isCompressed ? "W/\"a\"" : "\"a\""))
                        let text = Array("first of /\(number)\n\(Self.page)".utf8)
                        #expect((isCompressed ? gunzip(body) : body) == text, "\(number)")
                    }
                }
            }
        }

        @Test("ten megabytes reach a slow client whole")
        func large() async throws {
            let body = pattern(10 << 20)
            try await TestGateway.run(worker: { connection in
                while try connection.readRequest() != nil {
                    try connection.stream.send(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(body.count)\r\n\r\n")
                    try connection.stream.send(body)
                }
            }) { server in
                let client = try server.client(receiveBuffer: 4096)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\(Self.gzip)\r\n")
                usleep(100_000)
                let answer = try client.answer()
                #expect(answer.field("Content-Encoding") == "gzip" && gunzip(answer.body) == body)
            }
        }

        @Test("a worker that breaks off leaves an answer without its end, and the next one is whole")
        func brokenOff() async throws {
            try await TestGateway.run(worker: { connection in
                while try connection.readRequest() != nil {
                    try connection.stream.send(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9500\r\n\r\n")
                    let isFirst = connection.worker.requestCount == 1
                    try connection.stream.send(String(Self.page.prefix(isFirst ? 4000 : 9500)))
                    if isFirst { return }
                }
            }) { server in
                let client = try server.client()
                #expect(throws: TestFailure.self) { try client.get("/", Self.gzip) }
                let answer = try server.client().get("/", Self.gzip)
                #expect(gunzip(answer.body) == Array(Self.page.utf8))
            }
        }
    }
}
