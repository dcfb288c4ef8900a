import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// `console`, `exec`, `check` and `init`, with the real program.
    @Suite(.serialized) struct ShellTests {
        @Test(.timeLimit(.minutes(3)))
        func `exec and console run as the app does`() throws {
            let place = try Place()
            let server = try TestServer.serving("python", ["--envvars", "GREETING=hello world"], in: place)
            let code = """
                import os, sys
                print(os.getcwd(), os.geteuid(), os.getegid(), os.environ['GREETING'], os.environ['IN_PASSENGER'], sys.argv[1:])
                sys.exit(7)
                """
            let words = ["a b", "$HOME", "; id", "*", "--json", "--"]
            let end = try server.begin(["exec", "app", "--", "python3", "-c", code] + words).wait()
            #expect(end.status == 7, "\(end.everything)")
            #expect(
                end.output
                    == "\(server.directory) \(AppUser.uid) \(AppUser.gid) hello world 1 ['a b', '$HOME', '; id', '*', '--json', '--']\n",
                "\(end.everything)")
            let byRoot = try server.begin(["exec", "--root", server.directory, "--", "true"]).wait()
            #expect(byRoot.status == 0, "\(byRoot.everything)")
            for wrong in [["exec", "app"], ["exec", "true"], ["exec", "--"], ["exec", "app", "shop", "--", "true"]] {
                #expect(try server.begin(wrong).wait().status == 2, "\(wrong)")
            }
            let missing = try server.run("exec", "app", "--", "no-such-program")
            #expect(missing.status == 1 && missing.errors.contains("no-such-program"), "\(missing.everything)")

            let input = "\(place.path)/input"
            try "import os; print('console', os.geteuid())\n".write(toFile: input, atomically: false, encoding: .utf8)
            let console = try Program(
                ["sh", "-c", "exec \"$0\" console app < \(input)", TestServer.binary], environment: server.environment,
                in: place
            ).wait()
            #expect(console.output == "console \(AppUser.uid)\n" && console.status == 0, "\(console.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), .enabled(if: OtherUsers.areThere, OtherUsers.needed))
        func `exec is for the app's user and root, and for nobody else`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            try OtherUsers.own(server.directory, by: OtherUsers.app)
            try server.start()
            try server.waitUntilServing()
            func run(as user: String) throws -> Program.End {
                try Program(
                    OtherUsers.command(as: user, [TestServer.binary, "exec", "app", "--", "id", "-un"]),
                    environment: server.environment, in: place
                ).wait()
            }
            #expect(try run(as: OtherUsers.app).output == "\(OtherUsers.app)\n")
            #expect(try run(as: OtherUsers.stranger).status == 4)
            #expect(try server.run("exec", "app", "--", "id", "-un").output == "\(OtherUsers.app)\n")
            // Neither root's groups nor anything else of root's.
            let groups = try server.run("exec", "app", "--", "id", "-G")
            #expect(!groups.output.split(separator: " ").contains("0"), "\(groups.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `check finds what is wrong with an app, says how to mend it, and fails`() throws {
            let place = try Place()
            let good = TestServer(try place.copyApp(.ruby, as: "good"), in: place)
            let fine = try good.run("check", good.directory, "--json")
            let report = try #require(
                try JSONSerialization.jsonObject(with: Data(fine.output.utf8)) as? [String: Any], "\(fine.everything)")
            let findings = try #require(report["findings"] as? [[String: Any]])
            let checks = Set(findings.compactMap { $0["check"] as? String })
            #expect(
                checks.isSuperset(of: [
                    "open_files", "processes", "user", "clock", "disk", "install", "interpreter", "configuration",
                ]),
                "\(fine.everything)")
            #expect(
                findings.allSatisfy { $0["level"] as? String == "ok" || $0["mend"] is String }, "\(fine.everything)")
            #expect(findings.contains { $0["check"] as? String == "interpreter" && $0["level"] as? String == "ok" })
            // Only what this machine itself lacks may be an error here.
            let errors = findings.filter { $0["level"] as? String == "error" }.compactMap { $0["check"] as? String }
            #expect(Set(errors).isSubset(of: ["port", "open_files", "disk"]), "\(fine.everything)")
            #expect(fine.status == (errors.isEmpty ? 0 : 1), "\(fine.everything)")

            let node = try place.copyApp(.node, as: "node")
            try #"{"dependencies": {"no-such-module": "1"}}"#.write(
                toFile: "\(node)/package.json", atomically: false, encoding: .utf8)
            let python = try place.copyApp(.python, as: "python")
            try "no-such-module==1.0\n# comment\n-r other.txt\n".write(
                toFile: "\(python)/requirements.txt", atomically: false, encoding: .utf8)
            for (directory, mend) in [(node, "npm ci"), (python, "pip install -r requirements.txt")] {
                AppUser.own(directory)
                let end = try good.run("check", directory)
                #expect(end.status == 1 && end.output.contains("missing: no-such-module"), "\(end.everything)")
                #expect(end.output.contains(mend), "\(end.everything)")
            }
            try "ruby: /no/such/ruby\n".write(
                toFile: "\(good.directory)/Passengerfile.yml", atomically: false, encoding: .utf8)
            let broken = try good.run("check", good.directory)
            #expect(broken.status == 1 && broken.output.contains("cannot be run"), "\(broken.everything)")
            try "prot: 3000\n".write(
                toFile: "\(good.directory)/Passengerfile.yml", atomically: false, encoding: .utf8)
            let typo = try good.run("check", good.directory)
            #expect(
                typo.status == 1 && typo.output.contains("prot") && typo.output.contains("port"), "\(typo.everything)")
            let terminal = try good.onTerminal("check", node)
            #expect(
                PseudoTerminal.lines(terminal.output).contains { $0.hasPrefix("error: ") }, "\(terminal.everything)")
        }

        @Test(.timeLimit(.minutes(6)))
        func `check of a deploy root looks at what is live there`() throws {
            struct Report: Decodable {
                struct Finding: Decodable {
                    var level: String
                    var check: String
                    var message: String
                    var mend: String?
                }
                var findings: [Finding]
                /// Without what this machine itself may lack.
                var errors: [Finding] {
                    findings.filter { $0.level == "error" && !["port", "open_files", "disk"].contains($0.check) }
                }
                func of(_ check: String) -> [Finding] { findings.filter { $0.check == check } }
            }
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let root = server.directory
            func check(_ directory: String) throws -> Report {
                let end = try server.run("check", directory, "--json")
                return try JSONDecoder().decode(Report.self, from: Data(end.output.utf8))
            }
            func deploy() throws {
                let end = try server.run("deploy", "--root", root, "--repo", repository.path)
                #expect(end.status == 0, "\(end.everything)")
            }
            #expect(mkdir("\(root)/.passenger", 0o755) == 0)
            AppUser.own(root)
            let empty = try check(root)
            #expect(empty.errors.isEmpty && empty.of("release").first?.message.hasPrefix("nothing is live yet") == true)

            try deploy()
            try server.start()
            try server.waitUntilServing(release: "1-")
            for directory in [root, "\(root)/current"] {
                let fine = try check(directory)
                #expect(fine.errors.isEmpty, "\(fine)")
                #expect(
                    fine.of("release").map(\.level) == ["ok"] && fine.of("release")[0].message.hasPrefix("1-"),
                    "\(fine)")
                #expect(fine.of("interpreter").map(\.level) == ["ok"], "\(fine)")
                #expect(fine.of("permissions").map(\.level) == ["ok"], "\(fine)")
            }
            // It boots all the same; only a request would notice.
            try repository.write("requirements.txt", "no-such-module==1.0\n")
            try repository.commit("more modules")
            try deploy()
            let missing = try check(root)
            #expect(missing.errors.map(\.check) == ["modules"], "\(missing)")
            #expect(missing.errors.first?.message.hasSuffix("missing: no-such-module") == true, "\(missing)")
            #expect(missing.errors.first?.mend?.contains("deploy again") == true, "\(missing)")
            #expect(missing.of("release").first?.message.hasPrefix("2-") == true)
            try server.stop()

            #expect(unlink("\(root)/current") == 0 && symlink("releases/9-gone", "\(root)/current") == 0)
            let broken = try check(root)
            #expect(
                broken.errors.map(\.check) == ["release"] && broken.errors[0].message.contains("9-gone"), "\(broken)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `init writes what it finds, and never over anything`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.node, as: "app"), in: place)
            let end = try server.run("init", server.directory)
            let path = "\(server.directory)/Passengerfile.yml"
            #expect(end.status == 0 && end.output.contains("a Node.js app, app.js"), "\(end.everything)")
            let written = text(of: path)
            #expect(written.contains("\napp_type: node\nstartup_file: \"app.js\"\n"), "\(written)")
            #expect(written.contains("# max_pool_size: 6"))
            let again = try server.run("init", server.directory)
            #expect(again.status == 4 && text(of: path) == written, "\(again.everything)")
            // What it wrote is a configuration.
            AppUser.own(server.directory)
            try server.start()
            try server.waitUntilServing()
            #expect(try server.version() == "1")
            try server.stop()

            let empty = try place.makeAppDirectory("empty")
            #expect(try server.run("init", empty).status == 2)
            #expect(symlink("\(place.path)/elsewhere", "\(empty)/Passengerfile.yml") == 0)
            try "".write(toFile: "\(empty)/app.js", atomically: false, encoding: .utf8)
            let link = try server.run("init", empty, "--json")
            #expect(link.status != 0 && access("\(place.path)/elsewhere", F_OK) != 0, "\(link.everything)")
        }
    }
}
