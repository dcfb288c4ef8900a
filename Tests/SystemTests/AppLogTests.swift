import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    @Suite(.serialized) struct AppLogTests {
        private func raise(_ server: TestServer) throws { _ = try server.get("/raise") }

        private func mode(_ path: String) throws -> (mode: mode_t, owner: uid_t) {
            var facts = stat()
            try #require(lstat(path, &facts) == 0)
            return (facts.st_mode & 0o7777, facts.st_uid)
        }

        @Test(.timeLimit(.minutes(3)))
        func `app_log_file is the app user's, is opened anew after it was moved, and is never a link`() throws {
            let place = try Place()
            let app = try place.copyApp(.ruby, as: "app")
            try FileManager.default.createDirectory(atPath: "\(app)/log", withIntermediateDirectories: true)
            let settings = "app_log_file: log/app.log\nprocesses: {worker: sh -c \"echo from beside; sleep 1000\"}\n"
            try settings.write(toFile: "\(app)/Passengerfile.yml", atomically: false, encoding: .utf8)
            AppUser.own(app)
            let log = "\(app)/log/app.log"
            let server = TestServer(app, in: place)
            try server.start()
            try server.waitUntilServing()

            try raise(server)
            try eventually("the app's word", evidence: { server.log + text(of: log) }) {
                text(of: log).split(separator: "\n").contains { $0.contains(" w1 ! ") && $0.contains("asked to raise") }
            }
            try eventually("the companion's word", evidence: { server.log + text(of: log) }) {
                text(of: log).contains(" worker.1 | from beside")
            }
            #expect(!server.log.contains("asked to raise"))
            let facts = try mode(log)
            #expect(facts.mode == 0o640 && facts.owner == AppUser.uid)

            try FileManager.default.moveItem(atPath: log, toPath: "\(log).1")
            kill(try server.status().server.supervisorPid, SIGUSR1)
            try eventually("a new file") { FileManager.default.fileExists(atPath: log) }
            try eventually("lines in it") {
                try raise(server)
                return text(of: log).contains("asked to raise")
            }

            try FileManager.default.moveItem(atPath: log, toPath: "\(log).2")
            try FileManager.default.createSymbolicLink(atPath: log, withDestinationPath: "\(app)/elsewhere")
            kill(try server.status().server.supervisorPid, SIGUSR1)
            try eventually("the refusal") { server.log.contains("app_log_file \(log) cannot be opened") }
            let before = text(of: "\(log).2")
            try raise(server)
            try eventually("lines in the old file") { text(of: "\(log).2").count > before.count }
            #expect(!FileManager.default.fileExists(atPath: "\(app)/elsewhere"))
            try server.stop()
        }
    }
}
