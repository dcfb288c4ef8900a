import Glibc
import Testing

extension SystemTests {
    /// What proves a version that names no health path.
    @Suite(.serialized) struct HealthPathTests {
        private func code(up: String, root: String) -> String {
            """
            def application(environ, start):
                start('\(up)' if environ['PATH_INFO'] == '/up' else '\(root)', [('Location', '/login')])
                return [b'']

            """
        }

        @Test(.timeLimit(.minutes(3)))
        func `up proves a version that has it, and the front page one that has not`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            try repository.write(
                "Passengerfile.yml", "start_timeout: 20s\nhealth: {deadline: 6s}\ndeploy: {bake: 0s}\n")

            func deploy(up: String, root: String) throws -> Program.End {
                try repository.write("passenger_wsgi.py", code(up: up, root: root))
                _ = try repository.commit("up \(up), root \(root)")
                return try server.command("deploy", "--verbose")
            }
            let first = try deploy(up: "200 OK", root: "500 Oops")
            #expect(first.status == 0, "\(first.everything)")
            #expect(
                first.everything.contains("each worker has answered GET /up, which the app has"), "\(first.everything)")
            let shown = try server.command("deploys", "show", "2")
            #expect(shown.output.contains("are healthy (GET /up)"), "\(shown.everything)")

            let second = try deploy(up: "302 Found", root: "200 OK")
            #expect(second.status == 0, "\(second.everything)")
            #expect(second.everything.contains("GET /, as the app has no /up"), "\(second.everything)")
            #expect(!second.everything.contains("weak proof"), "\(second.everything)")

            let third = try deploy(up: "503 Busy", root: "500 Oops")
            #expect(third.status == 1 && third.everything.contains("/ answered 500"), "\(third.everything)")
            #expect(try server.get("/").status == 200)
            try server.stop()
        }
    }
}
