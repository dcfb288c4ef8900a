import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    @Suite(.serialized) struct BadInputTests {
        private func start(_ files: [String: String]) throws -> Program.End {
            let place = try Place()
            let directory = try place.makeAppDirectory("app")
            for (name, contents) in files {
                try contents.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
            }
            AppUser.own(directory)
            return try TestServer(directory, in: place).run("start", directory, "--port", "0", within: .seconds(30))
        }

        @Test(.timeLimit(.minutes(3)))
        func `a wrong Passengerfile is refused with file, line, column and the nearest key`() throws {
            let app = "run ->(_) { [200, {}, []] }\n"
            let unknown = try start([
                "config.ru": app, "Passengerfile.yml": "environment: production\nmin_instnces: 2\n",
            ])
            #expect(unknown.status == 2, "\(unknown.everything)")
            #expect(unknown.errors.contains("Passengerfile.yml:2:1"), "\(unknown.everything)")
            #expect(unknown.errors.contains("min_instances"), "\(unknown.everything)")
            let type = try start(["config.ru": app, "Passengerfile.json": "{\n  \"min_instances\": \"many\"\n}\n"])
            #expect(type.status == 2 && type.errors.contains("Passengerfile.json:2:"), "\(type.everything)")
            let syntax = try start(["config.ru": app, "Passengerfile.yml": "health: [\n"])
            #expect(syntax.status == 2 && syntax.errors.contains("Passengerfile.yml:"), "\(syntax.everything)")
            let both = try start(["config.ru": app, "Passengerfile.yml": "", "Passengerfile.json": "{}"])
            #expect(both.status == 2, "\(both.everything)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `without a startup file it says what it looked for`() throws {
            let end = try start(["README": "nothing here"])
            #expect(end.status == 2, "\(end.everything)")
            for name in ["config.ru", "passenger_wsgi.py", "app.js", "app_start_command"] {
                #expect(end.errors.contains(name), "\(end.everything)")
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `a directory that does not exist, and an unknown flag, are usage errors`() throws {
            let place = try Place()
            let server = TestServer("\(place.path)/nowhere", in: place)
            let missing = try server.run("start", server.directory)
            #expect(missing.status == 2 && missing.errors.contains("nowhere"), "\(missing.everything)")
            let flag = try server.run("start", "--no-such-flag", "1")
            #expect(flag.status == 2 && flag.errors.contains("no-such-flag"), "\(flag.everything)")
            #expect(try server.run("deploy").status == 3)
            #expect(try server.run("status").status == 3)
        }

        @Test(.timeLimit(.minutes(3)))
        func `config validate says in one line that all is well, or each mistake with its file and line`() throws {
            let place = try Place()
            let blog = try place.copyApp(.python, as: "blog")
            let shop = try place.copyApp(.ruby, as: "shop")
            let serverFile = "\(place.path)/server.yml"
            let server = TestServer(blog, in: place)
            func write(_ path: String, _ contents: String) throws {
                try contents.write(toFile: path, atomically: false, encoding: .utf8)
                AppUser.own(blog)
                AppUser.own(shop)
            }
            func validate(_ arguments: String...) throws -> Program.End {
                try server.begin(["config", "validate"] + arguments).wait(within: .seconds(60))
            }
            func refused(_ causes: String..., of path: String) throws {
                let end = try validate(path)
                #expect(end.status == 2 && end.output.isEmpty, "\(end.everything)")
                for cause in causes { #expect(end.errors.contains(cause), "\(cause): \(end.everything)") }
            }

            let good = try validate(blog)
            #expect(good.status == 0 && good.errors.isEmpty, "\(good.everything)")
            #expect(good.output == "\(blog) can be used: 1 app.\n")
            try write("\(blog)/Passengerfile.yml", "min_instnces: 2\nmin_instances: 2\nhelth: {}\n")
            for path in [blog, "\(blog)/Passengerfile.yml"] {
                try refused("blog/Passengerfile.yml:1:1", "blog/Passengerfile.yml:3:1", "Did you mean", of: path)
            }
            // Found only where the app itself is looked at.
            try write("\(blog)/Passengerfile.yml", "environment: production\nenv_file: .env.none\n")
            try refused("blog/Passengerfile.yml:2:", "does not exist", of: blog)
            unlink("\(blog)/Passengerfile.yml")

            let apps =
                "apps:\n  blog: {root: \(blog), server_names: [blog.test]}\n  shop: {root: \(shop), server_names: "
            try write(serverFile, apps + "[shop.test]}\n")
            #expect(try validate(serverFile).output == "\(serverFile) can be used: 2 apps.\n")
            try write("\(shop)/Passengerfile.yml", "min_instances: 1\nport: 1\n")
            try refused("shop/Passengerfile.yml:2:1", "'port' cannot be set here", of: serverFile)
            let json = try validate(serverFile, "--json")
            #expect(json.status == 2 && json.output.contains("'port' cannot be set here"), "\(json.everything)")
            unlink("\(shop)/Passengerfile.yml")
            try write(
                serverFile, apps + "[BLOG.test]}\nssl_certificate: no.pem\nssl_certificate_key: no.key\nssl: true\n")
            try refused("app shop: blog.test belongs to blog", "\(place.path)/no.pem: cannot be read", of: serverFile)
            #expect(InstanceRegistry(directories: ["\(place.path)/run"]).instances().isEmpty)
        }

        /// Each of these is refused, the live version is untouched, and nothing is left that could be rolled back to.
        @Test(.tags(.long), .timeLimit(.minutes(6)))
        func `repositories and trees that cannot be deployed leave everything as it was`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.ruby, in: place)

            func refused(_ cause: String, status: Int32 = 1, _ arguments: String...) throws {
                let end = try server.begin(["deploy", "--root", server.directory] + arguments).wait(
                    within: .seconds(90))
                #expect(end.status == status, "\(cause): \(end.everything)")
                #expect(end.errors.contains(cause), "\(cause): \(end.everything)")
                #expect(try server.version() == "1")
                let releases = try releases(of: server)
                #expect(releases.contains { $0.name.hasPrefix("1-") })
                #expect(
                    releases.allSatisfy { $0.name.hasPrefix("1-") || $0.state == "failed" && !$0.isRollbackTarget },
                    "\(cause): \(releases)")
                #expect(readLink("\(server.directory)/current")?.hasPrefix("releases/1-") == true)
            }

            try refused("nowhere", "--repo", "\(place.path)/nowhere")
            try refused("127.0.0.1", "--repo", "http://127.0.0.1:9/repo.git")
            try refused("no branch, tag or commit", "no-such-branch")

            try repository.write("Passengerfile.yml", repository.passengerfile() + "port: 80\n")
            try repository.commit("a server key")
            try refused("port")

            try repository.git("reset", "-q", "--hard", "HEAD~1")
            try repository.write("Passengerfile.yml", "helth:\n  path: /\n")
            try repository.commit("an unknown key")
            try refused("health")

            try repository.git("reset", "-q", "--hard", "HEAD~1")
            symlink("/etc/passwd", "\(repository.path)/secrets")
            try repository.commit("a link out of the tree")
            try refused("secrets")

            try repository.git("reset", "-q", "--hard", "HEAD~1")
            for evil in ["..", ".git"] {
                try repository.commitTree(named: evil, holding: "x")
                try refused(evil)
                try repository.git("reset", "-q", "--hard", "HEAD~1")
            }

            let rollback = try server.command("rollback")
            #expect(rollback.status == 4, "\(rollback.everything)")
            try server.stop()
        }

        private func releaseName(_ number: Int, in root: String) throws -> String {
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(root)/releases")
            return try #require(names.first { $0.hasPrefix("\(number)-") })
        }

        /// What the server knows of what is on disk: older failures are being deleted meanwhile.
        private func releases(of server: TestServer) throws -> [ReleaseSummary] {
            let end = try server.command("releases", "--json")
            try #require(end.status == 0, "\(end.everything)")
            return try WireJSON.decode([ReleaseSummary].self, from: Array(end.output.utf8))
        }

        @Test(.enabled(if: AppUser.isSwitched, "only root can mount"), .timeLimit(.minutes(3)))
        func `a full disk fails the deploy, not the app`() throws {
            let place = try Place()
            let root = try place.makeAppDirectory("root")
            let options = "size=12m,uid=\(AppUser.uid),gid=\(AppUser.gid),mode=755"
            try #require(mount("tmpfs", root, "tmpfs", 0, options) == 0)
            defer { umount2(root, Int32(MNT_DETACH)) }
            let repository = try TestRepository(.ruby, in: place)
            let server = TestServer(root, in: place)
            let first = try server.run("deploy", "--root", root, "--repo", repository.path)
            try #require(first.status == 0, "\(first.everything)")
            try server.start()
            try server.waitUntilServing(release: "1-")

            // Known beforehand: nothing is written.
            try repository.write("big.txt", String(repeating: "0123456789abcdef\n", count: 600_000))
            try repository.commitVersion(2)
            let tooBig = try server.command("deploy")
            #expect(tooBig.status == 1 && tooBig.errors.contains("MiB free"), "\(tooBig.everything)")

            // Not known beforehand: the build fills the disk.
            try repository.git("rm", "-q", "big.txt")
            let build = "  build: [\"head -c 20000000 /dev/zero > filler\"]"
            try repository.write("Passengerfile.yml", repository.passengerfile(deploy: build))
            try repository.commitVersion(3)
            let full = try server.command("deploy")
            #expect(full.status == 1 && full.errors.contains("No space left on device"), "\(full.everything)")
            #expect(try server.version() == "1")
            #expect(try server.command("rollback").status == 4)

            // With the cause gone, the next one passes.
            try FileManager.default.removeItem(atPath: "\(root)/releases/\(try releaseName(3, in: root))/filler")
            try repository.write("Passengerfile.yml", repository.passengerfile())
            try repository.commitVersion(4)
            let next = try server.command("deploy")
            #expect(next.status == 0, "\(next.everything)\n\(server.log)")
            #expect(try server.version() == "4")
            try server.stop()
        }
    }
}
