import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    @Suite(.serialized) struct ManyAppsTests {
        /// Two apps of two users where that can be, and three that cannot be served.
        private func server(in place: Place) throws -> TestServer {
            let blog = try place.copyApp(.python, as: "blog")
            let shop = try place.copyApp(.ruby, as: "shop")
            try "shop 1".write(toFile: "\(shop)/version.txt", atomically: false, encoding: .utf8)
            let broken = try place.copyApp(.python, as: "broken")
            try "port: 1".write(toFile: "\(broken)/Passengerfile.yml", atomically: false, encoding: .utf8)
            let user = AppUser.isSwitched ? ", user: games" : ""
            return try TestServer(
                serverFile: """
                    apps:
                      blog: {root: \(blog), server_names: [blog.test]}
                      shop: {root: \(shop), server_names: [shop.test]\(user)}
                      broken: {root: \(broken), server_names: [broken.test]}
                      thief: {root: \(blog), server_names: [other.test, BLOG.test]}
                      typo: {root: \(blog), server_nmes: [typo.test]}
                    """, in: place)
        }

        @Test(.timeLimit(.minutes(6)))
        func `a server file serves several apps, each with its own hosts, user and commands`() throws {
            let place = try Place()
            let server = try server(in: place)
            try server.start()
            #expect(try server.appStatus("blog").isStarted == false && server.appStatus("blog").generations.isEmpty)
            #expect(try server.run("status", "--app", "blog").output.contains("not started"))
            // The first request waits for the boot.
            #expect(try server.get("/version", host: "blog.test").line == "1")
            #expect(try server.get("/version", host: "shop.test").line == "shop 1")
            #expect(try server.get("/version", host: "nobody.test").status == 404)
            let broken = try server.get("/", host: "broken.test")
            #expect(broken.status == 503, "\(broken.text)")
            if AppUser.isSwitched {
                #expect(try server.get("/uid", host: "blog.test").text.contains("\"uid\": \(AppUser.uid)"))
                #expect(try server.get("/uid", host: "shop.test").text.contains("5"))
            }
            let status = try server.run("status", "--app", "blog")
            for text in ["blog", "shop", "BLOG.test", "belongs to blog", "server_nmes", "'port' cannot be set here"] {
                #expect(status.output.lowercased().contains(text.lowercased()), "\(text)\n\(status.everything)")
            }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `what an app's own file says of requests counts from its start, not from its first restart`() throws {
            let place = try Place()
            let blog = try place.copyApp(.python, as: "blog")
            try "set_headers: {X-Own: 'yes'}\nmax_request_body: 1KB\n".write(
                toFile: "\(blog)/Passengerfile.yml", atomically: false, encoding: .utf8)
            mkdir("\(blog)/public", 0o755)
            try "a file\n".write(toFile: "\(blog)/public/file.txt", atomically: false, encoding: .utf8)
            AppUser.own(blog)
            let server = try TestServer(
                serverFile: "apps:\n  blog: {root: \(blog), server_names: [test]}\n", in: place)
            try server.start()
            // It starts with this one.
            #expect(try server.get("/version").line == "1")
            #expect(try server.get("/version").headers["x-own"] == "yes")
            #expect(
                try HTTPConnection(port: server.port).post("/echo", [UInt8](repeating: 1, count: 2000)).status == 413)
            #expect(try server.get("/file.txt").line == "a file")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), .enabled(if: OtherUsers.areThere, OtherUsers.needed))
        func `a user sees and restarts the apps that he has roles with, and no others`() throws {
            let place = try Place()
            let blog = try place.copyApp(.python, as: "blog")
            let shop = try place.copyApp(.python, as: "shop")
            try OtherUsers.own(shop, by: OtherUsers.app)
            let server = try TestServer(
                serverFile: """
                    apps:
                      blog: {root: \(blog), server_names: [blog.test], roles: {view: ["@\(OtherUsers.stranger)"]}}
                      shop: {root: \(shop), server_names: [shop.test]}
                    """, in: place)
            try server.start()
            func ask(_ user: String, _ method: String, _ path: String) throws -> String {
                try server.begin(
                    ["-s", "-X", method, "--unix-socket", "\(place.path)/run/default/admin.sock", "http://x\(path)"],
                    as: user, program: "/usr/bin/curl"
                ).wait(within: .seconds(60)).output
            }
            let seen = try ask(OtherUsers.stranger, "GET", "/status")
            #expect(seen.contains(blog) && !seen.contains(shop), "\(seen)")
            let refused = try ask(OtherUsers.stranger, "POST", "/apps/blog/restart")
            #expect(refused.contains("forbidden") && refused.contains("may not deploy blog"), "\(refused)")
            // The other one is its owner's, by the directory.
            let own = try ask(OtherUsers.app, "GET", "/status")
            #expect(own.contains(shop) && !own.contains(blog), "\(own)")
            let restarted = try ask(OtherUsers.app, "POST", "/apps/shop/restart")
            #expect(restarted.contains("restart-"), "\(restarted)")
            #expect(try ask(OtherUsers.app, "POST", "/apps/blog/restart").contains("forbidden"))
            #expect(try ask(OtherUsers.app, "POST", "/stop").contains("forbidden"))
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `an app that nobody uses goes to sleep, without a process, and wakes with the next request`() throws {
            let place = try Place()
            let blog = try place.copyApp(.python, as: "blog")
            let server = try TestServer(
                serverFile: """
                    pool_idle_time: 1s
                    max_preloader_idle_time: 1s
                    apps:
                      blog: {root: \(blog), server_names: [blog.test]}
                    """, in: place)
            try server.start()
            let first = try #require(Int32(try server.get("/pid", host: "blog.test").line))
            let preloader = try #require(try server.appStatus("blog").generations.first?.preloader?.pid)
            try eventually("its sleep", within: .seconds(60), evidence: { server.log }) {
                !isRunning(first) && !isRunning(preloader)
            }
            // The server hears of their ends.
            try eventually("the word of it", evidence: { server.log }) {
                try server.run("status", "--app", "blog").output.contains("asleep")
            }
            let second = try server.get("/pid", host: "blog.test")
            #expect(second.status == 200 && second.line != "\(first)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `commands and restart txt reach the app that they name, and no other`() throws {
            let place = try Place()
            let server = try server(in: place)
            try server.start()
            func pid(_ app: String) throws -> String { try server.get("/pid", host: "\(app).test").line }
            var (blog, shop) = (try pid("blog"), try pid("shop"))
            let unnamed = try server.begin(["restart", "--instance", "default"]).wait()
            #expect(unnamed.status == 2 && unnamed.errors.contains("several apps"), "\(unnamed.everything)")
            let unknown = try server.run("restart", "nothing")
            #expect(unknown.status != 0 && unknown.errors.contains("nothing"), "\(unknown.everything)")

            for arguments in [["restart", "shop"], ["restart", "--root", "\(place.path)/shop"]] {
                let end = try server.begin(arguments).wait()
                #expect(end.status == 0, "\(end.everything)")
                try eventually("another worker of shop", evidence: { server.log }) { try pid("shop") != shop }
                #expect(try pid("blog") == blog)
                shop = try pid("shop")
            }
            try FileManager.default.createDirectory(
                atPath: "\(place.path)/blog/tmp", withIntermediateDirectories: true)
            try Data().write(to: URL(fileURLWithPath: "\(place.path)/blog/tmp/restart.txt"))
            AppUser.own("\(place.path)/blog/tmp")
            try eventually("another worker of blog", evidence: { server.log }) { try pid("blog") != blog }
            try eventually("restart.result") {
                text(of: "\(place.path)/blog/tmp/restart.result").contains("was restarted")
            }
            #expect(try pid("shop") == shop)
            blog = try pid("blog")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `deploys of one app leave the others alone`() throws {
            let place = try Place()
            let shop = try place.copyApp(.python, as: "shop")
            let repository = try TestRepository(.ruby, in: place)
            let root = try place.makeAppDirectory("root")
            #expect(mkdir("\(root)/.passenger", 0o700) == 0)
            AppUser.own(root)
            let server = try TestServer(
                serverFile: """
                    apps:
                      blog: {root: \(root), server_names: [blog.test]}
                      shop: {root: \(shop), server_names: [shop.test]}
                    """, in: place)
            try server.start()
            let deploy = try server.begin(["deploy", "--app", "blog", "--repo", repository.path]).wait()
            #expect(deploy.status == 0, "\(deploy.everything)\n\(server.log)")
            #expect(try server.get("/version", host: "blog.test").line == "1")
            let pid = try server.get("/pid", host: "shop.test").line
            let restart = try server.begin(["restart", "--root", root]).wait()
            #expect(restart.status == 0, "\(restart.everything)")
            let refused = try server.begin(["deploy", "--app", "shop", "--repo", repository.path]).wait()
            #expect(refused.status != 0, "\(refused.everything)")
            #expect(try server.get("/pid", host: "shop.test").line == pid)
            #expect(try server.appStatus("blog").liveRelease?.hasPrefix("1-") == true)
            try server.stop()
        }
    }
}
