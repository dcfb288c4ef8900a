import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

extension SystemTests {
    /// The core is killed; the apps are not to notice.
    @Suite(.serialized) struct CoreCrashTests {
        private func serving(_ language: Language, workers: Int, in place: Place) throws -> TestServer {
            let server = TestServer(try place.copyApp(language, as: "app"), in: place)
            try server.start(["--min-instances", "\(workers)", "--max-pool-size", "\(workers)"])
            try server.waitUntilServing(workers: workers)
            try server.waitForSnapshot()
            return server
        }

        /// Returns once the next core answers commands.
        private func killCore(_ server: TestServer) throws {
            let before = try server.status().server.corePid
            kill(before, SIGKILL)
            try eventually("another core", evidence: { server.log }) {
                (try? server.status().server.corePid).map { $0 != before } ?? false
            }
        }

        private func pids(_ server: TestServer, _ state: GenerationStatus.State = .live) throws -> [Int32] {
            try server.appStatus().generations.filter { $0.state == state }.flatMap(\.workers).compactMap(\.pid)
                .sorted()
        }

        @Test(.timeLimit(.minutes(6)), arguments: Language.allCases)
        func `a core that is killed under load takes no listener and no worker with it`(_ language: Language) throws {
            let place = try Place()
            let server = try serving(language, workers: 3, in: place)
            let workers = try pids(server)
            let preloader = try server.appStatus().generations.first?.preloader
            let kinds: [LoadGenerator.Kind] = [.keptAlive, .keptAlive, .newConnection, .newConnection]
            let load = try LoadGenerator(port: server.port, in: place, kinds: kinds)
            try load.waitForTraffic()
            try killCore(server)
            let answered = load.now.total
            try eventually("answers of the new core", evidence: { "\(load.now)\n\(server.log)" }) {
                load.now.total > answered + 50
            }
            let account = try load.stop()
            // What was inside the core at that moment, at most one request of each client.
            #expect(account.failures.count <= kinds.count, "\(account)\n\(server.log)")
            #expect(!account.failures.contains { $0.contains("connect: ") }, "\(account)")
            #expect(account.slowest < 15, "\(account)")
            try server.waitUntilServing(workers: 3)
            #expect(try pids(server) == workers, "\(server.log)")
            #expect(try server.appStatus().generations.first?.preloader == preloader, "the same process")
            #expect(account.versions == [1])

            // A worker that dies now is replaced like any other, and an operation is what it was.
            kill(workers[0], SIGKILL)
            try eventually("another worker", evidence: { server.log }) {
                let now = try server.workers().compactMap(\.pid)
                return now.count == 3 && !now.contains(workers[0]) && now.contains(workers[1])
            }
            #expect(try server.command("restart").status == 0, "\(server.log)")
            try server.waitUntilServing(workers: 3)
            #expect(try Set(pids(server)).isDisjoint(with: workers))
            #expect(try server.version() == "1")
            let all = processes(mentioning: server.directory) + (try pids(server))
            try server.stop()
            #expect(!all.contains(where: isRunning))
        }

