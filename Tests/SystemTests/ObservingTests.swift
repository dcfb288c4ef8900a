import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// What the built program says about itself.
    @Suite(.serialized) struct ObservingTests {
        @Test(.timeLimit(.minutes(6)))
        func `a certificate that is not good stays unused, and status says so until there is a good one`() throws {
            let place = try Place()
            let pair = try Certificate(in: place)
            let server = TestServer(try place.copyApp(.node, as: "app"), in: place)
            try server.start(pair.options)
            try server.waitUntilServing()
            #expect(try server.appStatus().warnings == [])
            let old = "\(place.path)/old.pem"
            try FileManager.default.copyItem(atPath: pair.chain, toPath: old)
            let url = "https://127.0.0.1:\(server.port)/version"
            for bad in ["no certificate at all", try Self.foreignChain(in: place)] {
                try bad.write(toFile: pair.chain, atomically: false, encoding: .utf8)
                try eventually("the warning about \(bad.prefix(20))", within: .seconds(45), evidence: { server.log }) {
                    let warnings = try server.appStatus().warnings
                    return warnings.contains { $0.hasPrefix("certificate: ") && $0.contains("the one before stays") }
                }
                let status = try server.command("status")
                let lines = status.output.split(separator: "\n").filter { $0.contains("warning: certificate: ") }
                #expect(lines.count == 1 && lines[0].contains(pair.chain), "\(status.everything)")
                #expect(try Clients.curl("--cacert", old, url, in: place) == "1\n")
            }
            // Not at once: a renewal writes one file after the other.
            try eventually("the log's word about it", evidence: { server.log }) {
                server.log.contains("the one before stays")
            }
            try pair.renew(in: place)
            try eventually("the new certificate", within: .seconds(45), evidence: { server.log }) {
                try server.appStatus().warnings.isEmpty && server.log.contains("the new one is used")
            }
            #expect(try Clients.curl("--cacert", pair.chain, url, in: place) == "1\n")
            try server.stop()
        }

        /// A good certificate, of another key.
        private static func foreignChain(in place: Place) throws -> String {
            text(of: try Certificate(in: place, as: "foreign").chain)
        }

        @Test(.timeLimit(.minutes(3)))
        func `after USR1 the access log goes on in a new file, and no line is lost`() throws {
            let place = try Place()
            let logs = try place.makeAppDirectory("log")
            // Whoever the core's user is.
            chmod(logs, 0o777)
            let (log, moved) = ("\(logs)/access.log", "\(logs)/access.log.1")
            let server = TestServer(try place.copyApp(.node, as: "app"), in: place)
            try server.start(["--access-log", "text", "--access-log-file", log])
            try server.waitUntilServing()
            let client = try HTTPConnection(port: server.port)
            for number in 0..<20 { #expect(try client.get("/version?\(number)").status == 200) }
            try eventually("the first lines") { text(of: log).contains("/version?19 ") }
            #expect(rename(log, moved) == 0)
            // Whatever comes before the signal is in the file that was moved.
            for number in 20..<40 { #expect(try client.get("/version?\(number)").status == 200) }
            kill(try #require(server.instance()).pid, SIGUSR1)
            try eventually("the new file", evidence: { server.log }) { access(log, F_OK) == 0 }
            for number in 40..<60 { #expect(try client.get("/version?\(number)").status == 200) }
            try eventually("all lines", evidence: { text(of: moved) + text(of: log) }) {
                let lines = (text(of: moved) + text(of: log)).split(separator: "\n")
                return (0..<60).allSatisfy { number in
                    lines.contains { $0.contains("/version?\(number) HTTP/1.1\" 200 ") }
                }
            }
            #expect(!text(of: log).contains("/version?0 ") && text(of: log).contains("/version?59 "))
            try eventually("its word in the log") { server.log.contains("access log: opened again") }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `with log_format json each line of the log is an object, and says what it is about`() throws {
            let place = try Place()
            let app = try place.copyApp(.python, as: "app")
            let file = "\(app)/passenger_wsgi.py"
            let printing = "print('an app\\'s \"line\"', flush=True)\n"
            try (printing + text(of: file)).write(toFile: file, atomically: false, encoding: .utf8)
            let server = TestServer(app, in: place)
            try server.start(["--log-format", "json", "--max-request-time", "1s"])
            try server.waitUntilServing()
            #expect(try server.get("/slow?seconds=4").status == 504)
            let restart = try server.command("restart")
            #expect(restart.status == 0, "\(restart.everything)")
            try server.stop()
            var objects: [[String: Any]] = []
            for line in server.log.split(separator: "\n") {
                let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                objects.append(try #require(object, "\(line)"))
            }
            #expect(objects.allSatisfy { $0["time"] is String && $0["level"] is String && $0["message"] is String })
            func find(_ text: String, _ keys: String...) -> Bool {
                objects.contains { object in
                    (object["message"] as? String)?.contains(text) == true && keys.allSatisfy { object[$0] != nil }
                }
            }
            let log = server.log
            #expect(find("ready after", "app", "generation", "worker"), "\(log)")
            #expect(find("an app's \"line\"", "app", "generation", "stream"), "\(log)")
            #expect(find("answered 504", "app", "request_id", "error_id"), "\(log)")
            #expect(find("operation", "app", "operation"), "\(log)")
            #expect(find("supervisor: core 1 started"), "\(log)")
        }
    }
}
