import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// A directory of apps, which come and go while the server runs.
    @Suite(.serialized) struct AppsDirectoryTests {
        private func own(_ path: String, uid: uid_t, gid: gid_t) {
            lchown(path, uid, gid)
            for name in FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) ?? [] {
                lchown("\(path)/\(name)", uid, gid)
            }
        }

        private func status(_ host: String, _ server: TestServer) throws -> Int {
            try server.get("/version", host: host).status
        }

        @Test(.timeLimit(.minutes(6)))
        func `apps come and go with the entries of a directory, each as its owner`() throws {
            let place = try Place()
            let sites = "\(place.path)/sites"
            #expect(mkdir(sites, 0o755) == 0)
            let blog = try place.copyApp(.python, as: "blog")
            #expect(symlink(blog, "\(sites)/blog.test") == 0)
            let shop = try place.copyApp(.python, as: "sites/shop.test")
            if AppUser.isSwitched { own(shop, uid: 5, gid: 60) }
            try "not an app".write(toFile: "\(sites)/README", atomically: false, encoding: .utf8)
            let server = try TestServer(serverFile: "apps_dir: \(sites)\n", in: place)
            try server.start()
            #expect(try status("blog.test", server) == 200, "\(server.log)")
            #expect(try status("shop.test", server) == 200, "\(server.log)")
            #expect(try server.status().apps.map(\.name.rawValue) == ["blog.test", "shop.test"])
            if AppUser.isSwitched {
                #expect(try server.get("/uid", host: "blog.test").text.contains("\(AppUser.uid)"))
                #expect(try server.get("/uid", host: "shop.test").text.contains("5"))
            }

            // One comes, and commands find it.
            let late = try place.copyApp(.ruby, as: "late")
            #expect(symlink(late, "\(sites)/late.test") == 0)
            try eventually("an app that has come", evidence: { server.log }) { try status("late.test", server) == 200 }
            try eventually("commands that find it") {
                server.instance()?.apps.contains { $0.root == late } == true
            }
            let restart = try server.begin(["restart", "--root", late]).wait()
            #expect(restart.status == 0, "\(restart.everything)")

            // What belongs to root runs as nobody else, and not as root.
            if AppUser.isSwitched {
                _ = try place.copyApp(.python, as: "sites/rooty.test")
                own("\(sites)/rooty.test", uid: 0, gid: 0)
                try eventually("the refusal", evidence: { server.log }) {
                    try server.status().apps.contains {
                        $0.name.rawValue == "rooty.test" && $0.lastFailure?.summary.contains("belongs to root") == true
                    }
                }
                #expect(try status("rooty.test", server) == 404)
            }

            // Its place vanishes: it goes on. Its entry is removed: it does not.
            let worker = try #require(try server.appStatus("late.test").generations.last?.workers.first?.pid)
            #expect(rename(late, "\(late).away") == 0)
            #expect(symlink("/nonexistent", "\(sites)/dangling.test") == 0)
            try eventually("that it is unreachable", evidence: { server.log }) {
                try server.appStatus("late.test").warnings.contains { $0.hasPrefix("unreachable") }
            }
            #expect(try status("late.test", server) == 200)
            #expect(unlink("\(sites)/late.test") == 0)
            try eventually("its end", evidence: { server.log }) { try status("late.test", server) == 404 }
            try eventually("the end of its worker", evidence: { server.log }) { !isRunning(worker) }
            let unknown = try server.run("restart", "late.test")
            #expect(unknown.status != 0, "\(unknown.everything)")
            #expect(try status("blog.test", server) == 200)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a deploy root is deployed to where it lies, and its state outlives the server`() throws {
            let place = try Place()
            let sites = "\(place.path)/sites"
            #expect(mkdir(sites, 0o755) == 0)
            let repository = try TestRepository(.python, in: place)
            let server = try TestServer(serverFile: "apps_dir: \(sites)\n", in: place)
            try server.start()
            let root = try place.makeAppDirectory("root")
            #expect(mkdir("\(root)/.passenger", 0o700) == 0)
            AppUser.own(root)
            #expect(symlink(root, "\(sites)/blog.test") == 0)
            try eventually("the deploy root", evidence: { server.log }) {
                server.instance()?.apps.contains { $0.root == root } == true
            }
            #expect(try status("blog.test", server) == 503, "nothing is deployed yet")
            let deploy = try server.begin(["deploy", "--root", root, "--repo", repository.path]).wait()
            #expect(deploy.status == 0, "\(deploy.everything)\n\(server.log)")
            #expect(try server.get("/version", host: "blog.test").line == "1")
            try server.stop()
            try server.start()
            #expect(try server.appStatus("blog.test").isStarted == false)
            #expect(try server.get("/version", host: "blog.test").line == "1")
            let releases = try server.begin(["releases", "--root", root]).wait()
            #expect(releases.output.contains("stable"), "\(releases.everything)")
            try server.stop()
        }
    }
}
