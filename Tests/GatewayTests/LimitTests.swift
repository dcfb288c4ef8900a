import Glibc
import Linux
import Model
import NIOCore
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("has limits")
    struct LimitTests {
        @Test("a body that is too large is refused, by its length or while it comes")
        func tooLarge() async throws {
            var options = TestGateway.Options()
            options.settings = { $0.http.maxRequestBody = 200_000 }
            // What is still being sent when the refusal comes is to be taken, however slowly it comes.
            options.lingerTime = .seconds(5)
            try await TestGateway.run(options) { server in
                let client = try server.client()
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200001\r\n\r\n")
                #expect(try client.answer().status == 413)
                #expect(client.isEnded())
                let chunked = try server.client()
                let chunk = Array("186a0\r\n".utf8) + pattern(100_000) + [13, 10]
                try chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                try chunked.stream.send(chunk + chunk + Array("1\r\nx\r\n".utf8))
                let answer = try chunked.answer()
                #expect(answer.status == 413 && answer.endsConnection)
                #expect(try server.client().post("/", pattern(200_000)).status == 200)
                #expect(server.fleet.workers[0].requestCount == 1)
                #expect(eventually { server.budget.diskInUse == 0 && server.budget.memoryInUse == 0 })
            }
        }

        @Test("a limit of 0 is none", arguments: [true, false])
        func noLimit(_ isBuffered: Bool) async throws {
            var options = TestGateway.Options()
            options.wire = .http
            options.settings = {
                $0.http.maxRequestBody = 0
                $0.http.requestBuffering = isBuffered
            }
            let worker: FakeWorker.Behaviour = { connection in
                while let request = try connection.readHead() {
                    let isChunked = request.fields["transfer-encoding"] == "chunked"
                    let body = try isChunked ? connection.readChunks() : connection.readBody(request)
                    try connection.answer("\(body.count) \(checksum(body))")
                }
            }
            try await TestGateway.run(options, worker: worker) { server in
                let client = try server.client()
                let body = pattern(3_000_000)
                let expected = "\(body.count) \(checksum(body))"
                #expect(try client.post("/", body).text == expected)
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                try client.stream.send(
                    Array("\(String(body.count, radix: 16))\r\n".utf8) + body + Array("\r\n0\r\n\r\n".utf8))
                #expect(try client.answer().text == expected)
            }
        }

        @Test("requests that wait behind another one count against the memory of all, and are read no further past it")
        func pipelined() async throws {
            let go = Signal()
            let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Padding: \(String(repeating: "a", count: 400))\r\n\r\n"
            for limit in [64 << 20, 10_000] {
                var options = TestGateway.Options()
                options.memoryLimit = limit
                try await TestGateway.run(
                    options,
                    worker: { connection in
                        while try connection.readRequest() != nil {
                            if connection.requests == 1 { go.wait() }
                            try connection.answer("a")
                        }
                    }
                ) { server in
                    let client = try server.client()
                    try client.send(request)
                    #expect(eventually { server.fleet.workers[0].requestCount == 1 })
                    // They come one by one, so that each can be counted.
                    let more = 100
                    for _ in 0..<more {
                        try client.send(request)
                        usleep(200)
                    }
                    let wanted = min(limit, more * request.utf8.count)
                    #expect(eventually { server.budget.memoryInUse > wanted / 2 })
                    #expect(server.budget.memoryInUse <= limit)
                    go.raise()
                    for _ in 0...more { #expect(try client.answer().text == "a") }
                    #expect(eventually { server.budget.memoryInUse == 0 })
                }
            }
        }

        @Test("bodies of all clients together are bounded in memory and on the disk")
        func budgets() async throws {
            var options = TestGateway.Options()
            options.memoryLimit = 150_000
            options.diskLimit = 500_000
            try await TestGateway.run(options) { server in
                let holder = try server.client()
                try holder.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
                try holder.stream.send(pattern(90_000))
                #expect(eventually { server.budget.memoryInUse == 90_000 })
                #expect(try server.client().post("/", pattern(70_000)).status == 503)
                try holder.stream.send(pattern(10_000))
                #expect(try holder.answer().status == 200)
                let large = try server.client()
                try large.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\n")
                // The refusal may come before all is sent.
                try? large.stream.send(pattern(600_000))
                #expect(try large.answer().status == 507)
                #expect(eventually { server.budget.diskInUse == 0 && server.budget.memoryInUse == 0 })
            }
        }

        @Test("a full disk is a 507, and the next request is served", .enabled(if: getuid() == 0))
        func diskFull() async throws {
            let directory = try makeTemporaryDirectory()
            try #require(mount("tmpfs", directory, "tmpfs", 0, "size=1m") == 0)
            defer {
                umount(directory)
                rmdir(directory)
            }
            var options = TestGateway.Options()
            options.bufferDirectory = directory
            try await TestGateway.run(options) { server in
                for _ in 0..<3 {
                    let client = try server.client()
                    try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
                    try? client.stream.send(pattern(4_000_000))
                    let answer = try client.answer()
                    #expect(answer.status == 507 && answer.endsConnection)
                    // The room is free once the file is closed, which is not the loop's work.
                    #expect(eventually { (try? server.client().post("/", pattern(300_000)).status) == 200 })
                }
                #expect(eventually { server.budget.diskInUse == 0 })
            }
        }

        @Test("a slow upload holds no worker")
        func slowUpload() async throws {
            try await TestGateway.run { server in
                let slow = try server.client()
                let body = pattern(400_000)
                try slow.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
                try slow.stream.send(Array(body[..<300_000]))
                #expect(eventually { server.budget.diskInUse >= 200_000 })
                for _ in 0..<10 { #expect(try server.client().get().status == 200) }
                try slow.stream.send(Array(body[300_000...]))
                #expect(try slow.answer().text == "POST /slow \(body.count) \(checksum(body))")
            }
        }

        @Test(
            "what two programs could read differently is refused, and the connection closed",
            arguments: [
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
                "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
                "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}",
            ])
        func smuggling(_ raw: String) async throws {
            try await TestGateway.run { server in
                let client = try server.client()
                try client.send(raw + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
                let answer = try client.answer()
                #expect(answer.status == 400 && answer.endsConnection)
                #expect(client.isEnded())
                #expect(server.fleet.workers[0].requestCount == 0)
            }
        }

        @Test("connections over the limit are closed at once")
        func connections() async throws {
            var options = TestGateway.Options()
            options.maxConnections = 2
            try await TestGateway.run(options) { server in
                let first = try server.client()
                #expect(try first.get().status == 200)
                var second: TestClient? = try server.client()
                #expect(try second?.get().status == 200)
                let third = try server.client()
                #expect(third.isEnded())
                second = nil
                #expect(eventually { server.gateway.connectionCount == 1 })
                #expect(try server.client().get().status == 200)
            }
        }

        @Test("clients that are too slow are let go: head, body, and between requests")
        func timeouts() async throws {
            var options = TestGateway.Options()
            options.settings = {
                $0.http.headerTimeout = .seconds(2)
                $0.http.bodyTimeout = .milliseconds(60)
                $0.http.keepAliveTimeout = .milliseconds(60)
            }
            try await TestGateway.run(options) { server in
                #expect(try server.client().isEnded())
                let head = try server.client()
                try head.send("GET / HTTP/1.1\r\nHost")
                #expect(try head.answer().status == 408)
                #expect(head.isEnded())
                let body = try server.client()
                try body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
                #expect(try body.answer().status == 408)
                let idle = try server.client()
                #expect(try idle.get().status == 200)
                #expect(idle.isEnded())
                #expect(eventually { server.gateway.connectionCount == 0 })
            }
        }
    }
}
