import Glibc
import Linux
import Model
import NIOCore
import Pool
import Synchronization
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("lets slow clients wait")
    struct FlowTests {
        private static let size = 64 << 20

        /// Sends `size` bytes; says where it was when a write had to wait for 300 ms.
        private static func large(_ stalled: Signal, _ sent: Progress) -> FakeWorker.Behaviour {
            { connection in
                while let (request, _) = try connection.readRequest() {
                    try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                    if request.method == "HEAD" { continue }
                    let block = pattern(1 << 16)
                    var time = timeval(tv_sec: 0, tv_usec: 300_000)
                    setsockopt(
                        connection.stream.descriptor, SOL_SOCKET, SO_SNDTIMEO, &time,
                        socklen_t(MemoryLayout<timeval>.size))
                    var done = 0
                    while done < size {
                        let offset = done % block.count
                        let count = block.withUnsafeBytes {
                            Glibc.send(
                                connection.stream.descriptor, $0.baseAddress! + offset, $0.count - offset,
                                Int32(MSG_NOSIGNAL))
                        }
                        if count < 0 {
                            guard errno == EAGAIN else { return }
                            stalled.raise()
                            continue
                        }
                        done += count
                        sent.set(done)
                    }
                }
            }
        }

        @Test("past response_buffer_high_watermark an answer waits in the worker, and arrives whole")
        func backPressure() async throws {
            let (stalled, sent) = (Signal(), Progress())
            var options = TestGateway.Options()
            options.settings = { $0.http.responseBufferHighWatermark = 1 << 20 }
            try await TestGateway.run(options, worker: Self.large(stalled, sent)) { server in
                for _ in 0..<2 {
                    // Of the round before: a busy machine may have made it wait more than once.
                    while stalled.isRaised { stalled.wait() }
                    sent.set(0)
                    let client = try server.client(receiveBuffer: 65_536)
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(stalled.wait())
                    // Kernel buffers on both sides, and little of ours.
                    #expect(sent.value > 0 && sent.value < 8 << 20)
                    let answer = try client.answer()
                    let expected = pattern(1 << 16)
                    let isWhole = answer.body.count == Self.size && answer.body.suffix(expected.count) == expected[...]
                    #expect(isWhole)
                    // Both connections are fit for more.
                    try client.send("HEAD / HTTP/1.0\r\n\r\n")
                    _ = try client.answer(toHead: true)
                }
            }
        }

        @Test("a client that takes nothing at all is let go, and its worker freed")
        func stalledClient() async throws {
            var options = TestGateway.Options()
            options.settings = { $0.http.bodyTimeout = .milliseconds(100) }
            let (stalled, sent) = (Signal(), Progress())
            try await TestGateway.run(options, worker: Self.large(stalled, sent)) { server in
                let client = try server.client(receiveBuffer: 65_536)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { server.fleet.workers[0].requestCount == 1 })
                #expect(eventually { server.gateway.connectionCount == 0 })
                #expect(eventually { server.snapshot.live?.workers.first?.requestsNow == 0 })
                withExtendedLifetime(client) {}
            }
        }

        @Test("the end of an answer is not cut off by the time that a closed connection lingers")
        func slowEnd() async throws {
            var options = TestGateway.Options()
            options.lingerTime = .milliseconds(20)
            let body = pattern(6 << 20)
            let answered = Signal()
            let worker: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
                    try connection.stream.send(body)
                    answered.raise()
                }
            }
            try await TestGateway.run(options, worker: worker) { server in
                let client = try server.client(receiveBuffer: 4096)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                // Until the worker is done, so that only the last bytes are on their way.
                var received: [UInt8] = []
                while !answered.isRaised {
                    let part = try client.stream.readSome()
                    if part.isEmpty { break }
                    received += part
                }
                // Slower than a connection lingers, to the end: time itself is what is tested.
                while true {
                    usleep(60_000)
                    guard let part = try client.stream.read(upTo: 128 * 1024) else { break }
                    received += part
                }
                let isWhole = received.suffix(body.count) == body[...]
                #expect(isWhole, "\(received.count) bytes")
            }
        }

        @Test("answers that a pipelining client does not take do not pile up")
        func pipelineWithoutReading() async throws {
            let text = String(repeating: "x", count: 30_000)
            try await TestGateway.run(worker: Behaviours.answering(text)) { server in
                let client = try server.client(receiveBuffer: 65_536)
                let total = 3000
                try client.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: total))
                let worker = server.fleet.workers[0]
                #expect(eventually { worker.requestCount > 1 })
                // Until the worker has got nothing new for a while.
                var seen = -1
                while seen != worker.requestCount {
                    seen = worker.requestCount
                    usleep(200_000)
                }
                #expect(seen > 1 && seen < total / 4)
                for _ in 0..<total { #expect(try client.answer().body.count == text.utf8.count) }
                #expect(worker.requestCount == total)
            }
        }
    }
}

final class Progress: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func set(_ value: Int) { count.store(value, ordering: .relaxed) }
}
