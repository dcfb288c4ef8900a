import AdminAPI
import Foundation
import Testing

extension SystemTests {
    /// A release that cannot be proved good never receives a request.
    @Suite(.serialized) struct BrokenReleaseTests {
        private struct Breakage {
            var name: String
            var cause: String
            var reference: String?
            var apply: (TestRepository) throws -> Void
        }

        private func breakages(_ language: Language) -> [Breakage] {
            let file = language.startupFile
            return [
                Breakage(name: "syntax error", cause: "SyntaxError") { try $0.write(file, language.syntaxError) },
                Breakage(name: "boot hangs", cause: "start_timeout") {
                    try $0.write(file, language.hanging + $0.startupCode)
                    try $0.write(
                        "Passengerfile.yml",
                        $0.passengerfile().replacing("start_timeout: 20s", with: "start_timeout: 5s"))
                },
                Breakage(name: "exits after listening", cause: "exit status 7") {
                    try $0.write(file, language.shortLived + $0.startupCode)
                },
                Breakage(name: "500 on the health path", cause: "answered 500") {
                    try $0.write(file, $0.startupCode)
                    try $0.write("unhealthy", "")
                },
                Breakage(name: "build fails", cause: "the build's last words") {
                    try $0.write(
                        "Passengerfile.yml",
                        $0.passengerfile(deploy: "  build: [\"echo the build\\\\'s last words; exit 3\"]"))
                },
                Breakage(name: "no such ref", cause: "no branch, tag or commit nowhere", reference: "nowhere") { _ in },
            ]
        }

        @Test(.tags(.long), .timeLimit(.minutes(6)), arguments: Language.detected)
        func `six kinds of broken releases leave all traffic where it was`(_ language: Language) throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(language, in: place)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection, .upload])
            try load.waitForTraffic()
            for breakage in breakages(language) {
                try repository.git("reset", "-q", "--hard", "main")
                try repository.write("Passengerfile.yml", repository.passengerfile())
                try breakage.apply(repository)
                try repository.write("version.txt", "999\n")
                try repository.commit(breakage.name)
                let end = try server.begin(
                    ["deploy", "--root", server.directory] + [breakage.reference].compactMap { $0 }
                ).wait(within: .seconds(120), breakage.name)
                #expect(end.status == 1, "\(breakage.name): \(end.everything)")
                #expect(end.errors.contains(breakage.cause), "\(breakage.name): \(end.everything)")
                let app = try server.appStatus()
                #expect(app.liveRelease?.hasPrefix("1-") == true, "\(breakage.name)")
                // They are being stopped when the deploy is over.
                try eventually("\(breakage.name) leaves no workers behind", evidence: { server.log }) {
                    try server.appStatus().generations.count == 1
                }
                try load.waitForTraffic()
            }
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)")
            #expect(account.versions == [1], "\(account)")
            // None of them can be rolled back to.
            let rollback = try server.command("rollback")
            #expect(rollback.status == 4 && rollback.errors.contains("no earlier stable release"), "\(rollback)")
            #expect(try server.version() == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a version whose workers die a moment after the switch does not pass its bake`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.ruby, in: place)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive])
            try load.waitForTraffic()
            let dying = """
                PhusionPassenger.on_event(:state) { |state| Thread.new { sleep 0.3; exit!(7) } if state.to_s == 'live' }

                """
            try repository.write("config.ru", dying + repository.startupCode)
            try repository.commitVersion(2)
            let end = try server.command("deploy", "--bake", "10s")
            #expect(end.status == 5, "\(end.everything)\n\(server.log)")
            #expect(end.errors.contains("died"), "\(end.everything)")
            try eventually("the old version answers") { try server.version() == "1" }
            _ = try load.stop()
            try server.stop()
        }
    }
}
