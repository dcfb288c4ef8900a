import AdminAPI
import Foundation
import Glibc
import Linux
import Synchronization
import Testing

extension SystemTests {
    /// How many workers there are, with the real program.
    @Suite(.serialized) struct CapacityTests {
        private func serving(_ options: [String], workers: Int = 1, in place: Place) throws -> TestServer {
            let server = TestServer(try place.copyApp(.ruby, as: "app"), in: place)
            try server.start(options)
            try server.waitUntilServing(workers: workers)
            return server
        }

        /// So many requests of a second each, at once; returns when they are in the server.
        private func crowd(_ count: Int, _ server: TestServer) throws -> [HTTPConnection] {
            let connections = try (0..<count).map { _ in try HTTPConnection(port: server.port) }
            for connection in connections { try connection.send("GET /slow?seconds=2 HTTP/1.1\r\nHost: test\r\n\r\n") }
            return connections
        }

        @Test(.timeLimit(.minutes(3)))
        func `an app grows under load and shrinks when it is idle`() throws {
            let place = try Place()
            let options = ["--max-pool-size", "3", "--pool-idle-time", "2s", "--max-parallel-spawns", "3"]
            let server = try serving(options, in: place)
            let crowd = try crowd(6, server)
            try eventually("three workers", evidence: { server.log }) { try server.workers().count == 3 }
            for connection in crowd { #expect(try connection.readAnswer().line == "slept 2") }
            try eventually("one worker", evidence: { server.log }) { try server.workers().count == 1 }
            #expect(try server.appStatus().generations.count == 1)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `an app that sleeps is woken by a request, and boots nothing before the first`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.ruby, as: "app"), in: place)
            try server.start(["--min-instances", "0", "--pool-idle-time", "1s", "--prestart=off"])
            #expect(try server.appStatus().generations.allSatisfy { $0.workers.isEmpty })
            for _ in 0..<2 {
                #expect(try server.version() == "1")
                try eventually("sleep", evidence: { server.log }) {
                    try server.appStatus().generations.allSatisfy { $0.workers.isEmpty }
                }
            }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `scale, pause, resume and detach-process do what they say`() throws {
            let place = try Place()
            let server = try serving(["--max-pool-size", "4"], in: place)
            let scaled = try server.command("scale", "3")
            #expect(scaled.status == 0 && scaled.output.contains("kept at 3 workers"), "\(scaled.everything)")
            try server.waitUntilServing(workers: 3)
            let limited = try server.command("scale", "9", "--json")
            #expect(limited.output.contains("\"kept\":4"), "\(limited.everything)")
            #expect(try server.command("scale", "0").status == 2)
            #expect(try server.command("scale", "2").status == 0)
            try eventually("two workers") { try server.workers().count == 2 }
            #expect(try server.appStatus().scale == 2)

            let victim = try #require(try server.workers().first?.pid)
            let detached = try server.run("detach-process", "\(victim)")
            #expect(detached.status == 0 && detached.output.contains("is replaced"), "\(detached.everything)")
            try eventually("another worker", evidence: { server.log }) {
                let workers = try server.workers()
                return workers.count == 2 && !workers.contains { $0.pid == victim } && !isRunning(victim)
            }
            #expect(try server.run("detach-process", "\(victim)").status == 1)

            #expect(try server.command("pause", "--hold", "1s").status == 0)
            #expect(try server.command("status").output.contains("paused since"))
            let held = try server.get("/version")
            #expect(held.status == 503 && held.text.contains("paused"), "\(held.text)")
            #expect(try server.command("pause", "--hold", "30s").status == 0)
            let waiting = try HTTPConnection(port: server.port)
            try waiting.send("GET /version HTTP/1.1\r\nHost: test\r\n\r\n")
            try eventually("the held request") { try server.appStatus().queue.length == 1 }
            #expect(try server.command("resume").status == 0)
            #expect(try waiting.readAnswer().line == "1")

            #expect(try server.command("scale", "--reset").status == 0)
            #expect(try server.appStatus().scale == nil)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `max_pool_size of a release holds from its switch on, be it less or more than before`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            func deploy(_ version: Int, poolSize: Int) throws {
                try repository.write(
                    "Passengerfile.yml", "\(repository.passengerfile())\nmax_pool_size: \(poolSize)\n")
                try repository.commitVersion(version)
                let end = try server.command("deploy", "--bake", "0s")
                try #require(end.status == 0, "\(end.everything)")
                #expect(try server.status().server.maxPoolSize == poolSize)
            }
            #expect(try server.status().server.maxPoolSize == 6)
            #expect(try server.command("scale", "7", "--json").output.contains("\"kept\":6"))
            try deploy(2, poolSize: 2)
            try eventually("two workers", evidence: { server.log }) { try server.workers().count == 2 }
            let shown = try server.run("config", server.directory)
            let line = shown.output.split(separator: "\n").first { $0.hasPrefix("max_pool_size") }
            #expect(line?.contains("releases/2-") == true, "\(shown.everything)")
            try deploy(3, poolSize: 8)
            try eventually("seven workers", evidence: { server.log }) { try server.workers().count == 7 }
            #expect(try server.command("rollback").status == 0)
            try eventually("two workers again", evidence: { server.log }) { try server.workers().count == 2 }
            #expect(try server.status().server.maxPoolSize == 2)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `workers are replaced after max_requests, and no request is lost to it`() throws {
            let place = try Place()
            let server = try serving(["--max-requests", "50", "--min-instances", "2"], workers: 2, in: place)
            let before = Set(try server.workers().compactMap(\.pid))
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection, .upload])
            try eventually("other workers", evidence: { server.log }) {
                before.isDisjoint(with: try server.workers().compactMap(\.pid))
            }
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            try server.stop()
        }
    }
}
