import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// Ruby and Python apps whose workers are forked from a process that has loaded them.
    @Suite(.serialized) struct PreloadTests {
        static let preloaded: [Language] = [.ruby, .python]

        /// Allocates some 50 MB while it loads. `/loaded`: the pid that loaded it and its own, `/random`: one number.
        private static func heavyApp(_ language: Language) -> String {
            switch language {
            case .ruby:
                """
                HEAP = Array.new(350_000) { |n| "object number #{n}, longer than what is embedded" * 2 }
                LOADED = Process.pid
                rand
                run(lambda do |env|
                  body = { '/loaded' => "#{LOADED} #{Process.pid}", '/random' => rand(1 << 60).to_s }
                  [200, { 'content-type' => 'text/plain' }, [body.fetch(env['PATH_INFO'], "fine\\n")]]
                end)
                """
            default:
                """
                import os, random
                HEAP = [f'object number {n}, and a little more' * 2 for n in range(350_000)]
                LOADED = os.getpid()
                random.random()
                def application(environ, start_response):
                    body = {'/loaded': f'{LOADED} {os.getpid()}', '/random': str(random.getrandbits(60))}
                    start_response('200 OK', [('Content-Type', 'text/plain')])
                    return [body.get(environ['PATH_INFO'], 'fine\\n').encode()]
                """
            }
        }

        private func serve(
            _ language: Language, _ app: String? = nil, workers: Int = 3, in place: Place, _ options: [String] = []
        ) throws -> TestServer {
            let directory = try place.copyApp(language, as: "app")
            if let app {
                try app.write(toFile: "\(directory)/\(language.startupFile)", atomically: false, encoding: .utf8)
            }
            AppUser.own(directory)
            let server = TestServer(directory, in: place)
            try server.start(["--min-instances", "\(workers)", "--max-pool-size", "\(workers)"] + options)
            try server.waitUntilServing(workers: workers)
            return server
        }

        private func preloader(_ server: TestServer) throws -> PreloaderStatus? {
            try server.appStatus().generations.first { $0.state == .live }?.preloader
        }

        /// KiB, as smaps_rollup has it.
        private func sharedOut(_ pids: [Int32]) -> Int {
            pids.reduce(0) { sum, pid in
                let line = text(of: "/proc/\(pid)/smaps_rollup").split(separator: "\n").first { $0.hasPrefix("Pss:") }
                return sum + (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
            }
        }

        @Test(.timeLimit(.minutes(3)), arguments: preloaded)
        func `workers are forked from one process, are the supervisor's, and share its memory`(_ language: Language)
            throws
        {
            let place = try Place()
            let server = try serve(language, Self.heavyApp(language), in: place)
            let preloader = try #require(try preloader(server))
            let parent = try #require(preloader.pid)
            #expect(preloader.state == "ready")
            let supervisor = try server.status().server.supervisorPid
            let workers = try server.workers().compactMap(\.pid)
            #expect(workers.count == 3 && !workers.contains(parent))
            for pid in workers {
                #expect(processParent(pid: pid) == supervisor)
                #expect(getpgid(pid) == pid)
            }
            var loaders: Set<String> = []
            var numbers: [String] = []
            for _ in 0..<12 {
                loaders.insert(String(try server.get("/loaded").text.split(separator: " ")[0]))
                numbers.append(try server.get("/random").text)
            }
            #expect(loaders == ["\(parent)"])
            #expect(Set(numbers).count == numbers.count, "\(numbers)")
            let status = try server.command("status")
            #expect(status.output.contains("preloader"), "\(status.everything)")
            let forked = sharedOut(workers + [parent])
            try server.stop()

            let other = try serve(
                language, Self.heavyApp(language), in: place.inner("direct"), ["--spawn-method", "direct"])
            #expect(try self.preloader(other) == nil)
            let single = sharedOut(try other.workers().compactMap(\.pid))
            try other.stop()
            print("\(language), 3 workers, PSS: \(forked / 1024) MiB preloaded, \(single / 1024) MiB direct")
            // With the preloader's own part: a third less at the least.
            #expect(forked * 3 < single * 2)
        }

        @Test(.timeLimit(.minutes(3)), arguments: preloaded)
        func `a worker that is killed is replaced by a fork, in milliseconds`(_ language: Language) throws {
            let place = try Place()
            let quick = ["--health-interval", "10ms", "--health-successes", "1"]
            let server = try serve(language, workers: 2, in: place, quick)
            let before = try preloader(server)?.pid
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection])
            try load.waitForTraffic()
            for _ in 0..<3 {
                let old = Set(try server.workers().compactMap(\.pid))
                kill(try #require(old.first), SIGKILL)
                try eventually("another worker", evidence: { server.log }) {
                    Set(try server.workers().compactMap(\.pid)).subtracting(old).count == 1
                }
            }
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            #expect(try preloader(server)?.pid == before)
            // The first two waited for the app to load.
            let all = server.log.matches(of: #/ready after (\d+) ms/#).compactMap { Int($0.1) }
            let times = all.suffix(3)
            print("\(language): from the wish for a worker to its proof: \(times) ms")
            // The best of them, for a machine that is busy, and in proportion, for one that is slow.
            let limit = max(250, (all.first ?? 0) / 2)
            #expect(times.count == 3 && times.contains { $0 < limit }, "\(all)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: preloaded)
        func `a preloader that is killed takes no worker with it, and is replaced when it is needed`(
            _ language: Language
        ) throws {
            let place = try Place()
            let server = try serve(language, workers: 2, in: place)
            let workers = try server.workers().compactMap(\.pid)
            let first = try #require(try preloader(server)?.pid)
            kill(first, SIGKILL)
            try eventually("the log says so", evidence: { server.log }) { server.log.contains("the preloader ended (") }
            #expect(try preloader(server)?.state == "absent")
            #expect(try server.workers().compactMap(\.pid) == workers)
            #expect(try server.version() == "1")
            kill(workers[0], SIGKILL)
            try eventually("a worker of the next preloader", evidence: { server.log }) {
                let now = try server.workers().compactMap(\.pid)
                return now.count == 2 && !now.contains(workers[0])
            }
            let second = try #require(try preloader(server)?.pid)
            #expect(second != first)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: preloaded)
        func `an idle preloader is stopped, and comes back for the next worker`(_ language: Language) throws {
            let place = try Place()
            let server = try serve(language, workers: 1, in: place, ["--max-preloader-idle-time", "500ms"])
            try eventually("the preloader's end", evidence: { server.log }) { try preloader(server)?.state == "absent" }
            let worker = try #require(try server.workers().first?.pid)
            kill(worker, SIGKILL)
            try eventually("another worker", evidence: { server.log }) {
                let now = try server.workers().compactMap(\.pid)
                return now.count == 1 && now != [worker]
            }
            #expect(try server.version() == "1")
            try server.stop()
        }

        @Test(
            .timeLimit(.minutes(3)),
            arguments: [
                (Language.ruby, "PhusionPassenger.refuse_preloading('one process only')\n", "one process only"),
                (
                    .python,
                    "import threading\nthreading.Thread(target=threading.Event().wait, name='metrics', daemon=True).start()\n",
                    "metrics"
                ),
            ])
        func `an app that cannot be preloaded is started worker by worker, and status says why`(
            _ language: Language, _ code: String, _ reason: String
        ) throws {
            let place = try Place()
            let app = text(of: "\(SourceTree.path)/Tests/apps/\(language.rawValue)/\(language.startupFile)")
            let server = try serve(language, code + app, workers: 2, in: place)
            let preloader = try #require(try preloader(server))
            #expect(preloader.state == "unsuitable" && preloader.reason?.contains(reason) == true)
            #expect(server.log.contains("the app is not preloaded") && server.log.contains(reason), "\(server.log)")
            let status = try server.command("status")
            #expect(status.output.contains("is not preloaded"), "\(status.everything)")
            #expect(try server.version() == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: preloaded)
        func `a standby keeps its preloader until it is gone, and a rollback finds it`(_ language: Language) throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(language, in: place)
            let first = try #require(try preloader(server)?.pid)
            try repository.commitVersion(2)
            let deploy = try server.command("deploy")
            #expect(deploy.status == 0, "\(deploy.everything)")
            let second = try #require(try preloader(server)?.pid)
            #expect(second != first && isRunning(first))
            let back = try server.command("rollback")
            #expect(back.status == 0, "\(back.everything)")
            #expect(try server.version() == "1")
            #expect(try preloader(server)?.pid == first)
            // Withdrawn, the second generation is not kept.
            try eventually("the end of the second preloader", evidence: { server.log }) { !isRunning(second) }
            try server.stop()
            #expect(!isRunning(first))
        }

        @Test(.timeLimit(.minutes(3)), arguments: preloaded)
        func `a preloader forks for whichever core there is, and nothing outlives a supervisor that is killed`(
            _ language: Language
        ) throws {
            let place = try Place()
            let server = try serve(language, workers: 2, in: place)
            let workers = try server.workers().compactMap(\.pid)
            let loaded = try #require(try preloader(server)?.pid)
            let core = try server.status().server.corePid
            try server.waitForSnapshot()
            kill(core, SIGKILL)
            kill(workers[0], SIGKILL)
            try eventually("another worker", evidence: { server.log }) {
                guard let now = try? server.status().server.corePid, now != core else { return false }
                let serving = try server.workers().compactMap(\.pid)
                return serving.count == 2 && serving.contains(workers[1]) && !serving.contains(workers[0])
            }
            #expect(try preloader(server)?.pid == loaded, "\(server.log)")
            let after = try server.workers().compactMap(\.pid) + [try #require(try preloader(server)?.pid)]
            kill(after[0], SIGSTOP)
            kill(try server.status().server.supervisorPid, SIGKILL)
            try eventually("the end of \(after)", within: .seconds(15)) { !after.contains(where: isRunning) }
        }

        @Test(.timeLimit(.minutes(3)), arguments: preloaded)
        func `a boot error of the preloader is that of its generation`(_ language: Language) throws {
            let place = try Place()
            let server = try serve(language, in: place)
            let directory = server.directory
            try (language == .ruby ? "raise 'no database'\n" : "raise ValueError('no database')\n")
                .write(toFile: "\(directory)/\(language.startupFile)", atomically: false, encoding: .utf8)
            let restart = try server.command("restart")
            #expect(restart.status == 1, "\(restart.everything)")
            #expect(
                restart.errors.contains("no database") && restart.errors.contains("load_app"), "\(restart.everything)")
            #expect(try server.version() == "1")
            try server.stop()
        }
    }
}
