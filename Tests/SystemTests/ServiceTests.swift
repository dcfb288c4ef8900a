import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// Under a stand-in for systemd (Tests/clients/service_manager.py).
    @Suite(.serialized) struct ServiceTests {
        private func start(
            _ server: TestServer, _ options: [String] = [], manager: [String] = [], port: Int = 0
        ) throws {
            try server.start(
                options,
                behind: ["python3", "\(SourceTree.path)/Tests/clients/service_manager.py"] + manager
                    + [server.place.path], port: port, isManaged: true)
            try server.waitUntilServing()
        }

        private func supervisor(of server: TestServer) throws -> Int32 { try server.status().server.supervisorPid }

        private func waitForReplacement(of old: Int32, in server: TestServer) throws {
            try eventually("another supervisor", evidence: { server.log }) {
                guard let record = server.instance(), record.pid != old else { return false }
                return isRunning(record.pid)
            }
            try server.waitUntilServing()
        }

        @Test(.timeLimit(.minutes(6)), arguments: [true, false])
        func `a restart by the service manager refuses no connection`(isAbstract: Bool) throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            try start(server, manager: (isAbstract ? ["--abstract"] : []) + ["--watchdog", "30"])
            let old = try supervisor(of: server)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.newConnection, .newConnection])
            try load.waitForTraffic()
            let manager = try #require(server.program)
            for _ in 0..<2 {
                let before = try supervisor(of: server)
                manager.signal(SIGUSR1)
                try waitForReplacement(of: before, in: server)
                try load.waitForTraffic()
            }
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            #expect(try supervisor(of: server) != old)
            let log = server.log
            #expect(log.contains("READY=1 STATUS=listening on"), "\(log)")
            #expect(
                log.contains("STOPPING=1") && !log.contains("ignored") && !log.contains("watchdog timeout"), "\(log)")
            // Nobody else is told what is the supervisor's.
            for pid in try server.workers().compactMap(\.pid) + [try server.status().server.corePid] {
                let environment = text(of: "/proc/\(pid)/environ")
                for name in ServiceVariables.all { #expect(!environment.contains("\(name)="), "pid \(pid)") }
            }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a Unix socket outlives restarts and upgrades, and the service manager sees one process go on`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            let path = "\(place.path)/http.sock"
            try start(server, ["--socket-file", path], manager: ["--watchdog", "12"])
            let inode = try #require(FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int)
            func ask() throws {
                let curl = try Program(
                    ["curl", "-sS", "--max-time", "90", "--unix-socket", path, "http://test/version"],
                    environment: ProcessInfo.plainEnvironment, in: place)
                let end = try curl.wait()
                #expect(end.output.hasPrefix("1"), "\(end.everything)\n\(server.log)")
            }
            for _ in 0..<2 {
                let before = try supervisor(of: server)
                try #require(server.program).signal(SIGUSR1)
                while server.instance().map({ $0.pid == before || !isRunning($0.pid) }) ?? true { try ask() }
                try server.waitUntilServing()
                let main = try supervisor(of: server)
                let end = try server.command("upgrade")
                #expect(end.status == 0, "\(end.everything)\n\(server.log)")
                try ask()
                #expect(try supervisor(of: server) == main, "MAINPID stays")
                try eventually("the supervisor of the new program", evidence: { server.log }) {
                    server.log.contains("another program goes on")
                }
            }
            // It goes on to give signs of life.
            func signsOfLife() -> Int { server.log.components(separatedBy: "notify WATCHDOG=1").count }
            let before = signsOfLife()
            try eventually("signs of life", within: .seconds(45), evidence: { server.log }) {
                signsOfLife() > before + 1
            }
            let now = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
            #expect(now == inode && !server.log.contains("watchdog timeout"), "\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a supervisor that is killed takes no listener with it, and the live release is back at once`() throws {
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let end = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(end.status == 0, "\(end.everything)")
            try start(server, ["--min-instances", "2"])
            try server.waitUntilServing(release: "1-", workers: 2)
            let old = try supervisor(of: server)
            let workers = try server.workers().compactMap(\.pid)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.newConnection, .newConnection])
            try load.waitForTraffic()
            kill(old, SIGKILL)
            try eventually("the end of the workers", within: .seconds(15)) { !workers.contains(where: isRunning) }
            try waitForReplacement(of: old, in: server)
            try load.waitForTraffic()
            let account = try load.stop()
            // What was inside is lost; what comes waits.
            #expect(!account.failures.contains { $0.contains("connect: ") }, "\(account)\n\(server.log)")
            #expect(account.failures.count <= 2 && account.versions == [1], "\(account)\n\(server.log)")
            #expect(try server.appStatus().liveRelease?.hasPrefix("1-") == true)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a core that hangs, in its start too, is replaced; a supervisor that hangs is by the service manager`()
            throws
        {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            try start(server, manager: ["--watchdog", "12"])
            let supervisor = try supervisor(of: server)
            let first = try server.status().server.corePid
            kill(first, SIGSTOP)
            try eventually("the end of a stopped core", evidence: { server.log }) {
                server.log.contains("core 1 (pid \(first)) is killed: it hangs, there was no answer for 6")
            }
            try server.waitUntilServing()
            // Two that hang one after the other, without an answer between them, are for the service manager.
            func signsOfLife() -> Int { server.log.split(separator: "notify WATCHDOG=1").count }
            let before = signsOfLife()
            try eventually("one of the second core", evidence: { server.log }) { signsOfLife() > before }
            kill(try server.status().server.corePid, SIGKILL)
            var third: Int32?
            // It is to be stopped before it is ready.
            try eventually("a third core", each: .milliseconds(1), evidence: { server.log }) {
                third = server.log.split(separator: "core 3 started (pid ").dropFirst().first
                    .flatMap { Int32($0.prefix { $0.isNumber }) }
                return third != nil
            }
            kill(try #require(third), SIGSTOP)
            try eventually("the end of a core that was stopped in its start", evidence: { server.log }) {
                server.log.contains("core 3 (pid \(third ?? 0)) is killed: it hangs in its start")
            }
            try server.waitUntilServing()
            #expect(try server.version() == "1")
            #expect(try self.supervisor(of: server) == supervisor)
            #expect(!server.log.contains("watchdog timeout"), "\(server.log)")
            kill(supervisor, SIGSTOP)
            try waitForReplacement(of: supervisor, in: server)
            #expect(server.log.contains("watchdog timeout"), "\(server.log)")
            #expect(try server.version() == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `sockets of a socket unit are used where the configuration listens there, and closed where it does not`()
            throws
        {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            let (wanted, other) = (try freePort(), try freePort())
            try start(
                server,
                manager: [
                    "--listen", "passenger.socket=127.0.0.1:\(wanted)", "--listen", "other.socket=127.0.0.1:\(other)",
                ], port: wanted)
            #expect(server.port == wanted)
            #expect(try server.version() == "1")
            #expect(
                server.log.contains(
                    "(other.socket) is closed: the configuration does not listen on 127.0.0.1:\(other)"),
                "\(server.log)")
            #expect(!server.log.contains("http-tcp"), "a socket of a unit is not stored: \(server.log)")
            let old = try supervisor(of: server)
            server.program?.signal(SIGUSR1)
            try waitForReplacement(of: old, in: server)
            #expect(try server.version() == "1")
            try server.stop()
        }

        private static let analyze = "/usr/bin/systemd-analyze"

        @Test(.timeLimit(.minutes(3)), .enabled(if: access(analyze, X_OK) == 0), arguments: ["service", "socket"])
        func `systemd understands the units`(kind: String) throws {
            let place = try Place()
            for name in ["passenger.service", "passenger.socket"] {
                let template = text(of: "\(SourceTree.path)/templates/systemd/\(name)")
                let unit = template.replacing("/usr/local/bin/passenger", with: TestServer.binary)
                try unit.write(toFile: "\(place.path)/\(name)", atomically: false, encoding: .utf8)
            }
            let end = try Program(
                [Self.analyze, "verify", "\(place.path)/passenger.\(kind)"],
                environment: ProcessInfo.plainEnvironment, in: place
            ).wait()
            #expect(end.status == 0 && !end.everything.contains("passenger.\(kind):"), "\(end.everything)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `a reload is told to the service manager from its beginning to its end`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            try start(server)
            server.program?.signal(SIGHUP)
            try eventually("the end of the reload", evidence: { server.log }) {
                guard let begun = server.log.range(of: "notify RELOADING=1 MONOTONIC_USEC=") else { return false }
                return server.log[begun.upperBound...].contains("notify READY=1")
            }
            try server.stop()
        }
    }
}
