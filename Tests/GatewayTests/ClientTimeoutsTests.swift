import AccessLog
import Glibc
import Model
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("does not wait for clients for ever")
    struct ClientTimeoutsTests {
        private static func options(_ change: @escaping @Sendable (inout HTTPSettings) -> Void) -> TestGateway.Options {
            TestGateway.Options(settings: { change(&$0.http) }, accessLog: .text)
        }

        @Test("a head that comes byte by byte has to be whole in time")
        func head() async throws {
            try await TestGateway.run(Self.options { $0.headerTimeout = .seconds(2) }) { server in
                let client = try server.client()
                #expect(try client.get().status == 200)
                var sent = 0
                let request = "GET /slowly HTTP/1.1\r\nHost: a\r\nX-Padding: \(String(repeating: "a", count: 4000))"
                for byte in request.utf8 {
                    guard !client.stream.peerIsGone() else { break }
                    do { try client.stream.send([byte]) } catch { break }
                    sent += 1
                    usleep(1000)
                }
                #expect(sent < request.utf8.count)
                #expect(try client.answer().status == 408)
                #expect(try server.logLines(2)[1].contains("\"GET /slowly HTTP/1.1\" 408 "))
                let silent = try server.client()
                #expect(silent.isEnded())
            }
        }

        @Test(
            "between two parts of a body only so much time may pass, but any number of such times",
            arguments: [true, false])
        func body(_ isBuffered: Bool) async throws {
            let options = Self.options {
                $0.bodyTimeout = .seconds(2)
                $0.requestBuffering = isBuffered
            }
            try await TestGateway.run(options) { server in
                let client = try server.client()
                // Slow as it is, it is faster than 500 bytes a second; what is passed on as it comes may be slower.
                let part = String(repeating: "x", count: isBuffered ? 100 : 1)
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(20 * part.utf8.count)\r\n\r\n")
                for _ in 0..<20 {
                    usleep(110_000)
                    try client.send(part)
                }
                #expect(try client.answer().status == 200)
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx")
                let answer = try client.answer()
                #expect(answer.status == 408 && answer.endsConnection && client.isEnded())
            }
        }

        @Test("a body that comes byte by byte has an end in sight or is given up", arguments: [true, false])
        func drip(_ isChunked: Bool) async throws {
            try await TestGateway.run(Self.options { $0.bodyTimeout = .seconds(1) }) { server in
                let client = try server.client()
                let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 1000"
                try client.send("POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n")
                var sent = 0
                while sent < 1000, !client.stream.peerIsGone() {
                    do { try client.send(isChunked ? "1\r\nx\r\n" : "x") } catch { break }
                    sent += 1
                    usleep(20_000)
                }
                #expect(sent > 5 && sent < 600, "\(sent)")
                #expect(try client.answer().status == 408)
                #expect(server.fleet.workers[0].requestCount == 0)
                let isTold = eventually {
                    server.events.all.contains {
                        if case .clientTooSlow("body_timeout", _) = $0 { true } else { false }
                    }
                }
                #expect(isTold)
            }
        }

        @Test("an idle connection ends silently")
        func keepAlive() async throws {
            try await TestGateway.run(Self.options { $0.keepAliveTimeout = .seconds(2) }) { server in
                let client = try server.client()
                for _ in 0..<5 {
                    #expect(try client.get().status == 200)
                    usleep(450_000)
                }
                #expect(client.isEnded())
                #expect(try server.logLines(5).count == 5)
            }
        }

        @Test("a client that takes nothing is let go, and its worker with it")
        func stall() async throws {
            let body = pattern(32 << 20)
            let options = Self.options {
                $0.bodyTimeout = .milliseconds(200)
                $0.responseBufferHighWatermark = 1 << 20
            }
            try await TestGateway.run(
                options,
                worker: { connection in
                    while try connection.readRequest() != nil {
                        try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
                        try connection.stream.send(body)
                    }
                }
            ) { server in
                let client = try server.client(receiveBuffer: 4096)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.fleet.workers[0].requestCount == 1 })
                #expect(eventually { server.gateway.connectionCount == 0 })
                #expect(eventually { server.fleet.workers[0].openConnections == 0 })
            }
        }
    }
}
