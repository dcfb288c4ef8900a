import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

extension SystemTests {
    /// What the languages have beside one request at a time: threads, ASGI, npm, servers of other languages.
    @Suite(.serialized) struct LanguageTests {
        /// Asks in threads of their own, all at the same time.
        private func askAtOnce(_ paths: [String], _ server: TestServer) -> [Asked] {
            let asked = paths.map { Asked($0) }
            for one in asked { one.begin(server.port) }
            return asked
        }

        private static let threads = ["--concurrency-model", "thread", "--thread-count", "4", "--max-pool-size", "1"]

        // MARK: Threads

        @Test(.timeLimit(.minutes(3)), arguments: ["ruby", "python"])
        func `one worker with threads serves several requests at once, and a restart finishes them all`(
            _ language: String
        ) throws {
            let place = try Place()
            let server = try TestServer.serving(language, Self.threads, in: place)
            let began = monotonicNow()
            let slow = askAtOnce(Array(repeating: "/slow?seconds=4", count: 4), server)
            try eventually("four requests in one worker") { try server.workers().first?.requestsNow == 4 }
            let restart = try server.command("restart")
            #expect(restart.status == 0, "\(restart.everything)")
            for one in slow { #expect(one.wait() == "200 slept 4\n") }
            // However long the restart took.
            #expect(slow.allSatisfy { $0.ended - began < .seconds(12) }, "they were served one after another")
            #expect(try server.version() == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: ["ruby", "python"])
        func `a request over its time is given up, the others of its worker finish, and the worker is replaced`(
            _ language: String
        ) throws {
            let place = try Place()
            let server = try TestServer.serving(language, Self.threads + ["--max-request-time", "6s"], in: place)
            let old = try server.get("/pid").line
            let stuck = askAtOnce(["/slow?seconds=600"], server)
            // They go on when that one's time is over, and end long before theirs is.
            usleep(3_000_000)
            let late = askAtOnce(["/slow?seconds=3.7", "/slow?seconds=3.6"], server)
            #expect(stuck[0].wait()?.hasPrefix("504 ") == true)
            for one in late { #expect(one.wait()?.hasPrefix("200 slept") == true, "\(server.log)") }
            try eventually("another worker") { try server.get("/pid").line != old }
            try eventually("the end of the old worker", evidence: { server.log }) { !isRunning(Int32(old) ?? 0) }
            #expect(server.log.contains("took longer than max_request_time, it is replaced"), "\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: ["ruby", "node"])
        func `a worker with one request over its time is replaced; one that answers beside it stays`(
            _ language: String
        ) throws {
            let place = try Place()
            let server = try TestServer.serving(language, ["--max-request-time", "2s"], in: place)
            let old = try server.get("/pid").line
            #expect(try server.get("/slow?seconds=600").status == 504)
            if language == "node" {
                try eventually("its proof") { server.log.contains("answers again") }
                #expect(try server.get("/pid").line == old)
            } else {
                #expect(try server.get("/pid").line != old)
                try eventually("the end of the old worker") { !isRunning(Int32(old) ?? 0) }
            }
            try server.stop()
        }

        // MARK: Upgraded connections

        @Test(.timeLimit(.minutes(9)), arguments: ["ruby", "node"])
        func `WebSockets on unlimited_concurrency_paths leave a worker free for requests`(_ language: String) throws {
            let place = try Place()
            let options = [
                "--unlimited-concurrency-paths", "/cable", "--max-pool-size", "1",
                "--force-max-concurrent-requests-per-process", "1",
            ]
            let server = try TestServer.serving("websocket/\(language)", options, in: place)
            let python = try Clients.python(in: place)
            let url = "ws://127.0.0.1:\(server.port)/cable"
            try Clients.run([python, "\(Clients.directory)/real.py", "sockets", url], in: place)
            try server.stop()
        }

        // MARK: ASGI

        @Test(.timeLimit(.minutes(15)))
        func `an ASGI app is served by its own uvicorn, with WebSockets, and shuts down in order`() throws {
            let place = try Place()
            let venv = try Clients.run(
                ["\(SourceTree.path)/scripts/lib/client-venv", "Tests/apps/asgi"], in: place, within: .seconds(720))
            let server = try TestServer.serving("asgi", ["--python", venv.output.trimmed], in: place)
            #expect(try server.get("/").text == "hello\n")
            let about = try server.get("/about").text
            #expect(about == #"{"client":"127.0.0.1","url":"http://test/about"}"#, "\(about)")
            let python = try Clients.python(in: place)
            let url = "ws://127.0.0.1:\(server.port)"
            try Clients.run([python, "\(Clients.directory)/real.py", "websockets", url], in: place)
            try server.stop()
            #expect(server.log.contains("the app has shut down"), "\(server.log)")
        }

        // MARK: Other servers

        @Test(.timeLimit(.minutes(3)), arguments: ["PORT", "LISTEN_FDS"])
        func `a server in C is served on the port that it is given, or on the socket that it inherits`(
            _ way: String
        ) throws {
            let place = try Place()
            let argument = way == "PORT" ? " port" : ""
            let server = try TestServer.serving("c", ["--app-start-command", "./server\(argument)"], in: place) { app in
                try Clients.run(["cc", "-O1", "-o", "\(app)/server", "\(app)/server.c"], in: place)
            }
            for _ in 0..<5 { #expect(try server.get("/").text == "hello from \(way)\n") }
            let restart = try server.command("restart")
            #expect(restart.status == 0, "\(restart.everything)")
            #expect(try server.get("/").text == "hello from \(way)\n")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a server that has a port of its own is refused with that port`() throws {
            let place = try Place()
            let directory = try place.makeAppDirectory("app")
            let code = """
                import http.server, sys
                server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
                print('port', server.server_port, file=sys.stderr, flush=True)
                server.serve_forever()
                """
            try code.write(toFile: "\(directory)/server.py", atomically: false, encoding: .utf8)
            let server = TestServer(directory, in: place)
            try server.start(["--app-start-command", "python3 server.py", "--start-timeout", "8s"])
            try eventually("the reason", evidence: { server.log }) {
                guard let port = server.log.firstMatch(of: #/port (\d+)/#)?.1 else { return false }
                return server.log.contains("(start_timeout): the app listens on \(port), not on $PORT")
            }
            try server.stop()
        }

        /// The first is run with npm, whose processes stand between us and the app; the second without.
        @Test(.timeLimit(.minutes(3)), arguments: ["MARK=yes node web.js", "node web.js"])
        func `the start script of package.json is run, and stopped with what it started`(_ script: String) throws {
            let place = try Place()
            let server = try TestServer.serving("node", in: place) { app in
                try FileManager.default.moveItem(atPath: "\(app)/app.js", toPath: "\(app)/web.js")
                try #"{"name": "web", "scripts": {"start": "\#(script)"}}"#.write(
                    toFile: "\(app)/package.json", atomically: false, encoding: .utf8)
            }
            #expect(try server.version() == "1")
            let old = try server.get("/pid").line
            let names = try server.get("/env").text
            #expect(names.contains("\"MARK\"") == script.hasPrefix("MARK"))
            let slow = askAtOnce(["/slow?seconds=5"], server)
            try eventually("a request in the worker") { try server.workers().first?.requestsNow == 1 }
            let restart = try server.command("restart")
            #expect(restart.status == 0, "\(restart.everything)")
            #expect(slow[0].wait() == "200 slept 5\n")
            try eventually("the end of the old worker") { !isRunning(Int32(old) ?? 0) }
            try server.stop()
        }
    }
}

/// A request in a thread of its own.
private final class Asked: Sendable {
    private let path: String
    private let answer = Mutex<String?>(nil)
    private let end = Mutex(Model.Instant.zero)
    private let done = DispatchSemaphore(value: 0)

    init(_ path: String) { self.path = path }

    func begin(_ port: Int) {
        startThread(name: "asked") { [self] in
            let text: String
            do {
                let answer = try fetch(path, port: port)
                text = "\(answer.status) \(answer.text)"
            } catch {
                text = "\(error)"
            }
            end.withLock { $0 = monotonicNow() }
            answer.withLock { $0 = text }
            done.signal()
        }
    }

    /// When the answer was there.
    var ended: Model.Instant { end.withLock { $0 } }

    /// Status and body; nil when none came in time.
    func wait() -> String? {
        guard done.wait(timeout: .now() + 60) == .success else { return nil }
        return answer.withLock { $0 }
    }
}
