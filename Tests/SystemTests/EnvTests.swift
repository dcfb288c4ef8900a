import AdminAPI
import Foundation
import Glibc
import Testing

extension SystemTests {
    @Suite(.serialized) struct EnvTests {
        private func mode(_ path: String) -> (mode: mode_t, uid: uid_t) {
            var status = stat()
            return lstat(path, &status) == 0 ? (status.st_mode & 0o7777, status.st_uid) : (0, 0)
        }

        @Test(.timeLimit(.minutes(6)))
        func `a variable is set, proved, kept from view, and taken back when the app cannot live with it`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            // Boots only with a good word, and says which it was given.
            let check = """
                import os
                if os.environ.get('WORD', 'good-word') != 'good-word': raise SystemExit('bad: ' + os.environ['WORD'])

                """
            try repository.write(repository.language.startupFile, check + repository.startupCode)
            try repository.commitVersion(2)
            #expect(try server.command("deploy").status == 0)
            let before = try server.workers().map(\.pid)

            let file = "\(server.directory)/shared/.env"
            let word = "\(place.path)/word"
            try "good-word\n".write(toFile: word, atomically: false, encoding: .utf8)
            let set = try server.begin(
                ["env", "set", "WORD=-", "OTHER=x y", "--root", server.directory],
                behind: ["sh", "-c", "exec \"$@\" < \(word)", "sh"]
            ).wait(within: .seconds(120))
            #expect(set.status == 0 && set.output.contains("version 1"), "\(set.everything)")
            #expect(!set.everything.contains("good-word"))
            #expect(text(of: file) == "OTHER='x y'\nWORD=good-word\n")
            #expect(mode(file) == (0o600, AppUser.uid))
            #expect(try server.workers().map(\.pid) != before)

            let bad = try server.command("env", "set", "WORD=evil-word")
            #expect(bad.status == 1 && bad.errors.contains("before is in force again"), "\(bad.everything)")
            #expect(bad.errors.contains("bad: ***"), "\(bad.everything)")
            #expect(!bad.everything.contains("evil-word"), "\(bad.everything)")
            #expect(text(of: file).contains("WORD=good-word") && mode(file) == (0o600, AppUser.uid))
            #expect(try server.version() == "2")

            let names = try server.command("env")
            #expect(names.output == "OTHER\nWORD\n", "\(names.everything)")
            #expect(try server.command("env", "list", "--show-values").output == "OTHER=x y\nWORD=good-word\n")
            #expect(try server.command("env", "unset", "OTHER").status == 0)
            #expect(text(of: file) == "WORD=good-word\n")
            let missing = try server.command("rollback", "--with-env", "7")
            #expect(missing.status == 4 && missing.errors.contains("there is no version 7 of the env file"))
            #expect(missing.errors.contains("kept: 1, 2"), "\(missing.everything)")
            #expect(try server.version() == "2")
            // Back to the first release, with the variables of the first version.
            let back = try server.command("rollback", "--with-env", "1")
            #expect(back.status == 0, "\(back.everything)")
            #expect(text(of: file) == "OTHER='x y'\nWORD=good-word\n")
            try eventually("the restart", evidence: { server.log }) {
                try server.appStatus().operation == nil
                    && server.workers().compactMap(\.pid).contains {
                        text(of: "/proc/\($0)/environ").contains("OTHER=x y")
                    }
            }
            #expect(try server.version() == "1")
            let deploys = try server.command("deploys", "show", "2", "--json")
            #expect(!deploys.output.contains("good-word"))
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `an editor gets a private copy, and a mistake changes nothing`() throws {
            let place = try Place()
            let (server, _) = try TestServer.deployed(.python, in: place)
            let seen = "\(place.path)/seen"
            let editor = "\(place.path)/editor"
            func edit(_ script: String) throws -> Program.End {
                try "#!/bin/sh\n\(script)\n".write(toFile: editor, atomically: false, encoding: .utf8)
                chmod(editor, 0o755)
                return try server.begin(
                    ["env", "edit", "--root", server.directory], adding: ["EDITOR": "\(editor) --flag"]
                ).wait(within: .seconds(90))
            }
            let good = try edit(
                "stat -c %a \"$2\" \"$(dirname \"$2\")\" > \(seen); echo \"$1 $2\" >> \(seen); echo A=1 > \"$2\"")
            #expect(good.status == 0, "\(good.everything)")
            let lines = text(of: seen).split(separator: "\n")
            #expect(lines.prefix(2) == ["600", "700"] && lines[2].hasPrefix("--flag "), "\(lines)")
            #expect(access(String(lines[2].dropFirst(7)), F_OK) != 0)
            #expect(text(of: "\(server.directory)/shared/.env") == "A=1\n")
            let wrong = try edit("echo 'no assignment' > \"$2\"")
            #expect(wrong.status == 2 && wrong.errors.contains("shared/.env:1:1"), "\(wrong.everything)")
            #expect(try edit("exit 1").status == 1)
            let same = try edit("true")
            #expect(same.status == 0 && same.output.contains("Nothing is changed"), "\(same.everything)")
            #expect(text(of: "\(server.directory)/shared/.env") == "A=1\n")
            try server.stop()
        }
    }
}
