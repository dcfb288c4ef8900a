import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// Another program in the place of the one that runs.
    @Suite(.serialized) struct UpgradeTests {
        private func serving(
            _ language: Language, workers: Int, in place: Place, calledAs path: String? = nil
        ) throws -> TestServer {
            let server = TestServer(try place.copyApp(language, as: "app"), in: place)
            if let path { server.calledAs = path }
            try server.start(["--min-instances", "\(workers)", "--max-pool-size", "\(workers)"])
            try server.waitUntilServing(workers: workers)
            return server
        }

        private func pids(_ server: TestServer) throws -> [Int32] {
            try server.workers().compactMap(\.pid).sorted()
        }

        /// The next core counts a worker when it has answered it.
        private func expect(_ workers: [Int32], of server: TestServer) throws {
            try eventually("the same workers, all of them", evidence: { server.log }) { try pids(server) == workers }
        }

        private func upgrade(_ server: TestServer) throws {
            let end = try server.command("upgrade")
            #expect(end.status == 0, "\(end.everything)\n\(server.log)")
        }

        @Test(.timeLimit(.minutes(6)), arguments: Language.allCases)
        func `no request is lost and no worker started, however often`(_ language: Language) throws {
            let place = try Place()
            let server = try serving(language, workers: 3, in: place)
            let workers = try pids(server)
            let preloader = try server.appStatus().generations.first?.preloader
            let load = try LoadGenerator(port: server.port, in: place)
            try load.waitForTraffic()
            let supervisor = try #require(server.instance()?.pid)
            func descriptors() throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(supervisor)/fd").count
            }
            var fewest = Int.max
            for round in 1...4 {
                let core = try server.status().server.corePid
                try upgrade(server)
                #expect(try server.status().server.corePid != core)
                try load.waitForTraffic()
                // The supervisor is another program in the same process.
                try eventually("the end of round \(round)", within: .seconds(45), evidence: { server.log }) {
                    server.log.components(separatedBy: "another program goes on").count == round + 1
                        && !isRunning(core)
                }
                if round < 4 { fewest = min(fewest, try descriptors()) }
            }
            // A child that is just ending has some, too.
            try eventually("no more descriptors than after the first ones") { try descriptors() <= fewest }
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            #expect(account.slowest < 15, "\(account)")
            try expect(workers, of: server)
            #expect(try server.appStatus().generations.first?.preloader == preloader)

            // The last core is one like any other.
            kill(workers[0], SIGKILL)
            try eventually("another worker", evidence: { server.log }) {
                let now = try pids(server)
                return now.count == 3 && !now.contains(workers[0])
            }
            #expect(try server.command("restart").status == 0, "\(server.log)")
            try server.waitUntilServing(workers: 3)
            let all = processes(mentioning: server.directory) + (try pids(server))
            try server.stop()
            #expect(!all.contains(where: isRunning))
        }

        @Test(.timeLimit(.minutes(3)), arguments: [Language.ruby, .node])
        func `what is in flight is answered by the core that has it, and each connection goes on with the next`(
            _ language: Language
        ) throws {
            let place = try Place()
            let server = try serving(language, workers: 2, in: place)
            let idle = try HTTPConnection(port: server.port)
            #expect(try idle.get("/version").line == "1")
            let slow = try HTTPConnection(port: server.port)
            try slow.send("GET /slow?seconds=12 HTTP/1.1\r\nHost: test\r\n\r\n")
            try eventually("the request in a worker") { try server.workers().contains { $0.requestsNow == 1 } }
            let core = try server.status().server.corePid
            let upgrade = try server.begin(["upgrade", "--root", server.directory])
            try eventually("the next core", evidence: { server.log }) {
                (try? server.status().server.corePid).map { $0 != core } ?? false
            }
            #expect(
                try server.workers().map(\.requestsNow).reduce(0, +) == 1, "the next core knows of it\n\(server.log)")
            #expect(isRunning(core), "\(server.log)")
            let next = try idle.get("/version")
            #expect(next.line == "1" && next.headers["connection"] != "close")
            let answer = try slow.readAnswer()
            #expect(answer.status == 200 && answer.headers["connection"] != "close", "\(answer)")
            #expect(try upgrade.wait().status == 0, "\(server.log)")
            try eventually("the end of the core before", evidence: { server.log }) { !isRunning(core) }
            #expect(try server.workers().map(\.requestsNow).reduce(0, +) == 0)
            for client in [idle, slow] { #expect(try client.get("/version").line == "1") }
            // From there to another version, and to another core once more: still the same connections.
            #expect(try server.command("restart").status == 0, "\(server.log)")
            #expect(try server.run("upgrade", "--root", server.directory).status == 0, "\(server.log)")
            for client in [idle, slow] { #expect(try client.get("/version").line == "1") }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a program that does not do is not taken, and the server goes on as it was`() throws {
            let place = try Place()
            let path = "\(place.path)/passenger"
            try point(path, to: TestServer.binary)
            let server = try serving(.python, workers: 2, in: place, calledAs: path)
            let (core, workers) = (try server.status().server.corePid, try pids(server))
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection])
            let text = "\(place.path)/text"
            try "no program".write(toFile: text, atomically: true, encoding: .utf8)
            let open = "\(place.path)/open"
            try FileManager.default.copyItem(atPath: "/bin/true", toPath: open)
            chmod(open, 0o777)
            for (program, reason) in [
                ("/bin/false", "could not be read"), (text, "could not be read"),
                ("\(place.path)/none", "no such file"),
                (place.path, "no regular file"), (open, "can be changed by others"),
            ] {
                try point(path, to: program)
                let client = try Program(
                    [TestServer.binary, "upgrade", "--root", server.directory], environment: server.environment,
                    in: place)
                let end = try client.wait()
                #expect(end.status == 4, "\(program): \(end.everything)\n\(server.log)")
                #expect(end.errors.lowercased().contains(reason), "\(program): \(end.errors)")
                #expect(end.errors.contains("goes on as it is"))
            }
            #expect(try server.status().server.corePid == core)
            try point(path, to: TestServer.binary)
            try upgrade(server)
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)")
            #expect(try server.status().server.corePid != core)
            try expect(workers, of: server)
            try server.stop()
        }

        private func point(_ path: String, to target: String) throws {
            unlink(path)
            guard symlink(target, path) == 0 else { throw SystemError(call: "symlink", errno: errno, subject: path) }
        }

        @Test(.timeLimit(.minutes(9)))
        func `whichever core is killed at whatever moment of it, the apps go on`() throws {
            let place = try Place()
            let server = try serving(.python, workers: 2, in: place)
            let workers = try pids(server)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection])
            try load.waitForTraffic()
            // What the supervisor says when it enters each of its states, and one moment that it says nothing of.
            let moments = [
                ("of the new version started", 0), ("is prepared", 0), ("hands over to core", 0), ("is ready: ", 0),
                ("of the new version started", 120),
            ]
            for (said, milliseconds) in moments {
                for kills in ["new", "old"] {
                    let before = try server.status().server.corePid
                    let position = server.log.utf8.count
                    var upgrade = try server.begin(["upgrade", "--root", server.directory])
                    try eventually("the new core", evidence: { server.log }) {
                        if Self.newCore(server.log, after: position) != nil { return true }
                        // A core that has just taken over serves before it is ready to be replaced.
                        if upgrade.hasEnded { upgrade = try server.begin(["upgrade", "--root", server.directory]) }
                        return false
                    }
                    let new = try #require(Self.newCore(server.log, after: position))
                    try eventually("the moment '\(said)'", each: .milliseconds(1), evidence: { server.log }) {
                        String(decoding: server.log.utf8.dropFirst(position), as: UTF8.self).contains(said)
                    }
                    usleep(UInt32(milliseconds) * 1000)
                    kill(kills == "new" ? new : before, SIGKILL)
                    _ = try upgrade.wait(within: .seconds(90), "the end of the command")
                    try eventually("a core that serves", within: .seconds(90), evidence: { server.log }) {
                        guard let core = try? server.status().server.corePid else { return false }
                        return core != (kills == "new" ? new : before) && (try? pids(server)) == workers
                    }
                    try load.waitForTraffic()
                }
            }
            let account = try load.stop()
            // What was inside a core that was killed, at most a request of each client.
            #expect(account.failures.count <= 20, "\(account)")
            #expect(!account.failures.contains { $0.contains("connect: ") }, "\(account)")
            try expect(workers, of: server)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a core that was to hand over and has nobody whom to goes on, after its deploy too`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place, options: ["--min-instances", "2"])
            let gate = "\(place.path)/gate"
            try repository.write("Passengerfile.yml", repository.passengerfile(deploy: Self.build(until: gate)))
            _ = try repository.commitVersion(2)
            let core = try server.status().server.corePid
            let deploy = try server.begin(["deploy", "--root", server.directory])
            try eventually("the build", evidence: { server.log }) { try server.appStatus().operation?.step == "build" }
            let upgrade = try server.begin(["upgrade", "--root", server.directory])
            try eventually("the prepared core", evidence: { server.log }) { server.log.contains("is prepared") }
            let new = try #require(Self.newCore(server.log, after: 0))
            kill(new, SIGKILL)
            try eventually("the end of the prepared core") { !isRunning(new) }
            #expect(FileManager.default.createFile(atPath: gate, contents: nil))
            let end = try upgrade.wait()
            #expect(end.status == 4 && end.errors.contains("goes on as it is"), "\(end.everything)")
            #expect(try deploy.wait().status == 0, "\(server.log)")
            try eventually("the old core's word", evidence: { server.log }) { server.log.contains("this core goes on") }
            #expect(try server.status().server.corePid == core)
            #expect(try server.version() == "2")
            try self.upgrade(server)
            #expect(try server.status().server.corePid != core)
            #expect(try server.version() == "2")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `restarts that never cease hold no upgrade up, and none is forgotten`() throws {
            let place = try Place()
            let directory = try place.copyApp(.python, as: "app")
            try FileManager.default.createDirectory(atPath: "\(directory)/tmp", withIntermediateDirectories: true)
            AppUser.own(directory)
            let server = TestServer(directory, in: place)
            try server.start(["--min-instances", "1"])
            try server.waitUntilServing()
            let core = try server.status().server.corePid
            let upgrade = try server.begin(["upgrade", "--root", directory])
            func touch() throws {
                try "".write(toFile: "\(directory)/tmp/restart.txt", atomically: false, encoding: .utf8)
            }
            let began = ContinuousClock.now
            while !upgrade.hasEnded, ContinuousClock.now - began < .seconds(90) {
                try touch()
                usleep(20_000)
            }
            #expect(try upgrade.wait(within: .seconds(10)).status == 0, "\(server.log)")
            #expect(try server.status().server.corePid != core)
            let before = try pids(server)
            try touch()
            try eventually("the restart of the last touch", evidence: { server.log }) {
                let now = try pids(server)
                return now.count == 1 && now != before
            }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `USR2 upgrades, and a stop that comes in the middle of it is a stop`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place, options: ["--min-instances", "2"])
            let (core, workers) = (try server.status().server.corePid, try pids(server))
            let program = try #require(server.program)
            program.signal(SIGUSR2)
            try eventually("another core, alone", evidence: { server.log }) {
                guard let now = try? server.status().server.corePid else { return false }
                return now != core && !isRunning(core)
            }
            try expect(workers, of: server)

            try repository.write("Passengerfile.yml", repository.passengerfile(deploy: "  build: [\"sleep 20\"]"))
            _ = try repository.commitVersion(2)
            let deploy = try server.begin(["deploy", "--root", server.directory])
            try eventually("the build", evidence: { server.log }) { try server.appStatus().operation?.step == "build" }
            let upgrade = try server.begin(["upgrade", "--root", server.directory])
            try eventually("the prepared core", evidence: { server.log }) {
                server.log.components(separatedBy: "is prepared").count == 3
            }
            #expect(try server.command("stop").status == 0, "\(server.log)")
            #expect(try program.wait(within: .seconds(90)).status == 0, "\(server.log)")
            // Whatever they were told, they are told something.
            #expect(try upgrade.wait().status != 0)
            _ = try deploy.wait()
            #expect(!server.log.contains("hands over to core 3"), "\(server.log)")
            try eventually("the end of all") { !workers.contains(where: isRunning) }
        }

        /// Goes on until the file is there.
        private static func build(until gate: String) -> String {
            "  build: [\"until [ -e \(gate) ]; do sleep 0.05; done\"]"
        }

        /// The pid in "core 2 of the new version started (pid 4711)".
        private static func newCore(_ log: String, after position: Int) -> Int32? {
            let text = String(decoding: log.utf8.dropFirst(position), as: UTF8.self)
            guard let found = text.range(of: "of the new version started (pid ") else { return nil }
            return Int32(text[found.upperBound...].prefix { $0.isNumber })
        }

        @Test(.timeLimit(.minutes(3)))
        func `a deploy that runs is waited for, a reload waits, and the next deploy finds everything as it was`() throws
        {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place, options: ["--min-instances", "2"])
            let gate = "\(place.path)/gate"
            try repository.write("Passengerfile.yml", repository.passengerfile(deploy: Self.build(until: gate)))
            _ = try repository.commitVersion(2)
            let deploy = try server.begin(["deploy", "--root", server.directory])
            try eventually("the build", evidence: { server.log }) { try server.appStatus().operation?.step == "build" }
            let upgrade = try server.begin(["upgrade", "--root", server.directory])
            try eventually("the prepared core", evidence: { server.log }) { server.log.contains("is prepared") }
            // It was made a plan for before this is asked for, by whom the next core does not know.
            let reload = try server.begin(["reload", "--root", server.directory])
            try eventually("the reload that waits", evidence: { server.log }) { server.log.contains("reload: waits") }
            #expect(FileManager.default.createFile(atPath: gate, contents: nil))
            #expect(try deploy.wait().status == 0, "\(server.log)")
            #expect(try upgrade.wait().status == 0, "\(server.log)")
            let reloaded = try reload.wait()
            #expect(reloaded.status == 0, "\(reloaded.everything) \(server.log)")
            #expect(server.log.contains("the new configuration holds"), "\(server.log)")
            #expect(try server.version() == "2")
            #expect(try server.command("rollback").status == 0, "\(server.log)")
            #expect(try server.version() == "1")
            try server.stop()
        }
    }
}
