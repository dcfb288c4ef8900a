import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// An app that is worked on: it is restarted when its code changes.
    @Suite(.serialized) struct WatchTests {
        private static let sources: [(file: String, code: @Sendable (String) -> String)] = [
            ("config.ru", { "run ->(env) { [200, {'content-type' => 'text/plain'}, [\"\($0)\\n\"]] }\n" }),
            (
                "passenger_wsgi.py",
                { "def application(environ, start):\n    start('200 OK', [])\n    return [b'\($0)\\n']\n" }
            ),
            ("app.js", { "require('http').createServer((q, s) => s.end('\($0)\\n')).listen(0)\n" }),
        ]

        private func write(_ text: String, _ path: String) throws {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            AppUser.own(path)
        }

        private func page(_ server: TestServer) -> HTTPAnswer? {
            try? HTTPConnection(port: server.port).get("/", close: true, headers: ["Accept": "text/html"])
        }

        private func body(_ server: TestServer) -> String {
            (try? HTTPConnection(port: server.port).get("/", close: true).text) ?? ""
        }

        private func wait(for text: String, _ server: TestServer) throws -> Double {
            let began = monotonicNow()
            try eventually("an answer with '\(text)'", within: .seconds(30), evidence: { server.log }) {
                body(server).contains(text)
            }
            return (monotonicNow() - began).inSeconds
        }

        @Test(.timeLimit(.minutes(3)), arguments: [0, 1, 2])
        func `a change of the code is live in a moment, and a mistake in it is shown`(_ language: Int) throws {
            let (file, code) = Self.sources[language]
            let place = try Place()
            let directory = try place.makeAppDirectory("app")
            try write(code("first"), "\(directory)/\(file)")
            let server = TestServer(directory, in: place)
            try server.start(["--watch"], environment: "development")
            _ = try wait(for: "first", server)

            var times: [Double] = []
            for number in 1...5 {
                try write(code("change \(number)"), "\(directory)/\(file)")
                times.append(try wait(for: "change \(number)", server))
            }
            print("\(file): from a change to its first answer \(times.map { Int($0 * 1000) }) ms")
            // Alone on the machine it is a tenth of that.
            #expect(times.sorted()[2] < 3, "\(times)\n\(server.log)")

            // Where nobody has made tmp/, nothing is missed.
            #expect(!server.log.contains("restart.result"), "\(server.log)")
            mkdir("\(directory)/tmp", 0o755)
            AppUser.own(directory)
            let mistake = "SyntaxError"
            try write("this is no code (", "\(directory)/\(file)")
            try eventually("the page with the reason", within: .seconds(30), evidence: { server.log }) {
                page(server).map { $0.status == 503 && $0.text.contains(file) && $0.text.contains(mistake) } ?? false
            }
            try eventually("the reason", within: .seconds(30), evidence: { server.log }) {
                // Of the last restart: the five before it say that all is well.
                text(of: "\(directory)/tmp/restart.result").contains(file)
            }
            #expect(body(server).contains(mistake), "\(server.log)")
            try write(code("mended"), "\(directory)/\(file)")
            let mended = try wait(for: "mended", server)
            print("\(file): from the mended code to its first answer \(Int(mended * 1000)) ms")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func
            `what is written while it runs restarts nothing, many files restart it once, and a file in a new directory counts`()
            throws
        {
            let place = try Place()
            let directory = try place.makeAppDirectory("app")
            try write(Self.sources[0].code("first"), "\(directory)/config.ru")
            let server = TestServer(directory, in: place)
            try server.start(["--watch"], environment: "development")
            _ = try wait(for: "first", server)
            func restarts() -> Int { server.log.split(separator: "\n").count { $0.hasSuffix(" has changed") } }

            for name in ["tmp", "log", "node_modules", ".git"] {
                mkdir("\(directory)/\(name)", 0o755)
                for number in 0..<5 { try write("x", "\(directory)/\(name)/\(number).rb") }
            }
            for name in [".config.ru.swp", "config.ru~", "db.sqlite3"] { try write("x", "\(directory)/\(name)") }
            // What comes after them is seen after them.
            mkdir("\(directory)/lib", 0o755)
            try eventually("a restart for lib", evidence: { server.log }) { restarts() == 1 }
            #expect(server.log.contains("lib has changed"), "\(server.log)")

            for number in 0..<200 { try write("\(number)", "\(directory)/lib/\(number).rb") }
            try eventually("a restart for its files", evidence: { server.log }) { restarts() >= 2 }
            try write(Self.sources[0].code("last"), "\(directory)/config.ru")
            _ = try wait(for: "last", server)
            #expect(restarts() <= 8, "\(server.log)")

            // What has left is not this app's any more; the file that comes after it is. A restart that began before the last
            // change may have shown it already, with the one for it still to come: that none does takes its time.
            var before = restarts()
            try eventually("the end of the restarts", evidence: { server.log }) {
                defer { before = restarts() }
                usleep(2_000_000)
                return try restarts() == before && server.appStatus().operation == nil
            }
            rename("\(directory)/lib", "\(place.path)/lib")
            try eventually("a restart for what has left", evidence: { server.log }) { restarts() == before + 1 }
            try write("x", "\(place.path)/lib/elsewhere.rb")
            try write(Self.sources[0].code("the end"), "\(directory)/config.ru")
            _ = try wait(for: "the end", server)
            try eventually("the restart for it", evidence: { server.log }) { restarts() > before + 1 }
            #expect(restarts() == before + 2 && !server.log.contains("elsewhere.rb"), "\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `always_restart txt has it watched while it lies there`() throws {
            let place = try Place()
            let directory = try place.makeAppDirectory("app")
            try write(Self.sources[1].code("first"), "\(directory)/passenger_wsgi.py")
            mkdir("\(directory)/tmp", 0o755)
            let server = TestServer(directory, in: place)
            try server.start([], environment: "development")
            _ = try wait(for: "first", server)
            try write("", "\(directory)/tmp/always_restart.txt")
            // It is noticed within a second, and what changes from then on counts.
            try eventually("a change that counts", within: .seconds(30), evidence: { server.log }) {
                try write(Self.sources[1].code("second"), "\(directory)/passenger_wsgi.py")
                return body(server).contains("second")
            }
            unlink("\(directory)/tmp/always_restart.txt")
            try eventually("the end of it", within: .seconds(30), evidence: { server.log }) {
                let before = server.log.split(separator: "\n").count { $0.hasSuffix(" has changed") }
                try write(Self.sources[1].code("third"), "\(directory)/passenger_wsgi.py")
                // Longer than it takes to notice that the file has gone, and then a change: that nothing comes takes its time.
                usleep(1_500_000)
                return server.log.split(separator: "\n").count { $0.hasSuffix(" has changed") } == before
            }
            try server.stop()
        }
    }
}