        @Test(.timeLimit(.minutes(3)))
        func `a worker that dies with the core is replaced, the other one stays`() throws {
            let place = try Place()
            let server = try serving(.python, workers: 2, in: place)
            let workers = try pids(server)
            let core = try server.status().server.corePid
            kill(core, SIGKILL)
            kill(workers[0], SIGKILL)
            try eventually("two workers again", evidence: { server.log }) {
                guard try server.status().server.corePid != core else { return false }
                let now = try server.workers().compactMap(\.pid)
                return now.count == 2 && now.contains(workers[1]) && !now.contains(workers[0])
            }
            #expect(try server.version() == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: [Language.ruby, .python])
        func `a worker that is still at a request of the dead core is waited for`(_ language: Language) throws {
            let place = try Place()
            let server = try serving(language, workers: 1, in: place)
            let workers = try pids(server)
            let slow = try HTTPConnection(port: server.port)
            try slow.send("GET /slow?seconds=12 HTTP/1.1\r\nHost: test\r\n\r\n")
            try eventually("the request in the worker") { try server.workers().first?.requestsNow == 1 }
            try killCore(server)
            #expect(try server.appStatus().generations.first?.workers.map(\.state) == ["unknown"], "\(server.log)")
            #expect(try server.version() == "1", "it is answered by the worker, when that is done")
            #expect(try pids(server) == workers)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `what a worker writes is in the log of whichever core there is`() throws {
            let place = try Place()
            let server = try TestServer.serving("python", ["--max-pool-size", "1"], in: place) { directory in
                let path = "\(directory)/passenger_wsgi.py"
                let wrapped = """
                    \(text(of: path))
                    answer = application
                    def application(environ, start_response):
                        print('asked for', environ['PATH_INFO'], flush=True)
                        return answer(environ, start_response)
                    """
                try wrapped.write(toFile: path, atomically: false, encoding: .utf8)
            }
            try server.waitForSnapshot()
            let workers = try pids(server)
            for round in 1...2 {
                try killCore(server)
                #expect(try server.get("/round-\(round)").status == 404)
                try eventually("the line", evidence: { server.log }) {
                    server.log.contains("asked for /round-\(round)")
                }
            }
            #expect(try pids(server) == workers)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `releases, standby and companions are what they were, and a rollback is warm`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place, options: ["--min-instances", "2"])
            try repository.commitVersion(2)
            #expect(try server.command("deploy").status == 0, "\(server.log)")
            try server.waitUntilServing(release: "2-", workers: 2)
            try server.waitForSnapshot()
            let (live, standby) = (try pids(server), try pids(server, .standby))
            try #require(live.count == 2 && !standby.isEmpty)
            try killCore(server)
            try server.waitUntilServing(release: "2-", workers: 2)
            #expect(try pids(server) == live, "\(server.log)")
            #expect(try pids(server, .standby) == standby)
            #expect(try server.version() == "2")
            try eventually("the standby's answer", evidence: { server.log }) {
                try server.appStatus().generations.filter { $0.state == .standby }.flatMap(\.workers)
                    .allSatisfy { $0.state == "available" }
            }
            #expect(try server.command("rollback").status == 0, "\(server.log)")
            try server.waitUntilServing(release: "1-")
            #expect(try server.version() == "1")
            #expect(try Set(pids(server)).isSuperset(of: standby))
            try repository.commitVersion(3)
            #expect(try server.command("deploy").status == 0, "\(server.log)")
            #expect(try server.version() == "3")
            try server.stop()
            #expect(!(live + standby).contains(where: isRunning))
        }

        @Test(.timeLimit(.minutes(6)))
        func `pages of the version before find their assets at the next core, and at the next server`() throws {
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            let asset = "app-0123456789abcdef0123456789abcdef.css"
            try repository.write(
                "Passengerfile.yml", repository.passengerfile(deploy: "  rollback_window: 0\n  standby_full: 0"))
            mkdir("\(repository.path)/public", 0o755)
            try repository.write("public/\(asset)", "of version 1\n")
            try repository.commit()
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let end = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(end.status == 0, "\(end.everything)")
            try server.start([])
            try server.waitUntilServing(release: "1-")
            try repository.git("rm", "-q", "public/\(asset)")
            try repository.commitVersion(2)
            #expect(try server.command("deploy").status == 0, "\(server.log)")
            func found() throws -> String { try HTTPConnection(port: server.port).get("/\(asset)", close: true).text }
            // Nothing runs the version before any more.
            try eventually("its end", evidence: { server.log }) {
                try server.appStatus().generations.allSatisfy { $0.release?.hasPrefix("2-") == true }
            }
            #expect(try found() == "of version 1\n", "\(server.log)")
            try server.waitForSnapshot()
            try killCore(server)
            try server.waitUntilServing(release: "2-")
            #expect(try found() == "of version 1\n", "\(server.log)")
            try server.stop()
            try server.start([])
            try server.waitUntilServing(release: "2-")
            #expect(try found() == "of version 1\n", "\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a core that dies in a bake goes back to what was stable, which has not stopped`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place, options: ["--min-instances", "2"])
            try server.waitUntilServing(release: "1-", workers: 2)
            let stable = try pids(server)
            try repository.write(
                "Passengerfile.yml", repository.passengerfile().replacing("bake: 1s", with: "bake: 10m"))
            try repository.commitVersion(2)
            let deploy = try server.begin(["deploy", "--root", server.directory])
            try eventually("the bake", evidence: { server.log }) { try server.appStatus().operation?.step == "bake" }
            #expect(try server.version() == "2")
            let baking = try pids(server)
            try server.waitForSnapshot()
            try killCore(server)
            _ = try deploy.wait(within: .seconds(60))
            #expect(try server.version() == "1", "\(server.log)")
            try server.waitUntilServing(release: "1-", workers: 2)
            #expect(try pids(server) == stable, "\(server.log)")
            try eventually("the end of the new version", evidence: { server.log }) {
                !baking.contains(where: isRunning)
            }
            #expect(try server.command("deploy", "--bake", "0").status == 0, "\(server.log)")
            #expect(try server.version() == "2")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a restart that the core died over is begun again, and the app serves meanwhile`() throws {
            let place = try Place()
            let server = try serving(.python, workers: 1, in: place)
            let before = try pids(server)
            let app = "\(server.directory)/passenger_wsgi.py"
            try "import time; time.sleep(5)\n\(text(of: app))".write(toFile: app, atomically: false, encoding: .utf8)
            try "2".write(toFile: "\(server.directory)/version.txt", atomically: false, encoding: .utf8)
            AppUser.own(server.directory)
            let restart = try server.begin(["restart", "--root", server.directory])
            let booting = "\"state\":\"booting\""
            try eventually("the new workers in a snapshot", evidence: { server.log }) {
                text(of: server.snapshotPath).contains(booting)
            }
            try killCore(server)
            #expect(try restart.wait(within: .seconds(60)).status != 0)
            #expect(try pids(server) == before, "\(server.log)")
            try eventually("the restart", evidence: { server.log }) {
                let now = try server.workers().compactMap(\.pid)
                return now.count == 1 && now != before
            }
            #expect(try server.version() == "2")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `restart txt that is touched while there is no core is seen, and one that was seen is not seen again`()
            throws
        {
            let place = try Place()
            let server = try serving(.python, workers: 1, in: place)
            try FileManager.default.createDirectory(
                atPath: "\(server.directory)/tmp", withIntermediateDirectories: true)
            func touch(_ version: Int) throws {
                try "\(version)".write(
                    toFile: "\(server.directory)/version.txt", atomically: false, encoding: .utf8)
                try Data().write(to: URL(fileURLWithPath: "\(server.directory)/tmp/restart.txt"))
                AppUser.own(server.directory)
            }
            func waitForNote() throws {
                var status = stat()
                try #require(stat("\(server.directory)/tmp/restart.txt", &status) == 0)
                let time = status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
                try eventually("a note of it", evidence: { text(of: server.snapshotPath) }) {
                    text(of: server.snapshotPath).contains("\"mtimeNanoseconds\":\(time)")
                }
            }
            func generation() throws -> GenerationNumber? {
                try server.appStatus().generations.first { $0.state == .live }?.number
            }
            try touch(2)
            try eventually("the first restart", evidence: { server.log }) {
                try server.version() == "2" && text(of: "\(server.directory)/tmp/restart.result").contains("restarted")
            }
            try server.waitUntilServing(workers: 1)
            try server.waitForSnapshot()
            try waitForNote()
            let (first, status) = (try generation(), try server.status().server)
            // No core comes while the supervisor stands still.
            kill(status.supervisorPid, SIGSTOP)
            kill(status.corePid, SIGKILL)
            try touch(3)
            kill(status.supervisorPid, SIGCONT)
            try eventually("the second restart", evidence: { server.log }) { try server.version() == "3" }
            let second = try generation()
            #expect(second == first.map { GenerationNumber($0.rawValue + 1) }, "\(server.log)")
            try eventually("one generation") { try server.appStatus().generations.count == 1 }

            try waitForNote()
            try server.waitForSnapshot()
            try killCore(server)
            try server.waitUntilServing(workers: 1)
            try touch(4)
            try eventually("the third restart", evidence: { server.log }) { try server.version() == "4" }
            #expect(try generation() == second.map { GenerationNumber($0.rawValue + 1) }, "\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `an app in place that was paused is paused, and kept at its scale, until a person says otherwise`() throws
        {
            let place = try Place()
            let server = try serving(.python, workers: 1, in: place)
            #expect(try server.command("pause").status == 0)
            let since = try #require(try server.appStatus().pausedSince)
            try eventually("a snapshot of it") { text(of: server.snapshotPath).contains("pauseHoldSeconds") }
            let workers = try pids(server)
            for _ in 1...2 {
                try killCore(server)
                #expect(try server.appStatus().pausedSince == since, "\(server.log)")
                try server.waitForSnapshot()
            }
            let held = try HTTPConnection(port: server.port)
            try held.send("GET /version HTTP/1.1\r\nHost: test\r\n\r\n")
            try eventually("a request that waits", evidence: { server.log }) {
                try server.appStatus().queue.length == 1
            }
            #expect(try server.command("resume").status == 0)
            #expect(try server.version() == "1")
            try eventually("a snapshot without it") { !text(of: server.snapshotPath).contains("pauseHoldSeconds") }
            try killCore(server)
            #expect(try server.appStatus().pausedSince == nil)
            #expect(try pids(server) == workers, "\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: ["", "{", #"{"version":1000}"#, #"{"version":1,"pool":{}}"#])
        func `a snapshot that cannot be read is set aside, and the app is booted`(_ contents: String) throws {
            let place = try Place()
            let server = try serving(.python, workers: 2, in: place)
            let workers = try pids(server)
            try contents.write(toFile: server.snapshotPath, atomically: true, encoding: .utf8)
            try killCore(server)
            try server.waitUntilServing(workers: 2)
            #expect(try server.version() == "1")
            try eventually("the end of the workers before", evidence: { server.log }) {
                !workers.contains(where: isRunning)
            }
            #expect(server.log.contains("the snapshot of the core before is not used"), "\(server.log)")
            #expect(text(of: "\(server.snapshotPath).refused") == contents)
            try server.waitForSnapshot()
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `of many apps each goes on, those that sleep and those that started with a request`() throws {
            let place = try Place()
            let blog = try place.copyApp(.ruby, as: "blog")
            let shop = try place.copyApp(.python, as: "shop")
            let quiet = try place.copyApp(.node, as: "quiet")
            let server = try TestServer(
                serverFile: """
                    apps:
                      blog: {root: \(blog), server_names: [blog.test], prestart: true}
                      shop: {root: \(shop), server_names: [shop.test]}
                      quiet: {root: \(quiet), server_names: [quiet.test]}
                    """, in: place)
            try server.start()
            for name in ["blog", "shop"] { #expect(try server.get("/version", host: "\(name).test").line == "1") }
            func workers(_ name: String) throws -> [Int32] {
                try server.appStatus(name).generations.flatMap(\.workers).compactMap(\.pid)
            }
            let before = try (workers("blog"), workers("shop"))
            try eventually("a snapshot of both") {
                (before.0 + before.1).allSatisfy { text(of: server.snapshotPath).contains("\"pid\":\($0)") }
            }
            try killCore(server)
            for name in ["blog", "shop"] { #expect(try server.get("/version", host: "\(name).test").line == "1") }
            #expect(try workers("blog") == before.0, "\(server.log)")
            #expect(try workers("shop") == before.1)
            #expect(try server.appStatus("quiet").isStarted == false)
            #expect(try server.get("/version", host: "quiet.test").line == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(15)))
        func `connections made without a core wait and are answered soon`() throws {
            let rounds = getenv("PASSENGER_LONG_TESTS") != nil ? 20 : 3
            var times: [Double] = []
            for _ in 0..<rounds {
                let place = try Place()
                let server = try serving(.python, workers: 2, in: place)
                let core = try server.status().server.corePid
                let answers = Mutex<[String]>([])
                let port = server.port
                let began = monotonicNow()
                kill(core, SIGKILL)
                for _ in 0..<8 {
                    startThread(name: "client") {
                        let line = (try? fetch("/version", port: port).line) ?? "failed"
                        let time = (monotonicNow() - began).inMilliseconds
                        answers.withLock { $0.append(line == "1" ? "\(time)" : line) }
                    }
                }
                try eventually("eight answers", evidence: { server.log }) { answers.withLock { $0.count == 8 } }
                let said = answers.withLock { $0.compactMap { Double($0) } }
                // The first may have been taken by the dying core.
                #expect(said.count >= 7, "\(answers.withLock { $0 })\n\(server.log)")
                times.append(try #require(said.max()))
                try server.stop()
            }
            times.sort()
            print(
                "from the kill of a core to the last of 8 answers: median \(times[times.count / 2]) ms, "
                    + "slowest \(times.last ?? 0) ms of \(times.count)")
            // Soon, on a slow and busy machine.
            #expect(times.allSatisfy { $0 < 10_000 })
        }
    }
}
