import Glibc
import Linux
import Model
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("passes answers on")
    struct AnsweringTests {
        private static let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: x\r\n\r\n"

        @Test("chunks stay chunks, and become a plain body for HTTP/1.0")
        func chunks() async throws {
            try await TestGateway.run(worker: Behaviours.raw(Self.chunked)) { server in
                let client = try server.client()
                for _ in 0..<3 {
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    let head = try client.stream.read(through: "\r\n\r\n")
                    #expect(head?.contains("Transfer-Encoding: chunked\r\n") == true)
                    #expect(try client.stream.read(through: "T: x\r\n\r\n") != nil)
                }
                let old = try server.client()
                try old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                let answer = try old.answer()
                #expect(answer.text == "hello world" && answer.endsConnection)
                #expect(answer.field("Transfer-Encoding") == nil)
                #expect(server.fleet.workers[0].connectionCount == 1)
            }
        }

        @Test("a body that ends with the connection gets chunks, and none for HTTP/1.0")
        func endOfConnection() async throws {
            let worker = Behaviours.raw("HTTP/1.1 200 OK\r\n\r\nhello world", thenCloses: true)
            try await TestGateway.run(worker: worker) { server in
                let client = try server.client()
                for _ in 0..<3 {
                    let answer = try client.get()
                    #expect(answer.text == "hello world" && !answer.endsConnection)
                }
                let old = try server.client()
                try old.send("GET / HTTP/1.0\r\n\r\n")
                #expect(try old.answer().text == "hello world")
            }
        }

        @Test("HTTP/1.0 clients may keep their connection when the length is known")
        func oldKeepAlive() async throws {
            try await TestGateway.run(worker: Behaviours.answering("hello")) { server in
                let client = try server.client()
                for _ in 0..<3 {
                    try client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    let answer = try client.answer()
                    #expect(answer.text == "hello" && answer.field("Connection") == "keep-alive")
                }
                try client.send("GET / HTTP/1.0\r\n\r\n")
                #expect(try client.answer().endsConnection)
                #expect(client.isEnded())
            }
        }

        @Test(
            "answers without a body have none, whatever their fields say",
            arguments: [
                ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "1000"),
                ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", nil),
                ("HEAD", "HTTP/1.1 200 OK\r\n\r\n", nil),
                ("GET", "HTTP/1.1 204 No Content\r\n\r\n", nil),
                ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n", "50"),
            ])
        func noBody(_ method: String, _ raw: String, _ length: String?) async throws {
            try await TestGateway.run(worker: Behaviours.raw(raw)) { server in
                let client = try server.client()
                for _ in 0..<3 {
                    try client.send("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n")
                    let answer = try client.answer(toHead: true)
                    #expect(answer.field("Content-Length") == length && client.stream.waiting == 0)
                }
                #expect(server.fleet.workers[0].connectionCount == 1)
            }
        }

        @Test("interim answers of a worker are passed on, but 100 and 103, and to HTTP/1.0 none")
        func interim() async throws {
            let raw =
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                + "HTTP/1.1 102 Processing\r\nX-Progress: 1\r\n\r\n"
            let worker = Behaviours.raw(raw + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            try await TestGateway.run(worker: worker) { server in
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let progress = try client.answer(toHead: true)
                #expect(progress.status == 102 && progress.field("X-Progress") == "1")
                #expect(try client.answer().text == "ok")
                let old = try server.client()
                try old.send("GET / HTTP/1.0\r\n\r\n")
                #expect(try old.answer().text == "ok")
            }
        }

        @Test(
            "an answer that is no HTTP is a 502 and the end of the worker's connection",
            arguments: [
                "hello\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            ])
        func garbage(_ raw: String) async throws {
            try await TestGateway.run(worker: Behaviours.raw(raw)) { server in
                let client = try server.client()
                for _ in 0..<2 {
                    let answer = try client.get()
                    #expect(answer.status == 502 && !answer.endsConnection)
                    let id = try #require(answer.field("X-Error-ID"))
                    #expect(answer.text.contains(id))
                    #expect(eventually { server.events.answeredIDs.contains(id) })
                }
                #expect(server.fleet.workers[0].connectionCount == 2)
                #expect(eventually { server.snapshot.live?.traffic.gatewayErrors == 2 })
            }
        }

        @Test("bytes after an answer end the worker's connection and reach nobody")
        func tooMany() async throws {
            let worker = Behaviours.raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n")
            try await TestGateway.run(worker: worker) { server in
                let client = try server.client()
                for _ in 0..<5 { #expect(try client.get().text == "ok") }
                #expect(client.stream.waiting == 0)
                #expect(server.fleet.workers[0].connectionCount == 5)
                let old = try server.client()
                try old.send("GET / HTTP/1.0\r\n\r\n")
                #expect(try old.answer().text == "ok")
            }
        }

        @Test(
            "an answer that breaks off ends the client's connection",
            arguments: [
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            ])
        func truncated(_ raw: String) async throws {
            try await TestGateway.run(worker: Behaviours.raw(raw, thenCloses: true)) { server in
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let text = String(decoding: try client.stream.readToEnd(), as: UTF8.self)
                #expect(text.contains("hello") && !text.contains("0\r\n\r\n"))
                #expect(eventually { server.snapshot.live?.traffic.gatewayErrors == 1 })
            }
        }

        @Test("where only the end of the connection ends an answer, breaking off is a reset")
        func truncatedForOldClient() async throws {
            let goOn = Signal()
            let worker: FakeWorker.Behaviour = { connection in
                guard try connection.readRequest() != nil else { return }
                try connection.stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
                goOn.wait()
            }
            try await TestGateway.run(worker: worker) { server in
                let client = try server.client()
                try client.send("GET / HTTP/1.0\r\n\r\n")
                #expect(try client.stream.read(through: "hello") != nil)
                goOn.raise()
                #expect(throws: TestFailure.self) { try client.stream.readToEnd() }
            }
        }

        @Test("an answer before the body was taken reaches the client, and that connection is not used again")
        func earlyAnswer() async throws {
            for closes in [true, false] {
                let worker: FakeWorker.Behaviour = { connection in
                    while let request = try connection.readHead() {
                        if request.method == "GET" {
                            try connection.answer("fine")
                        } else {
                            try connection.answer("too much", status: "413 Content Too Large")
                            if closes { return }
                            // Stays open and reads nothing more, until the gateway ends it.
                            while connection.stream.descriptor >= 0, !connection.stream.peerIsGone() { usleep(1000) }
                            return
                        }
                    }
                }
                try await TestGateway.run(worker: worker) { server in
                    let client = try server.client()
                    for _ in 0..<5 {
                        let answer = try client.post("/", pattern(4 << 20))
                        #expect(answer.status == 413 && answer.text == "too much")
                        #expect(try client.get().text == "fine")
                    }
                }
            }
        }
    }
}
