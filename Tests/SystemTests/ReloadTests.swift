import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// The configuration is read again while the server serves.
    @Suite(.serialized) struct ReloadTests {
        /// Two apps, both with a worker.
        private func server(in place: Place, blog settings: String = "", more: String = "") throws -> TestServer {
            _ = try place.copyApp(.python, as: "blog")
            _ = try place.copyApp(.python, as: "shop")
            let server = try TestServer(serverFile: Self.file(place, blog: settings, more: more), in: place)
            try server.start()
            for app in ["blog", "shop"] { #expect(try server.get("/version", host: "\(app).test").line == "1") }
            return server
        }

        private static func file(_ place: Place, blog settings: String = "", apps: String = "", more: String = "")
            -> String
        {
            // One worker each: another pid is another generation.
            """
            max_instances: 1
            \(more)
            apps:
              blog: {root: \(place.path)/blog, server_names: [blog.test]\(settings)}
              shop: {root: \(place.path)/shop, server_names: [shop.test]}
            \(apps)
            """
        }

        private func write(_ text: String, in place: Place) throws {
            try text.write(toFile: "\(place.path)/passenger.yml", atomically: true, encoding: .utf8)
        }

        private func reload(_ server: TestServer) throws -> Program.End {
            try server.run("reload", "--instance", server.name)
        }

        private func pid(_ server: TestServer, _ app: String) throws -> String {
            try server.get("/pid", host: "\(app).test").line
        }

        @Test(.timeLimit(.minutes(6)))
        func `an app whose settings changed gets a new generation, the others keep their workers`() throws {
            let place = try Place()
            let server = try server(in: place)
            let (blog, shop) = (try pid(server, "blog"), try pid(server, "shop"))
            let load = try LoadGenerator(
                port: server.port, in: place, kinds: [.keptAlive, .newConnection], host: "blog.test")
            try load.waitForTraffic()

            // The same, with a comment: nothing is to be done.
            try write("# nothing new\n" + Self.file(place), in: place)
            let idle = try reload(server)
            #expect(idle.status == 0, "\(idle.everything)\n\(server.log)")
            #expect(try pid(server, "blog") == blog)

            try write(Self.file(place, blog: ", envvars: {GREETING: hello}"), in: place)
            let end = try reload(server)
            #expect(end.status == 0, "\(end.everything)\n\(server.log)")
            #expect(try server.get("/env", host: "blog.test").text.contains("GREETING"), "\(server.log)")
            #expect(try pid(server, "blog") != blog)
            #expect(try pid(server, "shop") == shop)
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a file with a mistake changes nothing, and the reason is told`() throws {
            let place = try Place()
            let server = try server(in: place)
            let (blog, shop) = (try pid(server, "blog"), try pid(server, "shop"))
            let mistakes = [
                ("apps: {", "passenger.yml"), (Self.file(place, more: "event_loops: 7"), "'event_loops'"),
                (Self.file(place, blog: ", min_instances: many", more: "shutdown_timeout: 3"), "min_instances"),
                (
                    Self.file(place, apps: "  thief: {root: \(place.path)/shop, server_names: [blog.test]}"),
                    "belongs to blog"
                ),
            ]
            for (text, reason) in mistakes {
                try write(text, in: place)
                let end = try reload(server)
                #expect(end.status == 4, "\(end.everything)")
                #expect(end.errors.contains("Nothing was changed") && end.errors.contains(reason), "\(end.everything)")
                #expect(server.log.contains(reason), "\(reason)\n\(server.log)")
            }
            if AppUser.isSwitched {
                AppUser.own("\(place.path)/passenger.yml")
                let end = try reload(server)
                #expect(end.status == 4 && end.errors.contains("belongs to uid"), "\(end.everything)")
                chown("\(place.path)/passenger.yml", 0, 0)
            }
            // A signal has nobody to tell but the log.
            try write("apps_dirr: /x", in: place)
            try #require(server.program).signal(SIGHUP)
            try eventually("the reason in the log", evidence: { server.log }) { server.log.contains("apps_dirr") }
            #expect(try pid(server, "blog") == blog && pid(server, "shop") == shop)

            try write(Self.file(place, blog: ", envvars: {GREETING: hello}"), in: place)
            try #require(server.program).signal(SIGHUP)
            try eventually("the new generation", evidence: { server.log }) { try pid(server, "blog") != blog }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `the only app's own file is read again, and one that cannot be booted leaves the old generation`() throws {
            let place = try Place()
            let app = try place.copyApp(.python, as: "app")
            // Root serves in place what root owns; the settings are the server's then.
            let server = TestServer(app, in: place)
            func write(_ text: String) throws {
                try text.write(toFile: "\(app)/Passengerfile.yml", atomically: false, encoding: .utf8)
                AppUser.own(app)
            }
            try write("envvars: {GREETING_1: x}")
            try server.start()
            try server.waitUntilServing()
            #expect(try server.get("/env").text.contains("GREETING_1"))
            try write("envvars: {GREETING_2: x}\nmax_pool_size: 3")
            let end = try server.command("reload")
            #expect(end.status == 0, "\(end.everything)")
            #expect(try server.get("/env").text.contains("GREETING_2"))

            try write("envvars: {GREETING_3: x}\nstartup_file: passenger_wsgi_broken.py")
            try "def broken(\n".write(toFile: "\(app)/passenger_wsgi_broken.py", atomically: false, encoding: .utf8)
            let failed = try server.command("reload")
            #expect(failed.status == 1, "\(failed.everything)")
            #expect(try server.get("/env").text.contains("GREETING_2"))

            try write("envvarz: {}")
            let refused = try server.command("reload")
            #expect(refused.status == 4 && refused.errors.contains("envvars"), "\(refused.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `certificates of other files are used, a bad one is refused, and logs are opened again`() throws {
            let place = try Place()
            let (first, second) = (try Certificate(in: place), try Certificate(in: place, as: "second"))
            let logs = try place.makeAppDirectory("log")
            chmod(logs, 0o777)
            func settings(_ pair: Certificate) -> String {
                """
                access_log: text
                access_log_file: \(logs)/access.log
                ssl: true
                ssl_certificate: \(pair.chain)
                ssl_certificate_key: \(pair.key)
                """
            }
            _ = try place.copyApp(.python, as: "blog")
            _ = try place.copyApp(.python, as: "shop")
            let server = try TestServer(serverFile: Self.file(place, more: settings(first)), in: place)
            try server.start()
            func version(_ pair: Certificate) throws -> String {
                try Clients.curl(
                    "--cacert", pair.chain, "-H", "Host: blog.test", "https://127.0.0.1:\(server.port)/version",
                    in: place)
            }
            #expect(try version(first) == "1\n")
            try FileManager.default.moveItem(atPath: "\(logs)/access.log", toPath: "\(logs)/access.log.1")
            try write(Self.file(place, more: settings(second)), in: place)
            let end = try reload(server)
            #expect(end.status == 0, "\(end.everything)")
            #expect(try version(second) == "1\n")
            try eventually("the new log", evidence: { server.log }) {
                text(of: "\(logs)/access.log").contains("/version")
            }

            // Another file, and another form of the lines.
            try write(
                Self.file(
                    place,
                    more: settings(second).replacing("access_log: text", with: "access_log: json")
                        .replacing("access.log", with: "access.json") + "\nshow_version_in_header: false"), in: place)
            let other = try reload(server)
            #expect(other.status == 0, "\(other.everything)")
            #expect(
                try Clients.curl(
                    "--cacert", second.chain, "-H", "Host: blog.test", "-o", "/dev/null", "-w", "%header{server}",
                    "https://127.0.0.1:\(server.port)/none", in: place) == "passenger")
            try eventually("the other log", evidence: { server.log }) {
                text(of: "\(logs)/access.json").contains("\"/none\"")
            }
            #expect(!text(of: "\(logs)/access.log").contains("/none"))

            try "no certificate".write(toFile: first.chain, atomically: false, encoding: .utf8)
            try write(Self.file(place, more: settings(first)), in: place)
            let refused = try reload(server)
            #expect(refused.status == 4 && refused.errors.contains("certificate"), "\(refused.everything)")
            #expect(try version(second) == "1\n")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `apps come and go with the server file`() throws {
            let place = try Place()
            let server = try server(in: place)
            let blog = try pid(server, "blog")
            let shop = try #require(Int32(try pid(server, "shop")))
            _ = try place.copyApp(.python, as: "news")
            // A user whom the supervisor has not known so far.
            let user = AppUser.isSwitched ? ", user: games" : ""
            try write(
                """
                max_instances: 1
                apps:
                  blog: {root: \(place.path)/blog, server_names: [blog.test]}
                  news: {root: \(place.path)/news, server_names: [news.test], min_instances: 1\(user)}
                """, in: place)
            let end = try reload(server)
            #expect(end.status == 0 && end.output.contains("news is new"), "\(end.everything)")
            #expect(end.output.contains("shop is not served any more"), "\(end.everything)")
            // A reload does not wait for a new app's settings to be read.
            try eventually("the new app", evidence: { server.log }) {
                try server.appStatus("news").generations.contains { $0.state == .live || $0.state == .booting }
            }
            #expect(try server.get("/version", host: "news.test").line == "1", "\(server.log)")
            if AppUser.isSwitched {
                #expect(try server.get("/uid", host: "news.test").text.contains("\"uid\": 5"), "\(server.log)")
            }
            #expect(try server.get("/version", host: "shop.test").status == 404)
            #expect(try pid(server, "blog") == blog)
            try eventually("the end of the removed app's worker", evidence: { server.log }) { !isRunning(shop) }
            #expect(try server.run("restart", "news").status == 0)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `what the server file says of an entry of apps_dir is taken on too`() throws {
            let place = try Place()
            let sites = "\(place.path)/sites"
            try #require(mkdir(sites, 0o755) == 0)
            for name in ["blog", "shop"] { _ = try place.copyApp(.python, as: "sites/\(name).test") }
            let server = try TestServer(serverFile: "apps_dir: \(sites)\n", in: place)
            try server.start()
            let (blog, shop) = (try pid(server, "blog"), try pid(server, "shop"))
            try write(
                """
                apps_dir: \(sites)
                apps:
                  blog.test: {envvars: {GREETING: hello}}
                """, in: place)
            let end = try reload(server)
            #expect(end.status == 0, "\(end.everything)\n\(server.log)")
            #expect(try server.get("/env", host: "blog.test").text.contains("GREETING"))
            #expect(try pid(server, "blog") != blog && pid(server, "shop") == shop)
            // One that comes later has it from the start.
            _ = try place.copyApp(.python, as: "late")
            try write("apps_dir: \(sites)\nenvvars: {LATE: x}\n", in: place)
            let second = try reload(server)
            #expect(second.status == 0, "\(second.everything)")
            try #require(symlink("\(place.path)/late", "\(sites)/late.test") == 0)
            try eventually("the late app", evidence: { server.log }) {
                let answer = try server.get("/env", host: "late.test")
                return answer.status == 200 && answer.text.contains("LATE")
            }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `listeners come and go, and a port that is taken is refused`() throws {
            let place = try Place()
            let server = try server(in: place)
            let blog = try pid(server, "blog")
            let pair = try Certificate(in: place)
            let secure = """
                ssl_certificate: \(pair.chain)
                ssl_certificate_key: \(pair.key)
                """
            let load = try LoadGenerator(
                port: server.port, in: place, kinds: [.keptAlive, .newConnection], host: "blog.test")
            try load.waitForTraffic()
            try write(Self.file(place, more: secure + "\nssl_port: 0"), in: place)
            let end = try reload(server)
            #expect(end.status == 0, "\(end.everything)\n\(server.log)")
            let port = try #require(try securePort(server), "\(server.log)")
            func version() throws -> String {
                try Clients.curl(
                    "--cacert", pair.chain, "-H", "Host: blog.test", "https://127.0.0.1:\(port)/version", in: place)
            }
            #expect(try version() == "1\n")

            try write(
                Self.file(place, blog: ", envvars: {A: b}", more: secure + "\nssl_port: \(server.port)"), in: place)
            let refused = try reload(server)
            #expect(refused.status == 4, "\(refused.everything)")
            #expect(try version() == "1\n" && pid(server, "blog") == blog)

            // A core that starts after the reload has what holds.
            let core = try server.status().server.corePid
            kill(core, SIGKILL)
            try eventually("the next core", evidence: { server.log }) {
                (try? server.status().server.corePid != core) ?? false
            }
            try eventually("its answers", evidence: { server.log }) { (try? version()) == "1\n" }
            let account = try load.stop()
            #expect(account.total > 0)

            try write(Self.file(place), in: place)
            let closed = try reload(server)
            #expect(closed.status == 0, "\(closed.everything)\n\(server.log)")
            #expect(try securePort(server) == nil)
            #expect(throws: HTTPFailure.self) { try HTTPConnection(port: port) }
            #expect(try server.get("/version", host: "blog.test").line == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a deploy root's own file makes a new generation of the same release`() throws {
            let place = try Place()
            let (server, _) = try TestServer.deployed(.python, in: place)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection])
            try load.waitForTraffic()
            let file = "\(server.directory)/Passengerfile.yml"
            let before = text(of: file)
            try (before + "\nenvvars: {GREETING: hello}\n").write(toFile: file, atomically: false, encoding: .utf8)
            AppUser.own(file)
            let end = try server.begin(["reload", "--root", server.directory, "--json"]).wait()
            #expect(end.status == 0, "\(end.everything)\n\(server.log)")
            // The answer first, then the restart to its end.
            let lines = end.output.split(separator: "\n")
            #expect(lines.first?.contains("\"restarts\":[{") == true, "\(end.output)")
            #expect(lines.last?.contains("\"outcome\":\"restarted\"") == true, "\(end.output)")
            #expect(try server.get("/env").text.contains("GREETING"))
            #expect(try server.appStatus().liveRelease?.hasPrefix("1-") == true)

            try (before + "\nport: 1\n").write(toFile: file, atomically: false, encoding: .utf8)
            let refused = try server.begin(["reload", "--root", server.directory, "--json"]).wait()
            #expect(refused.status == 4 && refused.everything.contains("'port'"), "\(refused.everything)")
            #expect(refused.everything.contains("\"code\":\"refused\""), "\(refused.everything)")
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            try server.stop()
        }

        /// Of the second listener.
        private func securePort(_ server: TestServer) throws -> Int? {
            let listeners = try server.status().server.listeners
            return listeners.count < 2 ? nil : Int(listeners[1].split(separator: ":").last ?? "")
        }
    }
}
