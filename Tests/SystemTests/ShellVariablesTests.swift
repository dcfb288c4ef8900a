import AdminAPI
import Foundation
import Glibc
import Testing

extension SystemTests {
    /// `load_shell_envvars`. The apps' user gets a home and a shell in a passwd(5) that only the server sees.
    @Suite(.serialized, .enabled(if: geteuid() == 0, "only root can show the server another passwd file"))
    struct ShellVariablesTests {
        private func serve(shell: String, profile: String, in place: Place) throws -> TestServer {
            let app = try place.copyApp(.python, as: "app")
            let home = try place.makeAppDirectory("home")
            try profile.write(toFile: "\(home)/.profile", atomically: false, encoding: .utf8)
            try "envvars: {FROM_FILE: file}\n".write(
                toFile: "\(app)/Passengerfile.yml", atomically: false, encoding: .utf8)
            AppUser.own(app)
            let entries = text(of: "/etc/passwd").split(separator: "\n").map { line in
                line.split(separator: ":", omittingEmptySubsequences: false).dropFirst(2).first == "\(AppUser.uid)"
                    ? "\(line.prefix { $0 != ":" }):x:\(AppUser.uid):\(AppUser.gid)::\(home):\(shell)" : String(line)
            }
            try (entries.joined(separator: "\n") + "\n").write(
                toFile: "\(place.path)/passwd", atomically: false, encoding: .utf8)
            let server = TestServer(app, in: place)
            let script = "mount --bind \(place.path)/passwd /etc/passwd && exec \"$@\""
            try server.start(["--load-shell-envvars"], behind: ["unshare", "-m", "sh", "-c", script, "sh"])
            try server.waitUntilServing()
            return server
        }

        private func names(_ server: TestServer) throws -> [String] {
            try JSONDecoder().decode([String].self, from: Data(try server.get("/env").body))
        }

        @Test(.timeLimit(.minutes(3)))
        func `what the login shell sets up is the app's, anew with each restart`() throws {
            let place = try Place()
            let profile = "echo welcome\nexport FROM_SHELL=\"two\nlines\" FROM_FILE=shell PASSENGER_PORT=1\n"
            let server = try serve(shell: "/bin/sh", profile: profile, in: place)
            #expect(try names(server).contains("FROM_SHELL"))
            #expect(try names(server).contains("FROM_FILE"))
            #expect(try !names(server).contains("PASSENGER_PORT"))
            #expect(try !names(server).contains("FROM_LATER"))
            try "export FROM_LATER=1\n".write(
                toFile: "\(place.path)/home/.profile", atomically: false, encoding: .utf8)
            let restart = try server.command("restart")
            #expect(restart.status == 0, "\(restart.everything)")
            #expect(try names(server).contains("FROM_LATER") && !names(server).contains("FROM_SHELL"))
            #expect(try server.appStatus().warnings.isEmpty)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: ["/bin/sh", "/usr/sbin/nologin"])
        func `a shell that does not answer is a warning with its reason, and the app runs`(_ shell: String) throws {
            let place = try Place()
            let server = try serve(shell: shell, profile: "echo no such thing >&2; exit 3\n", in: place)
            #expect(try server.get("/version").status == 200)
            let warnings = try server.appStatus().warnings
            let reason = shell == "/bin/sh" ? "exit status 3, it said: no such thing" : "cannot be asked"
            #expect(
                warnings.contains { $0.contains("load_shell_envvars") && $0.contains(reason) }, "\(warnings)")
            try server.stop()
        }
    }
}
