import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct CrashTests {
        private func serving(
            _ language: Language, workers: Int, in place: Place
        ) throws -> TestServer {
            let server = TestServer(try place.copyApp(language, as: "app"), in: place)
            try server.start(["--min-instances", "\(workers)", "--max-pool-size", "\(workers)"])
            try server.waitUntilServing(workers: workers)
            return server
        }

        @Test(.timeLimit(.minutes(3)), arguments: Language.allCases)
        func `a worker that is killed under load is replaced`(_ language: Language) throws {
            let place = try Place()
            let server = try serving(language, workers: 2, in: place)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection, .upload])
            try load.waitForTraffic()
            let victim = try #require(try server.workers().first?.pid)
            kill(victim, SIGKILL)
            try eventually("another worker", evidence: { server.log }) {
                let workers = try server.workers()
                return workers.count == 2 && !workers.contains { $0.pid == victim }
            }
            try load.waitForTraffic()
            let account = try load.stop()
            // GET is sent again to another worker; an upload that was under way in this one may be lost, no other.
            let uploads = account.failures.filter { $0.hasPrefix("upload") }
            #expect(account.failures.count == uploads.count && uploads.count <= 1, "\(account)\n\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: Language.allCases)
        func `no worker outlives a supervisor that is killed`(_ language: Language) throws {
            let place = try Place()
            let server = try serving(language, workers: 2, in: place)
            let status = try server.status().server
            let workers = try server.workers().compactMap(\.pid)
            let other = processes(mentioning: server.directory)
            try #require(workers.count == 2)
            // One cannot even be scheduled.
            kill(workers[0], SIGSTOP)
            kill(status.supervisorPid, SIGKILL)
            let all = Set(workers + other + [status.corePid]).subtracting([status.supervisorPid])
            try eventually("the end of \(all)", within: .seconds(15)) { !all.contains(where: isRunning) }
            // And the next start finds the port free, and nothing in its way.
            _ = try server.program?.wait(within: .seconds(15))
            try server.start()
            try server.waitUntilServing()
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: Language.allCases)
        func `TERM finishes what is in flight, a second one does not wait`(_ language: Language) throws {
            let place = try Place()
            for hurry in [false, true] {
                let server = try serving(language, workers: 1, in: place.inner("\(hurry)"))
                let slow = try HTTPConnection(port: server.port)
                try slow.send("GET /slow?seconds=\(hurry ? 60 : 4) HTTP/1.1\r\nHost: test\r\n\r\n")
                try eventually("the request in the worker") { try server.workers().first?.requestsNow == 1 }
                let program = try #require(server.program)
                let began = monotonicNow()
                program.signal(SIGTERM)
                try eventually("the drain") { server.log.contains("stopping") }
                if hurry {
                    program.signal(SIGTERM)
                    let end = try program.wait(within: .seconds(30), "the end after a second TERM")
                    #expect((monotonicNow() - began).inSeconds < 20, "\(end.everything)")
                } else {
                    #expect(try slow.readAnswer().line == "slept 4")
                    let end = try program.wait(within: .seconds(30), "the end after TERM")
                    #expect(end.status == 0, "\(end.everything)")
                }
            }
        }
    }
}
