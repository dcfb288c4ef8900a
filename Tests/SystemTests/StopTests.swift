import AdminAPI
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// `passenger stop` where nobody answers.
    @Suite(.serialized) struct StopTests {
        /// The order is not answered within a quarter of 20 s, with --now within 5 s; the supervisor then gives the core
        /// `shutdown_timeout` and 5 s, or 2 s, and all that is left 2 s between TERM and KILL.
        private static let bounds: [(arguments: [String], limit: Duration)] = [
            (["--timeout", "20s"], .seconds(5 + 1 + 5 + 2)), (["--timeout", "20s", "--now"], .seconds(5 + 2 + 2)),
        ]
        @Test(.timeLimit(.minutes(3)))
        func `a server is found by its port or its pid file, as a script for Passenger Standalone names it`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            let pidFile = "\(server.directory)/server.pid"
            let words = [
                "-e", "production", "--engine", "builtin", "--rolling-restarts", "--disable-turbocaching", "--envvar",
                "A=b",
                "--no-install-runtime", "--pid-file", pidFile,
            ]
            try server.start(words)
            try server.waitUntilServing()
            for name in ["engine", "rolling_restarts"] { #expect(server.log.contains("'\(name)'"), "\(server.log)") }
            for other in [["-p", "1"], ["--pid-file", "\(server.directory)/none"]] {
                let end = try server.begin(["stop"] + other).wait()
                #expect(end.status == 3 && end.everything.contains("There is not"), "\(end.everything)")
                #expect(try server.begin(["stop", "--ignore-pid-not-found"] + other).wait().status == 0)
            }
            #expect(try server.get("/").status == 200)
            #expect(try server.begin(["stop", "-p", "\(server.port)"]).wait().status == 0)
            try server.start(words)
            try server.waitUntilServing()
            // One that cannot be read does not say that nothing runs: here it is a directory.
            let unreadable = try server.begin(["stop", "-i", "--pid-file", server.directory]).wait()
            #expect(unreadable.status == 1 && unreadable.errors.contains("cannot be read"), "\(unreadable.everything)")
            #expect(try server.begin(["stop", "--pid-file", pidFile]).wait().status == 0)
            #expect(server.instance() == nil)
        }

        /// For a machine that has other work.
        private static let allowance = Duration.seconds(15)

        @Test(.timeLimit(.minutes(6)))
        func `a core that hangs does not keep a server from being stopped, in the time that is said`() throws {
            let place = try Place()
            var stops: [(server: TestServer, pids: [Int32], stop: Program, began: Instant, limit: Duration)] = []
            for (index, bound) in Self.bounds.enumerated() {
                let directory = try place.copyApp(.node, as: "app\(index)")
                let server = TestServer(directory, in: place)
                try server.start(["--shutdown-timeout", "1s"])
                try server.waitUntilServing()
                let status = try server.status()
                let workers = status.apps.flatMap(\.generations).flatMap(\.workers).compactMap(\.pid)
                #expect(!workers.isEmpty)
                kill(status.server.corePid, SIGSTOP)
                let stop = try server.begin(["stop", "--root", directory] + bound.arguments)
                stops.append(
                    (
                        server, workers + [status.server.corePid, status.server.supervisorPid], stop, monotonicNow(),
                        bound.limit
                    ))
            }
            for one in stops.reversed() {
                let end = try one.stop.wait(within: .seconds(120), "passenger stop")
                let time = monotonicNow() - one.began
                #expect(
                    end.status == 0 && end.output.hasSuffix("has stopped.\n"), "\(end.everything)\n\(one.server.log)")
                #expect(time < one.limit + Self.allowance, "it took \(time)\n\(one.server.log)")
                #expect(one.pids.filter(isRunning) == [], "\(one.server.log)")
                #expect(try one.server.program?.wait(within: .seconds(15)).status == 0)
                #expect(one.server.log.contains("the core has not finished in time"), "\(one.server.log)")
            }
        }
    }
}
