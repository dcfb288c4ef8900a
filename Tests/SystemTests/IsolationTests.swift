import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

extension SystemTests {
    /// Apps of one server do not make each other slow.
    @Suite(.serialized) struct IsolationTests {
        /// More than any scheduling hiccup of a loaded machine, less than one wait for another app.
        private static let allowed = 0.25

        /// Slow when asked to, eats and frees memory when asked to.
        private static let hungry = """
            import time
            def application(environ, start_response):
                if environ['PATH_INFO'] == '/hog':
                    held = bytearray(200 << 20)
                    for page in range(0, len(held), 4096): held[page] = 1
                if environ['PATH_INFO'] != '/': time.sleep(0.5)
                start_response('200 OK', [('Content-Type', 'text/plain')])
                return [b'fine']
            """

        @Test(.timeLimit(.minutes(9)), .tags(.long))
        func `a boot loop, hunger for memory, a full queue and slow requests are their app's own trouble`() throws {
            let place = try Place()
            let calm = try place.copyApp(.python, as: "calm")
            func make(_ name: String, _ code: String) throws -> String {
                let directory = try place.makeAppDirectory(name)
                try code.write(toFile: "\(directory)/passenger_wsgi.py", atomically: false, encoding: .utf8)
                AppUser.own(directory)
                return directory
            }
            let hungry = try make("hungry", Self.hungry)
            let dying = try make("dying", "import os\nos._exit(3)\n")
            let server = try TestServer(
                serverFile: """
                    max_request_queue_size: 5
                    apps:
                      calm: {root: \(calm), server_names: [calm.test]}
                      hungry: {root: \(hungry), server_names: [hungry.test]}
                      dying: {root: \(dying), server_names: [dying.test]}
                    """, in: place)
            try server.start()
            #expect(try server.get("/version", host: "calm.test").status == 200)
            #expect(try server.get("/", host: "hungry.test").status == 200)
            let alone = try latencies(of: "calm.test", server, for: .seconds(3))

            let trouble = Trouble(port: server.port)
            defer { trouble.stop() }
            for _ in 0..<12 { trouble.begin("hungry.test", "/slow") }
            for _ in 0..<3 { trouble.begin("hungry.test", "/hog") }
            for _ in 0..<3 { trouble.begin("dying.test", "/") }
            try eventually("trouble of all kinds", evidence: { "\(trouble.now)" }) {
                let now = trouble.now
                return now["hungry.test 503", default: 0] > 0 && now["hungry.test 200", default: 0] > 0
                    && now["dying.test 503", default: 0] > 0
            }
            // What the server makes slow is slow each time; what else the machine was at is not.
            let limit = max(Self.allowed, alone.p99 * 5)
            var beside = try latencies(of: "calm.test", server, for: .seconds(6))
            for _ in 0..<2 where beside.p99 >= limit {
                beside = try latencies(of: "calm.test", server, for: .seconds(6))
            }
            trouble.stop()
            let text =
                "alone p50 \(alone.p50) p99 \(alone.p99) s, beside p50 \(beside.p50) p99 \(beside.p99) s; \(trouble.now)"
            print("isolation: \(text)")
            #expect(beside.p99 < limit, "\(text)")
            #expect(beside.count > 50, "\(text)")
            // It went on all the time.
            #expect(trouble.now["dying.test 503", default: 0] > 5, "\(text)")
            #expect(try server.appStatus("dying").lastFailure != nil)
            try server.stop()
        }

        private struct Latencies {
            var count: Int
            var p50: Double
            var p99: Double
        }

        /// Fails at the first request that is not answered with 200.
        private func latencies(of host: String, _ server: TestServer, for time: Duration) throws -> Latencies {
            var seconds: [Double] = []
            let end = monotonicNow() + time
            var connection = try HTTPConnection(port: server.port)
            while monotonicNow() < end {
                // Every second one on a connection of its own.
                if seconds.count % 2 == 0 { connection = try HTTPConnection(port: server.port) }
                let began = monotonicNow()
                let answer = try connection.get("/version", host: host)
                try #require(answer.status == 200, "\(answer.text)\n\(server.log.suffix(2000))")
                seconds.append((monotonicNow() - began).inSeconds)
                usleep(5_000)
            }
            seconds.sort()
            return Latencies(
                count: seconds.count, p50: seconds[seconds.count / 2], p99: seconds[seconds.count * 99 / 100])
        }
    }

    /// Clients that ask again and again, and count what they get.
    private final class Trouble: Sendable {
        private struct State {
            var wanted = true
            var running = 0
            var answers: [String: Int] = [:]
        }

        private let port: Int
        private let state = Mutex(State())

        init(port: Int) { self.port = port }

        var now: [String: Int] { state.withLock { $0.answers } }

        func begin(_ host: String, _ path: String) {
            state.withLock { $0.running += 1 }
            startThread(name: "trouble") { [self] in
                while state.withLock({ $0.wanted }) {
                    let status = (try? fetch(path, port: port, host: host).status) ?? 0
                    state.withLock { $0.answers["\(host) \(status)", default: 0] += 1 }
                    usleep(10_000)
                }
                state.withLock { $0.running -= 1 }
            }
        }

        func stop() {
            state.withLock { $0.wanted = false }
            try? eventually("the end of the clients") { state.withLock { $0.running == 0 } }
        }
    }
}
