import Foundation
import Glibc
import Testing

extension SystemTests {
    /// What a browser shows of an app that does not start. Pictures are left in `artifacts/`.
    @Suite(.serialized) struct ErrorPageTests {
        @Test(.timeLimit(.minutes(3)), arguments: ["development", "production"])
        func `an app that does not start tells why in development, and in production an id`(_ environment: String)
            throws
        {
            let place = try Place()
            let directory = try place.copyApp(at: "python", as: "app")
            try "print('almost there', flush=True)\nraise RuntimeError('no database')\n".write(
                toFile: "\(directory)/passenger_wsgi.py", atomically: false, encoding: .utf8)
            try "envvars:\n  SECRET_OF_OURS: do-not-show\n".write(
                toFile: "\(directory)/Passengerfile.yml", atomically: false, encoding: .utf8)
            AppUser.own(directory)
            let server = TestServer(directory, in: place)
            try server.start(["--environment", environment])
            var page = HTTPAnswer(status: 0, headers: [:], body: [])
            try eventually("the page", evidence: { server.log }) {
                page = try server.get("/")
                return page.status == 503 && page.text.contains("Error id")
            }
            let id = try #require(page.headers["x-error-id"])
            #expect(page.text.contains(id))
            try eventually("the same id in the log", evidence: { server.log }) { server.log.contains(id) }
            let told = ["no database", directory, "load_app", "SECRET_OF_OURS", "PATH", "almost there"]
            if environment == "development" {
                for words in told { #expect(page.text.contains(words), "\(words): \(page.text)") }
            } else {
                for words in told { #expect(!page.text.contains(words), "\(words): \(page.text)") }
                #expect(page.text.utf8.count < 4096)
            }
            #expect(!page.text.contains("do-not-show"))
            guard Clients.isInstalled("chromium") else { return }
            let pictures = "\(SourceTree.path)/artifacts"
            try FileManager.default.createDirectory(atPath: pictures, withIntermediateDirectories: true)
            let picture = "\(pictures)/error-\(environment).png"
            unlink(picture)
            _ = try Clients.run(
                [
                    "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    "--no-proxy-server",
                    "--user-data-dir=\(place.path)/browser", "--window-size=1100,1400", "--screenshot=\(picture)",
                    "http://127.0.0.1:\(server.port)/",
                ], in: place)
            #expect(FileManager.default.fileExists(atPath: picture))
            try server.stop()
        }
    }
}
