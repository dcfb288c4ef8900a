import AccessLog
import Glibc
import Linux
import Model
import Pool
import Synchronization
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("counts what it answers")
    struct TrafficTests {
        private static let worker: FakeWorker.Behaviour = { connection in
            while let (request, _) = try connection.readRequest() {
                switch request.path {
                case "/missing":
                    try connection.stream.send("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
                case "/broken":
                    try connection.stream.send("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
                case "/bad": try connection.stream.send("nonsense\r\n\r\n")
                case "/cut":
                    try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
                    return
                case "/cached": try connection.answer("cached", "Cache-Control: max-age=60\r\n")
                default: try connection.answer("hello")
                }
            }
        }

        private static func options() -> TestGateway.Options {
            TestGateway.Options(
                settings: {
                    $0.http.cache.isOn = true
                    $0.http.files.staticFilesDirectory = "."
                }, cacheMemory: 16 << 20)
        }

        /// What is counted at the end of a request may be a moment later than its answer.
        private func traffic(
            _ server: TestGateway, until isThere: @escaping @Sendable (AppTraffic) -> Bool
        ) throws -> GatewayTraffic {
            let limit = monotonicNow() + .seconds(10)
            while true {
                let answer = TrafficBox()
                let isAnswered = Signal()
                Task { [gateway = server.gateway] in
                    let traffic = await gateway.traffic()
                    answer.traffic.withLock { $0 = traffic }
                    isAnswered.raise()
                }
                try #require(isAnswered.wait())
                let found = try #require(answer.traffic.withLock { $0 })
                if isThere(found[server.app]) { return found }
                try #require(monotonicNow() < limit, "\(found)")
                usleep(10_000)
            }
        }

        @Test("by source, class, reason and generation")
        func sources() async throws {
            try await TestGateway.run(Self.options(), worker: Self.worker) { server in
                try writeFile("\(server.directory)/file.txt", "a file")
                let client = try server.client()
                for path in ["/x", "/missing", "/broken", "/file.txt", "/cached", "/cached"] {
                    _ = try client.get(path)
                }
                #expect(try client.post("/x", Array("12345".utf8)).status == 200)
                #expect(try client.get("/bad").status == 502)
                let cut = try server.client()
                try cut.send("POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
                #expect(try cut.stream.read(through: "hello") != nil)
                let nonsense = try server.client()
                try nonsense.send("nonsense\r\n\r\n")
                #expect(try nonsense.answer().status == 400)
                let sum = try traffic(server) { $0.failures(.brokenOff) == 1 && $0.answers(.worker, .success) == 4 }
                let app = sum[server.app]
                #expect(app.answers(.worker, .clientError) == 1 && app.answers(.worker, .serverError) == 1)
                #expect(app.answers(.file, .success) == 1 && app.answers(.cache, .success) == 1)
                #expect(app.answers(.gateway, .serverError) == 1 && app.failures(.badAnswer) == 1)
                #expect(sum.unrouted(.clientError) == 1)
                #expect(app.requestBytes == 5)
                // Three of hello, one of them cut; no, a file, twice what is cached, and the error's page.
                #expect(app.answerBytes > UInt64(3 * 5 + 2 + 6 + 2 * 6))
                #expect(app.duration.count == 9 && app.queueWait.count == 7)
                let generation = try #require(app.generations.first)
                #expect(app.generations.count == 1 && generation.answers(.success) == 4)
                #expect(generation.answers(.serverError) == 2 && generation.duration.count == 7)
            }
        }

        @Test("how long they took and waited, and who left before the answer")
        func times() async throws {
            var options = Self.options()
            options.loops = 2
            let (asked, goOn) = (Signal(), Signal())
            let worker: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    asked.raise()
                    if request.path == "/left" {
                        // Until the gateway ends it.
                        _ = try connection.stream.readSome()
                        return
                    }
                    goOn.wait()
                    try connection.answer("slow")
                }
            }
            try await TestGateway.run(options, worker: worker) { server in
                // Of those that are not sent ahead to a worker that is busy.
                func ask(_ path: String) throws -> TestClient {
                    let client = try server.client()
                    try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
                    return client
                }
                let first = try ask("/slow")
                #expect(asked.wait())
                let second = try ask("/slow")
                #expect(eventually { server.snapshot.queueLength == 1 })
                usleep(300_000)
                goOn.raise()
                goOn.raise()
                for client in [first, second] { #expect(try client.answer().status == 200) }
                #expect(asked.wait())
                let leaving = try ask("/left")
                #expect(asked.wait())
                leaving.stream.end()
                let app = try traffic(server) { $0.answers(.worker, .aborted) == 1 }[server.app]
                // One of them waited for the other.
                #expect(app.answers(.worker, .success) == 2)
                let longest = try #require(app.duration.quantile(0.9))
                #expect(longest > 0.15 && app.duration.sumSeconds > 0.45, "\(app.duration)")
                #expect(try #require(app.queueWait.quantile(0.2)) < 0.01, "\(app.queueWait)")
                #expect(app.queueWait.sumSeconds > 0.1 && app.queueWait.count == 3, "\(app.queueWait)")
            }
        }

        @Test("a WebSocket when it begins, without its time, and its bytes when it ends")
        func streams() async throws {
            try await TestGateway.run(worker: UpgradeTests.echoing()) { server in
                let client = try server.client()
                try client.send(UpgradeTests.request)
                #expect(try client.answer().status == 101)
                let begun = try traffic(server) { $0.answers(.worker, .informational) == 1 }[server.app]
                #expect(begun.duration.count == 0 && begun.answerBytes == 0)
                try client.send("hello")
                #expect(try client.stream.read(5) == Array("hello".utf8))
                client.stream.end()
                let ended = try traffic(server) { $0.answerBytes == 5 }[server.app]
                #expect(ended.answers(.worker, .informational) == 1 && ended.duration.count == 0)
            }
        }

        @Test("connections, by listener")
        func listeners() async throws {
            try await TestGateway.run(worker: Self.worker) { server in
                let client = try server.client()
                _ = try client.get("/x")
                do {
                    let other = try server.client()
                    _ = try other.get("/x")
                    other.stream.end()
                }
                let limit = monotonicNow() + .seconds(10)
                while try traffic(server, until: { _ in true }).listeners.first?.open != 1 {
                    try #require(monotonicNow() < limit)
                    usleep(10_000)
                }
                let traffic = try traffic(server) { _ in true }
                #expect(traffic.listeners == [ListenerTraffic(name: "", open: 1, accepted: 2)])
                #expect(traffic.refusedConnections == 0)
            }
        }
    }
}

private final class TrafficBox: Sendable {
    let traffic = Mutex<GatewayTraffic?>(nil)
}

/// What is counted, without a server.
struct AppTrafficTests {
    private func request(_ generation: UInt32, _ status: Int = 200) -> FinishedRequest {
        FinishedRequest(
            source: .worker, status: StatusClass(status: status), generation: GenerationNumber(generation),
            duration: 1_000_000, queueWait: 0, requestBytes: 1, answerBytes: 2)
    }

    @Test func `what a generation leaves behind stays in the sums, and generations do not pile up`() {
        var traffic = LoopTraffic()
        let app = AppIndex(3)
        for generation in 1...100 as ClosedRange<UInt32> {
            traffic.count(app, request(generation))
            // A late one of a generation that is forgotten.
            if generation > 1 {
                traffic.forget(GenerationNumber(generation - 1), of: app)
                traffic.count(app, request(generation - 1, 500))
            }
        }
        let counted = traffic.apps[3]
        #expect(counted.answers(.worker, .success) == 100 && counted.answers(.worker, .serverError) == 99)
        #expect(counted.duration.count == 199 && counted.answerBytes == 398)
        #expect(counted.generations.count == AppTraffic.mostGenerations)
        #expect(counted.generations.contains { $0.number == GenerationNumber(100) })
        traffic.forget(app)
        #expect(traffic.apps[3] == AppTraffic())
        traffic.forget(AppIndex(99))
        traffic.forget(GenerationNumber(1), of: AppIndex(99))
    }

    @Test func `loops are summed up`() {
        var (one, two) = (LoopTraffic(), LoopTraffic())
        one.count(AppIndex(0), request(1))
        two.count(AppIndex(0), request(1, 302))
        two.count(AppIndex(1), request(2))
        two.count(nil, FinishedRequest(source: .gateway, status: .clientError, requestBytes: 0, answerBytes: 0))
        two.failed(AppIndex(0), .queueFull)
        var sum = GatewayTraffic()
        sum.add(one)
        sum.add(two)
        let first = sum[AppIndex(0)]
        #expect(first.answers(.worker, .success) == 1 && first.answers(.worker, .redirection) == 1)
        #expect(first.generations.count == 1 && first.generations[0].duration.count == 2)
        #expect(first.failures(.queueFull) == 1 && sum[AppIndex(1)].requestBytes == 1)
        #expect(sum.unrouted(.clientError) == 1 && sum[AppIndex(7)] == AppTraffic())
    }

    @Test func `each status has its class`() {
        let classes = [0, 101, 200, 304, 404, 599, 700, -1].map { StatusClass(status: $0).text }
        #expect(classes == ["aborted", "1xx", "2xx", "3xx", "4xx", "5xx", "5xx", "aborted"])
        #expect(Set(FailureReason.allCases.map(\.text)).count == FailureReason.allCases.count)
    }
}
