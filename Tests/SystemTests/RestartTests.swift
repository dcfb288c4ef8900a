import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    @Suite(.serialized) struct RestartTests {
        private func touch(_ directory: String) throws {
            try FileManager.default.createDirectory(atPath: "\(directory)/tmp", withIntermediateDirectories: true)
            let path = "\(directory)/tmp/restart.txt"
            try Data().write(to: URL(fileURLWithPath: path))
            AppUser.own("\(directory)/tmp")
            utimes(path, nil)
        }

        @Test(.timeLimit(.minutes(3)), arguments: Language.detected)
        func `restart txt brings the new code, or leaves the old and says why`(_ language: Language) throws {
            let place = try Place()
            let app = try place.copyApp(language, as: "app")
            let good = text(of: "\(app)/\(language.startupFile)")
            func write(_ name: String, _ contents: String) throws {
                try contents.write(toFile: "\(app)/\(name)", atomically: false, encoding: .utf8)
            }
            // A worker more, wanted while the files change, would be of the new code before the restart.
            try write("Passengerfile.yml", "\(TestRepository.settings)\nmax_instances: 1\n")
            try write("version.txt", "1")
            AppUser.own(app)
            let server = TestServer(app, in: place)
            try server.start()
            try server.waitUntilServing()
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection, .upload])
            try load.waitForTraffic()

            try write("version.txt", "2")
            try touch(app)
            try eventually("the new code", evidence: { server.log }) { try server.version() == "2" }
            let result = "\(app)/tmp/restart.result"
            try eventually("restart.result") { text(of: result).contains("was restarted") }
            try eventually("the end of the old generation") { try server.appStatus().generations.count == 1 }

            try write("version.txt", "3")
            try write(language.startupFile, language.syntaxError)
            try touch(app)
            try eventually("the reason", evidence: { server.log + text(of: result) }) {
                text(of: result).contains("SyntaxError")
            }
            #expect(try server.version() == "2")
            #expect(try server.appStatus().lastFailure?.summary.contains("SyntaxError") == true)
            let status = try server.command("status")
            #expect(status.output.contains("SyntaxError"), "\(status.everything)")
            #expect(server.log.contains("SyntaxError"))

            try write(language.startupFile, good)
            try touch(app)
            try eventually("the mended code", evidence: { server.log }) { try server.version() == "3" }
            try eventually("restart.result says so") {
                !text(of: result).contains("SyntaxError") && text(of: result).contains("was restarted")
            }
            #expect(try server.appStatus().lastFailure == nil)
            let account = try load.stop()
            #expect(account.failures.isEmpty && account.backwards.isEmpty, "\(account)\n\(server.log)")
            try server.stop()
        }

        /// passenger 1100: what is being spawned when the second trigger comes has the code of the first.
        @Test(.timeLimit(.minutes(3)))
        func `two triggers while one boot is under way leave no worker of the code between`() throws {
            let place = try Place()
            let app = try place.copyApp(.python, as: "app")
            let code = text(of: "\(app)/passenger_wsgi.py")
            func write(_ name: String, _ contents: String) throws {
                try contents.write(toFile: "\(app)/\(name)", atomically: false, encoding: .utf8)
            }
            // The version is read first, then it takes a while.
            try write("passenger_wsgi.py", code + "\ntime.sleep(1)\n")
            try write("Passengerfile.yml", "\(TestRepository.settings)\nmin_instances: 2\nmax_instances: 2\n")
            AppUser.own(app)
            let server = TestServer(app, in: place)
            try server.start()
            try server.waitUntilServing(workers: 2)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection])
            try load.waitForTraffic()

            try write("version.txt", "2")
            try touch(app)
            try eventually("the boot", evidence: { server.log }) {
                try server.appStatus().generations.contains { $0.state == .booting }
            }
            usleep(300_000)
            try write("version.txt", "3")
            try touch(app)
            let command = try server.command("restart")
            #expect(command.status == 0, "\(command.everything)")
            try eventually("the end of the old generations", evidence: { server.log }) {
                let app = try server.appStatus()
                return app.operation == nil && app.generations.count == 1 && app.generations[0].workers.count == 2
            }
            var workers: Set<String> = []
            for _ in 0..<40 {
                #expect(try server.version() == "3")
                workers.insert(try server.get("/pid").line)
            }
            #expect(workers == Set(try server.workers().compactMap(\.pid).map(String.init)))
            let account = try load.stop()
            #expect(account.failures.isEmpty && account.backwards.isEmpty, "\(account)\n\(server.log)")
            try server.stop()
        }
    }
}
