import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// Releases on disk: where they are made, and which stay.
    @Suite(.serialized) struct RetentionTests {
        /// What a build writes down of its place (a virtual environment's scripts, a cache of paths) stays true; and no worker
        /// runs from `current`, which leads elsewhere after the next deploy.
        @Test(.timeLimit(.minutes(3)))
        func `a release is built and run at the place where it stays, and its workers are warm before they serve`()
            throws
        {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            try repository.write(
                "Passengerfile.yml",
                repository.passengerfile(deploy: "  build: ['pwd > built-at']").replacing(
                    "  path: /up", with: "  path: /up\n  warmup: [/warm, '/warm?again']") + "max_instances: 1\n")
            // Warm is who has been asked for it; it says how often.
            try repository.write(
                "passenger_wsgi.py",
                repository.startupCode + """

                    warmed = 0

                    @route
                    def warm(environ, query):
                        global warmed
                        warmed += 1
                        return text('warm\\n')

                    @route
                    def pid(environ, query):
                        return text(f'{os.getpid()} {warmed}\\n')
                    """)
            try repository.commitVersion(2)
            let load = Prober(port: server.port)
            let deploy = try server.command("deploy")
            #expect(deploy.status == 0, "\(deploy.everything)")
            let release = try #require(try server.appStatus().liveRelease)
            let path = "\(server.directory)/releases/\(release)"
            #expect(text(of: "\(path)/built-at").trimmed == path)
            let worker = try #require(try server.workers().first?.pid)
            #expect(readLink("/proc/\(worker)/cwd") == path)
            #expect(try server.get("/pid").line == "\(worker) 2")
            let (_, failures) = try load.stop()
            #expect(failures.isEmpty, "\(failures.prefix(3))")
            try server.stop()
        }

        /// Capistrano 2120: failures count, and the last good release is deleted; and one that still answers a request is in use.
        @Test(.timeLimit(.minutes(3)))
        func `five failed deploys and a good one leave the last good releases, and each that runs`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let settings =
                repository.passengerfile(deploy: "  keep_releases: 3").replacing("bake: 1s", with: "bake: 200ms")
                + "max_generations: 10\n"
            // A worker of version 1 is at this until the end.
            let gate = "\(place.path)/gate"
            let slow = try slowRequest(server, until: gate)
            func deploy(_ version: Int, code: String, expecting status: Int32) throws {
                try repository.write("Passengerfile.yml", settings)
                try repository.write("passenger_wsgi.py", code)
                try repository.commitVersion(version)
                let end = try server.command("deploy")
                #expect(end.status == status, "version \(version): \(end.everything)\n\(server.log)")
            }
            for version in 2...4 { try deploy(version, code: repository.startupCode, expecting: 0) }
            for version in 5...9 { try deploy(version, code: repository.language.syntaxError, expecting: 1) }
            try deploy(10, code: repository.startupCode, expecting: 0)

            // Three that were stable, the newest failure, and what version 1 runs from.
            try eventually("those that are kept", evidence: { "\(releases(server))\n\(server.log)" }) {
                releases(server) == [1, 3, 4, 9, 10]
            }
            #expect(FileManager.default.createFile(atPath: gate, contents: nil))
            #expect(try slow.readAnswer().line == "there")
            // Both are still whole: the standby serves at once, and the one before it boots.
            for version in ["4", "3"] {
                let back = try server.command("rollback")
                #expect(back.status == 0, "\(back.everything)")
                #expect(try server.version() == version)
            }
            try server.stop()
        }

        /// `max_generations` ends streams, and waits for requests.
        @Test(.timeLimit(.minutes(3)))
        func `more versions in a row than may live at a time cost no request`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            try repository.write(
                "Passengerfile.yml", repository.passengerfile().replacing("bake: 1s", with: "bake: 200ms"))
            let gate = "\(place.path)/gate"
            let slow = try slowRequest(server, until: gate)
            for version in 2...3 {
                try repository.commitVersion(version)
                let end = try server.command("deploy")
                #expect(end.status == 0, "version \(version): \(end.everything)\n\(server.log)")
            }
            try repository.commitVersion(4)
            let last = try server.begin(["deploy", "--root", server.directory])
            try eventually("that it waits", evidence: { server.log + last.log }) {
                server.log.contains("max_generations is 3")
            }
            #expect(FileManager.default.createFile(atPath: gate, contents: nil))
            #expect(try slow.readAnswer().line == "there")
            let end = try last.wait(within: .seconds(180), "the last deploy")
            #expect(end.status == 0, "\(end.everything)\n\(server.log)")
            #expect(try server.version() == "4")
            try server.stop()
        }

        /// Answered when there is a file of this name.
        private func slowRequest(_ server: TestServer, until gate: String) throws -> HTTPConnection {
            let slow = try HTTPConnection(port: server.port)
            try slow.send("GET /until?file=\(gate) HTTP/1.1\r\nHost: test\r\n\r\n")
            try eventually("the request in the worker") { try server.workers().first?.requestsNow == 1 }
            return slow
        }

        private func releases(_ server: TestServer) -> Set<Int> {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(server.directory)/releases")) ?? []
            return Set(names.compactMap { Int($0.prefix { $0 != "-" }) })
        }
    }
}
