import AdminAPI
import Foundation
import Testing

extension SystemTests {
    /// Real frameworks, as people use them: preloaded, with a database, sessions and what they log.
    @Suite(.serialized) struct FrameworkTests {
        /// Every worker was forked, and answers.
        private func pids(_ server: TestServer, workers: Int, path: String = "/process") throws -> Set<Substring> {
            let preloader = try #require(try server.appStatus().generations.first?.preloader)
            #expect(preloader.state == "ready", "\(preloader), \(server.log)")
            var pids: Set<Substring> = []
            try eventually("an answer of each worker", evidence: { server.log }) {
                // A connection each: one that is kept alive stays with nobody, but all of them at once reach everybody.
                let connections = try (0..<workers).map { _ in try HTTPConnection(port: server.port) }
                for connection in connections { try connection.send("GET \(path) HTTP/1.1\r\nHost: test\r\n\r\n") }
                for connection in connections {
                    let answer = try connection.readAnswer()
                    let words = answer.line.split(separator: " ")
                    try #require(answer.status == 200 && words.count == 2, "\(answer.text)")
                    #expect(words[1] == "\(preloader.pid ?? 0)" && words[0] != words[1])
                    pids.insert(words[0])
                }
                return pids.count == workers
            }
            return pids
        }

        private func post(_ form: String, to path: String, _ server: TestServer) throws -> HTTPAnswer {
            let connection = try HTTPConnection(port: server.port)
            try connection.send(
                "POST \(path) HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                    + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)")
            return try connection.readAnswer()
        }

        private func get(_ path: String, _ server: TestServer, cookie: String) throws -> HTTPAnswer {
            let connection = try HTTPConnection(port: server.port)
            try connection.send("GET \(path) HTTP/1.1\r\nHost: test\r\nCookie: \(cookie)\r\n\r\n")
            return try connection.readAnswer()
        }

        @Test(.timeLimit(.minutes(6)))
        func `Rails runs without Puma: pages, records, sessions, Action Cable, preloaded`() throws {
            let place = try Place()
            let workers = 2
            let server = try TestServer.serving(
                "rails",
                [
                    "--min-instances", "\(workers)", "--max-pool-size", "\(workers)", "--health-path", "/up",
                    "--unlimited-concurrency-paths", "/cable",
                ], in: place
            ) { app in
                try Clients.run(
                    ["sh", "-c", "cd \(app) && RAILS_ENV=production bin/rails db:migrate assets:precompile"], in: place)
            }
            #expect(try pids(server, workers: workers).count == workers)
            #expect(!server.log.contains("threads that were started"), "\(server.log)")

            // Each worker has a connection to the database of its own: all see what one wrote.
            let made = try post("text=remember+the+milk", to: "/notes", server)
            #expect(made.status == 201 && made.headers["location"]?.hasPrefix("/notes/") == true, "\(made.text)")
            for _ in 0..<6 {
                let page = try server.get("/")
                #expect(page.status == 200 && page.text.contains("remember the milk"))
                #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            }
            #expect(try post("text=", to: "/notes", server).status == 422)
            #expect(try server.get("/notes/4711").status == 404)

            // Whoever answers.
            var cookie = ""
            for visit in 1...4 {
                let answer = try get("/visits", server, cookie: cookie)
                #expect(answer.line == "\(visit)")
                cookie = String(try #require(answer.headers["set-cookie"]).prefix { $0 != ";" })
            }

            #expect(try server.get("/raise").status == 500)
            try eventually("the exception in the log", evidence: { server.log }) {
                server.log.contains("RuntimeError (asked to)")
            }
            #expect(try server.get("/robots.txt").text == "robots\n")
            // The async adapter speaks to clients of one worker only.
            #expect(try server.command("scale", "1").status == 0)
            try eventually("one worker") { try server.workers().count == 1 }
            let url = "ws://127.0.0.1:\(server.port)/cable"
            try Clients.run([try Clients.python(in: place), "\(Clients.directory)/real.py", "cable", url], in: place)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `Django runs preloaded: pages, records, the admin`() throws {
            let place = try Place()
            let server = try TestServer.serving(
                "django", ["--min-instances", "2", "--max-pool-size", "2", "--health-path", "/up"], in: place
            ) { app in
                try Clients.run(
                    ["sh", "-c", "cd \(app) && /usr/bin/python3 manage.py migrate --verbosity 0"], in: place)
            }
            #expect(try pids(server, workers: 2).count == 2)
            #expect(try post("text=remember+the+milk", to: "/", server).status == 201)
            for _ in 0..<6 { #expect(try server.get("/").text.contains("<li>remember the milk</li>")) }
            let admin = try server.get("/admin/")
            #expect(admin.status == 302 && admin.headers["location"] == "/admin/login/?next=/admin/")
            #expect(try server.get("/admin/login/").text.contains("csrfmiddlewaretoken"))
            #expect(try server.get("/nothing").status == 404)
            try server.stop()
        }
    }
}
