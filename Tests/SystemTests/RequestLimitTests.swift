import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

extension SystemTests {
    /// How long things may take: `max_request_time`, `stop_timeout`.
    @Suite(.serialized) struct RequestLimitTests {
        private func serving(
            _ app: String, workers: Int, _ options: [String], in place: Place
        ) throws -> TestServer {
            let directory = "\(place.path)/app"
            try FileManager.default.copyItem(atPath: "\(SourceTree.path)/Tests/apps/\(app)", toPath: directory)
            AppUser.own(directory)
            let server = TestServer(directory, in: place)
            try server.start(["--min-instances", "\(workers)", "--max-pool-size", "\(workers)"] + options)
            try server.waitUntilServing(workers: workers)
            return server
        }

        @Test(.timeLimit(.minutes(3)), arguments: ["ruby", "python"])
        func `a request that takes too long ends its own worker and no other`(_ language: String) throws {
            let place = try Place()
            let server = try serving(language, workers: 2, ["--max-request-time", "3s"], in: place)
            let before = Set(try server.workers().compactMap(\.pid))
            let slow = try HTTPConnection(port: server.port)
            let began = monotonicNow()
            try slow.send("GET /slow?seconds=60 HTTP/1.1\r\nHost: test\r\n\r\n")
            // Meanwhile, and after, everybody else is served.
            var others: Set<Int32> = []
            for _ in 0..<20 { others.insert(try #require(Int32(try server.get("/pid").line))) }
            #expect(try slow.readAnswer().status == 504)
            let time = (monotonicNow() - began).inSeconds
            #expect(time >= 3 && time < 20, "\(time)")
            #expect(others.count == 1 && others.isSubset(of: before))
            try eventually("a worker in its place", evidence: { server.log }) { try server.workers().count == 2 }
            let after = Set(try server.workers().compactMap(\.pid))
            #expect(after.isSuperset(of: others) && after != before)
            let late = try #require(before.subtracting(others).first)
            try eventually("the end of the late one", within: .seconds(15)) { !isRunning(late) }
            try eventually("the reason in the log", evidence: { server.log }) {
                server.log.contains("took longer than max_request_time")
            }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a stream without a place is no request that takes too long`() throws {
            let place = try Place()
            let server = try serving(
                "python", workers: 1, ["--max-request-time", "1s", "--unlimited-concurrency-paths", "/stream"],
                in: place)
            let before = try server.workers().compactMap(\.pid)
            do {
                let stream = try HTTPConnection(port: server.port)
                try stream.send("GET /stream HTTP/1.1\r\nHost: test\r\n\r\n")
                usleep(2_500_000)
                #expect(try server.workers().compactMap(\.pid) == before, "\(server.log)")
            }
            #expect(!server.log.contains("max_request_time"))
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a worker that heeds no signal has stop_timeout, and not more`() throws {
            let place = try Place()
            let server = try serving("greedy", workers: 1, ["--stop-timeout", "2s"], in: place)
            let old = try #require(Int32(try server.get("/stubborn").line))
            let process = try pidfdOpen(pid: old)
            let restart = try server.command("restart")
            #expect(restart.status == 0, "\(restart.everything)")
            // A restart keeps the old generation for a rollback: end that with the server.
            let program = try #require(server.program)
            let began = monotonicNow()
            program.signal(SIGTERM)
            #expect(waitReadable(process.number, within: .seconds(30)))
            let time = (monotonicNow() - began).inSeconds
            // Without a limit of its own it would have a minute.
            #expect(time > 1.5 && time < 20, "\(time)")
            #expect(try program.wait(within: .seconds(30)).status == 0)
        }
    }
}
