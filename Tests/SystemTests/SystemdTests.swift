import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// Under systemd itself, as the first process of a root of its own (ServiceTests has what a stand-in can show).
    @Suite(.serialized, .enabled(if: SystemdRoot.isPossible, "systemd is not here, or only root may start it"))
    struct SystemdTests {
        /// The service as `passenger integrate systemd` prints it, of two workers of an app in /srv/app.
        private static func install(
            _ systemd: SystemdRoot, port: Int, server: String = "", dropIn: String = "[Service]"
        ) throws {
            try systemd.root.shell(
                """
                cp -R \(SourceTree.path)/Tests/apps/python /srv/app
                chown -R games: /srv/app
                cat >/etc/passenger/passenger.yml <<'END'
                address: 127.0.0.1
                port: \(port)
                \(server)
                apps:
                  test: {root: /srv/app, min_instances: 2, max_instances: 2}
                END
                \(TestServer.binary) integrate systemd >/etc/systemd/system/passenger.service
                mkdir /etc/systemd/system/passenger.service.d
                cat >/etc/systemd/system/passenger.service.d/test.conf <<'END'
                \(dropIn)
                END
                systemctl daemon-reload
                """)
        }

        private static func status(_ systemd: SystemdRoot) throws -> StatusReport {
            try systemd.root.admin(#require(systemd.root.instance("default"), "\(systemd.journal)")).status()
        }

        /// Inside's pids.
        private static func workers(_ systemd: SystemdRoot) throws -> [Int32] {
            try status(systemd).apps.flatMap(\.generations).filter { $0.state == .live }.flatMap(\.workers)
                .filter { $0.state == "available" }.compactMap(\.pid).sorted()
        }

        private static func waitForWorkers(
            _ systemd: SystemdRoot, _ condition: ([Int32]) -> Bool = { $0.count == 2 }
        ) throws {
            try eventually("workers", evidence: { systemd.journal }) {
                guard let workers = try? workers(systemd) else { return false }
                return condition(workers)
            }
        }

        private static func isThere(_ pid: Int32, _ systemd: SystemdRoot) -> Bool {
            isRunning(pid, below: systemd.root.path("/proc"))
        }

        @Test(.timeLimit(.minutes(9)))
        func `a service is started, restarted, reloaded, upgraded and stopped, and refuses nobody meanwhile`() throws {
            let place = try Place()
            let systemd = try SystemdRoot(in: place)
            let port = try freePort()
            try Self.install(systemd, port: port)
            try systemd.systemctl("enable", "--now", "passenger.service")
            #expect(systemd.root.exists("/etc/systemd/system/multi-user.target.wants/passenger.service"))
            #expect(try systemd.property("ActiveState") == "active")
            #expect(try systemd.property("StatusText") == "listening on 127.0.0.1:\(port)")
            try Self.waitForWorkers(systemd)

            let load = try LoadGenerator(port: port, in: place, kinds: [.newConnection, .newConnection])
            try load.waitForTraffic()
            for _ in 0..<2 {
                let (main, workers) = (try systemd.mainPid(), try Self.workers(systemd))
                try systemd.systemctl("restart", "passenger.service")
                #expect(try systemd.mainPid() != main)
                #expect(!workers.contains { Self.isThere($0, systemd) })
                try Self.waitForWorkers(systemd)
                try load.waitForTraffic(1)
            }

            // Another size of the app: taken on by the server that runs.
            let main = try systemd.mainPid()
            try systemd.root.shell("sed -i 's/_instances: 2/_instances: 3/g' /etc/passenger/passenger.yml")
            try systemd.systemctl("reload", "passenger.service")
            try eventually("the end of the reload", evidence: { systemd.journal }) {
                try systemd.property("ActiveState") == "active"
            }
            try Self.waitForWorkers(systemd) { $0.count == 3 }
            // A mistake changes nothing, and the service goes on.
            try systemd.root.shell(
                "cp /etc/passenger/passenger.yml /tmp/good; echo 'prot: 1' >>/etc/passenger/passenger.yml")
            try systemd.systemctl("reload", "passenger.service")
            try eventually("the reason", evidence: { systemd.journal }) {
                try systemd.property("ActiveState") == "active" && systemd.journal.contains("prot")
            }
            try systemd.root.shell("cp /tmp/good /etc/passenger/passenger.yml")

            let workers = try Self.workers(systemd)
            let upgraded = try systemd.root.run(TestServer.binary, "upgrade")
            #expect(upgraded.output.contains("runs version"), "\(upgraded.everything)")
            try eventually("the supervisor of the new program", evidence: { systemd.journal }) {
                systemd.journal.contains("another program goes on")
            }
            // The next core counts a worker when it has answered it.
            try Self.waitForWorkers(systemd) { $0 == workers }
            try load.waitForTraffic()
            #expect(try systemd.mainPid() == main && systemd.property("NRestarts") == "0")
            // It still has its sockets stored by whom it became.
            try systemd.systemctl("restart", "passenger.service")
            try Self.waitForWorkers(systemd) { $0.count == 3 && $0 != workers }
            try load.waitForTraffic()

            let account = try load.stop()
            print("systemd: \(account)")
            #expect(account.failures.isEmpty, "\(account)\n\(systemd.journal)")
            let (last, left) = (try systemd.mainPid(), try Self.workers(systemd))
            try systemd.systemctl("stop", "passenger.service")
            #expect(try systemd.property("Result") == "success" && systemd.property("ActiveState") == "inactive")
            #expect(!(left + [last]).contains { Self.isThere($0, systemd) })
            try systemd.systemctl("start", "passenger.service")
            try Self.waitForWorkers(systemd) { $0.count == 3 }
            #expect(try fetch("/version", port: port).line == "1")
            try systemd.systemctl("stop", "passenger.service")
            let journal = systemd.journal
            // Words of systemd's and of the runtime's that would say that something of it is not as it should be.
            for words in ["reception only permitted", "Killing process", "timed out", "Failed to", "signal 15"] {
                #expect(!journal.contains(words), "\(words): \(journal)")
            }
        }

        @Test(.timeLimit(.minutes(9)))
        func `what is killed or hangs is there again, and no connection is refused`() throws {
            let place = try Place()
            let systemd = try SystemdRoot(in: place)
            let port = try freePort()
            try Self.install(systemd, port: port, dropIn: "[Service]\nWatchdogSec=12")
            try systemd.systemctl("start", "passenger.service")
            try Self.waitForWorkers(systemd)
            let load = try LoadGenerator(port: port, in: place, kinds: [.newConnection, .newConnection])
            try load.waitForTraffic()

            // A core that is killed costs the apps nothing.
            let (first, workers) = (try systemd.mainPid(), try Self.workers(systemd))
            try systemd.root.run("kill", "-KILL", "\(Self.status(systemd).server.corePid)")
            try eventually("another core", evidence: { systemd.journal }) {
                systemd.journal.contains("core 2 is ready")
            }
            try Self.waitForWorkers(systemd) { $0 == workers }
            try load.waitForTraffic(1)

            // One that hangs is replaced before the watchdog's time is over.
            try systemd.root.run("kill", "-STOP", "\(Self.status(systemd).server.corePid)")
            try eventually("a third core", evidence: { systemd.journal }) {
                systemd.journal.contains("core 3 is ready")
            }
            #expect(try systemd.mainPid() == first && systemd.property("NRestarts") == "0", "\(systemd.journal)")
            try Self.waitForWorkers(systemd) { $0 == workers }
            try load.waitForTraffic(1)

            // The supervisor is systemd's to replace, when it dies and when it hangs.
            for (signal, restarts) in [("-KILL", "1"), ("-STOP", "2")] {
                let main = try systemd.mainPid()
                try systemd.root.run("kill", signal, "\(main)")
                try eventually("restart \(restarts)", within: .seconds(90), evidence: { systemd.journal }) {
                    try systemd.property("NRestarts") == restarts && systemd.property("ActiveState") == "active"
                }
                try Self.waitForWorkers(systemd)
                try load.waitForTraffic(1)
                #expect(try systemd.mainPid() != main)
            }
            #expect(!workers.contains { Self.isThere($0, systemd) })
            let account = try load.stop()
            print("systemd, deaths: \(account)")
            // What was inside is lost; what comes waits.
            #expect(!account.failures.contains { $0.contains("connect: ") }, "\(account)\n\(systemd.journal)")
            #expect(account.failures.count <= 8, "\(account)\n\(systemd.journal)")
            try systemd.systemctl("stop", "passenger.service")
        }

        @Test(.timeLimit(.minutes(6)))
        func `a socket unit has a port that the server may not bind itself, and starts it for the first client`() throws
        {
            let place = try Place()
            let systemd = try SystemdRoot(in: place)
            let port = try freePort(400..<1000)
            try Self.install(systemd, port: port, dropIn: "[Service]\nUser=games")
            try systemd.root.shell(
                """
                \(TestServer.binary) integrate systemd-socket | sed 's/0\\.0\\.0\\.0:80/127.0.0.1:\(port)/' \
                  >/etc/systemd/system/passenger.socket
                systemctl daemon-reload
                systemctl start passenger.socket
                """)
            #expect(try systemd.property("ActiveState") == "inactive")
            // Its connection waits for all of the start.
            let answer = Result { try fetch("/version", port: port) }
            #expect(try systemd.property("ActiveState") == "active", "\(systemd.journal)")
            #expect(try answer.get().line == "1")
            let users = try systemd.root.run("ps", "-o", "user=", "-p", "\(systemd.mainPid())").output
            #expect(users == "games\n")
            #expect(try systemd.root.run("stat", "-c", "%U", "/run/passenger/default/admin.sock").output == "games\n")
            try Self.waitForWorkers(systemd)
            let load = try LoadGenerator(port: port, in: place, kinds: [.newConnection, .newConnection])
            try load.waitForTraffic()
            try systemd.systemctl("restart", "passenger.service")
            try Self.waitForWorkers(systemd)
            try load.waitForTraffic()
            // It finds its directories again when it reads its configuration without the service's.
            try systemd.root.run("runuser", "-u", "games", "--", TestServer.binary, "reload")
            try systemd.root.run("runuser", "-u", "games", "--", TestServer.binary, "upgrade")
            try load.waitForTraffic()
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(systemd.journal)")
            try systemd.systemctl("stop", "passenger.socket", "passenger.service")
        }
    }
}
