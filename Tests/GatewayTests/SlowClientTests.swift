import Glibc
import Linux
import Model
import NIOCore
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("holds answers for slow clients")
    struct SlowClientTests {
        private static let size = 20 << 20
        private static let body = pattern(size)

        /// `/big` gets `body` and `written` a signal; other requests get their path.
        private static func worker(_ written: Signal, closes: Bool = false) -> FakeWorker.Behaviour {
            { connection in
                while let (request, _) = try connection.readRequest() {
                    guard request.path == "/big" else {
                        try connection.answer(request.path)
                        continue
                    }
                    try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                    try connection.stream.send(body)
                    written.raise()
                    if closes { return }
                }
            }
        }

        private static func ask(_ server: TestGateway, _ more: String = "") throws -> TestClient {
            let client = try server.client(receiveBuffer: 16_384)
            try client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n" + more)
            return client
        }

        @Test("the worker is free long before the client has all; what is pipelined comes after it")
        func workerIsFree() async throws {
            let written = Signal()
            try await TestGateway.run(worker: Self.worker(written)) { server in
                let client = try Self.ask(server, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(written.wait())
                #expect(try server.client().get("/other").text == "/other")
                #expect(server.budget.diskInUse > 0)
                let isWhole = try client.answer().body == Self.body
                #expect(isWhole)
                #expect(try client.answer().text == "/next")
                #expect(eventually { server.budget.diskInUse == 0 })
            }
        }

        @Test("what waits for slow clients counts against the limit over all, and goes to the disk past it")
        func memoryLimit() async throws {
            let written = Signal()
            var options = TestGateway.Options()
            options.memoryLimit = 200_000
            options.workers = 4
            try await TestGateway.run(options, worker: Self.worker(written)) { server in
                let clients = try (0..<4).map { _ in try Self.ask(server) }
                #expect(eventually { server.budget.diskInUse > 60 << 20 })
                #expect(server.budget.memoryInUse > 0 && server.budget.memoryInUse <= 200_000)
                for client in clients {
                    let isWhole = try client.answer().body == Self.body
                    #expect(isWhole)
                }
                #expect(eventually { server.budget.memoryInUse == 0 && server.budget.diskInUse == 0 })
                // One that leaves in the middle gives back what it held.
                do { _ = try Self.ask(server) }
                #expect(eventually { server.budget.memoryInUse == 0 && server.budget.diskInUse == 0 })
            }
        }

        @Test("past the high watermark the worker waits; one that closes then has said all", arguments: [false, true])
        func watermark(_ closes: Bool) async throws {
            let written = Signal()
            var options = TestGateway.Options()
            options.settings = { $0.http.responseBufferHighWatermark = 512 * 1024 }
            try await TestGateway.run(options, worker: Self.worker(written, closes: closes)) { server in
                let client = try Self.ask(server)
                #expect(!written.wait(milliseconds: 300))
                #expect(server.budget.diskInUse < 2 << 20)
                let isWhole = try client.answer().body == Self.body
                #expect(isWhole)
                #expect(written.wait())
            }
        }

        @Test(
            "a full disk makes the worker wait, and costs no byte", .enabled(if: getuid() == 0),
            arguments: [false, true])
        func fullDisk(_ isBudget: Bool) async throws {
            let directory = try makeTemporaryDirectory()
            try #require(mount("tmpfs", directory, "tmpfs", 0, isBudget ? "size=64m" : "size=1m") == 0)
            defer {
                umount(directory)
                rmdir(directory)
            }
            let written = Signal()
            var options = TestGateway.Options()
            options.bufferDirectory = directory
            if isBudget { options.diskLimit = 1 << 20 }
            try await TestGateway.run(options, worker: Self.worker(written)) { server in
                let client = try Self.ask(server)
                #expect(!written.wait(milliseconds: 300))
                let isWhole = try client.answer().body == Self.body
                #expect(isWhole)
                #expect(eventually { server.budget.diskInUse == 0 })
                #expect(try client.get("/after").text == "/after")
            }
        }

        @Test("a client that vanishes leaves nothing behind")
        func vanishes() async throws {
            let written = Signal()
            try await TestGateway.run(worker: Self.worker(written)) { server in
                let client = try Self.ask(server)
                #expect(written.wait())
                #expect(server.budget.diskInUse > 0)
                client.stream.end()
                #expect(eventually { server.budget.diskInUse == 0 && server.gateway.connectionCount == 0 })
                #expect(eventually { Self.bufferFiles(in: server.directory) == 0 })
            }
        }

        /// Open descriptors of unlinked files there.
        private static func bufferFiles(in directory: String) -> Int {
            var count = 0
            for number in 0..<256 {
                var target = [CChar](repeating: 0, count: 4096)
                guard readlink("/proc/self/fd/\(number)", &target, 4095) > 0 else { continue }
                let text = String(decoding: target.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if text.hasPrefix(directory), text.hasSuffix("(deleted)") { count += 1 }
            }
            return count
        }

        @Test("a client that takes something now and then is not let go")
        func slowButSteady() async throws {
            let written = Signal()
            var options = TestGateway.Options()
            options.settings = { $0.http.bodyTimeout = .seconds(2) }
            try await TestGateway.run(options, worker: Self.worker(written)) { server in
                let client = try Self.ask(server)
                #expect(written.wait())
                var received: [UInt8] = []
                // Slower than a term, to the end of several: time itself is what is tested.
                for _ in 0..<20 {
                    usleep(150_000)
                    received += try client.stream.read(400_000) ?? []
                }
                received += try client.stream.read(Self.size - received.count) ?? []
                #expect(received.count == Self.size)
            }
        }
    }
}
