import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// The dashboard: as curl sees it, and in a browser. Pictures are left in `artifacts/`.
    @Suite(.serialized) struct DashboardTests {
        private static let token = String(repeating: "0a", count: 32)

        private func options(in place: Place) throws -> [String] {
            let tokens = "\(place.path)/tokens"
            try "ops all \(Self.token)\n".write(toFile: tokens, atomically: false, encoding: .utf8)
            chmod(tokens, 0o600)
            let certificate = try Certificate(in: place)
            return [
                "--admin-port", "0", "--admin-tokens", tokens, "--admin-ssl-certificate", certificate.chain,
                "--admin-ssl-certificate-key", certificate.key,
            ]
        }

        @Test(.timeLimit(.minutes(3)))
        func `without scripts it is signed in to, shows the app, and takes orders of its own forms only`() throws {
            let place = try Place()
            let server = try TestServer.serving("ruby", try options(in: place), in: place)
            let url = try #require(try server.status().server.adminAddress)
            let jar = "\(place.path)/cookies"
            func curl(_ path: String, _ more: String...) throws -> String {
                try Clients.run(
                    ["curl", "-sSik", "--max-time", "90", "-b", jar, "-c", jar, url + path] + more, in: place
                ).output
            }
            #expect(try curl("/").contains("type=\"password\""))
            #expect(try curl("/login", "-d", "token=wrong").contains(" 401 "))
            #expect(try curl("/dashboard/apps/app/restart", "-d", "secret=x").lowercased().contains("location: /login"))
            let entry = try curl("/login", "-d", "token=\(Self.token)")
            #expect(entry.contains(" 303 ") && entry.contains("HttpOnly; SameSite=Strict; Secure"), "\(entry)")
            let page = try curl("/")
            #expect(page.contains("id=\"app-app\"") && page.contains("default-src 'none'"), "\(page)")
            #expect(!page.contains("<style") && !page.contains("style=\"") && !page.contains("http://"))
            let secret = try #require(page.firstMatch(of: /name="secret" value="([0-9a-f]+)"/)).1
            #expect(try curl("/dashboard/apps/app/restart", "-d", "secret=\(Self.token)").contains(" 403 "))
            let foreign = try curl(
                "/dashboard/apps/app/pause", "-H", "Sec-Fetch-Site: cross-site", "-d", "secret=\(secret)")
            #expect(foreign.contains(" 403 "))
            #expect(try server.appStatus().pausedSince == nil)
            #expect(try curl("/dashboard/apps/app/pause", "-d", "secret=\(secret)").contains(" 303 "))
            #expect(try server.appStatus().pausedSince != nil)
            #expect(try curl("/").contains("app: pause is ordered."))
            _ = try curl("/dashboard/apps/app/resume", "-d", "secret=\(secret)")
            try eventually("the order in the log", evidence: { server.log }) {
                server.log.contains("audit: token ops: pause app, dashboard: accepted")
            }
            // The cookie opens nothing else.
            #expect(try curl("/status").contains(" 401 "))
            _ = try curl("/logout", "-d", "secret=\(secret)")
            #expect(try curl("/").contains("type=\"password\""))
            try server.stop()
        }

        @Test(.enabled(if: Clients.isInstalled("chromedriver")), .timeLimit(.minutes(9)))
        func `in a browser a deploy is watched, one that fails, and a rollback is clicked`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place, options: try options(in: place))
            let url = try #require(try server.status().server.adminAddress)
            let pictures = "\(SourceTree.path)/artifacts"
            try FileManager.default.createDirectory(atPath: pictures, withIntermediateDirectories: true)
            func watch(_ orders: String...) throws -> Program {
                let browser = try Program(
                    ["python3", "\(Clients.directory)/dashboard.py", url, Self.token, pictures] + orders,
                    environment: ProcessInfo.plainEnvironment, in: place)
                try eventually("a page", within: .seconds(180), evidence: { browser.log }) {
                    browser.hasEnded || browser.log.contains("ready")
                }
                return browser
            }
            func end(_ browser: Program) throws {
                let end = try browser.wait(within: .seconds(180))
                #expect(end.status == 0, "\(end.everything)")
            }

            // A deploy takes as long as the browser needs to see it.
            func hold(until gate: String) throws {
                let build = "echo built-by-a-hook; while [ ! -e \(place.path)/\(gate) ]; do sleep 0.1; done"
                try repository.write("Passengerfile.yml", repository.passengerfile(deploy: "  build: ['\(build)']"))
            }
            func deploy(until browser: Program, has done: String, gate: String) throws {
                let deploy = try server.begin(["deploy", "--root", server.directory])
                try eventually("the page of the deploy", within: .seconds(90), evidence: { browser.log }) {
                    browser.hasEnded || browser.log.contains(done)
                }
                #expect(FileManager.default.createFile(atPath: "\(place.path)/\(gate)", contents: nil))
                #expect(try deploy.wait(within: .seconds(180)).status == 0)
                try end(browser)
            }
            try hold(until: "second")
            try repository.commitVersion(2)
            var browser = try watch(
                "wait Release 1-", "shot dashboard-before", "wait Now: deploy 2", "shot dashboard-deploying",
                "wait Release 2-", "wait stable", "shot dashboard-deployed")
            try deploy(until: browser, has: "dashboard-deploying", gate: "second")

            // A deploy's own page follows it, without being loaded again.
            try hold(until: "third")
            try repository.commitVersion(3)
            browser = try watch(
                "wait Now: deploy 3", "click table.deploys tbody tr a", "mark", "wait built-by-a-hook",
                "shot dashboard-following", "wait State stable", "marked", "shot dashboard-followed")
            try deploy(until: browser, has: "dashboard-following", gate: "third")
            try repository.write("Passengerfile.yml", repository.passengerfile())

            try repository.write(repository.language.startupFile, repository.language.syntaxError)
            try repository.commit("<script>alert(1)</script>")
            browser = try watch("wait Release 3-", "wait Failed:", "shot dashboard-failed")
            #expect(try server.run("deploy", "--root", server.directory).status != 0)
            try end(browser)

            browser = try watch(
                "wait Release 3-", "click #rollback-root", "wait rollback is ordered", "wait Release 2-",
                "shot dashboard-rolled-back",
                // With the keyboard alone.
                "reach #restart-root", "enter", "wait restart is ordered", "wait Release 2-",
                "reach table.deploys tbody tr a", "enter", "wait Steps", "shot dashboard-deploy",
                "dark", "shot dashboard-deploy-dark", "open /", "wait Release 2-", "shot dashboard-dark", "narrow",
                "shot dashboard-dark-narrow")
            try end(browser)
            #expect(try server.version() == "2")
            try server.stop()
        }
    }
}
