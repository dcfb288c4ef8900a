import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// The admin API over TCP, asked by curl.
    @Suite(.serialized) struct RemoteAdminTests {
        private static let ops = String(repeating: "0a", count: 32)
        private static let look = String(repeating: "1b", count: 32)

        private struct Answer {
            var status: Int
            var body: String
        }

        private func write(tokens text: String, to path: String, mode: mode_t = 0o600) throws {
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            chmod(path, mode)
        }

        private func ask(
            _ path: String, _ server: TestServer, token: String? = nil, _ options: [String] = []
        ) throws -> Answer {
            let url = try #require(try server.status().server.adminAddress)
            let header = token.map { ["-H", "Authorization: Bearer \($0)"] } ?? []
            let end = try Clients.run(
                ["curl", "-sS", "--max-time", "90", "-w", "\n%{http_code}", url + path] + header + options,
                in: server.place)
            let lines = end.output.split(separator: "\n", omittingEmptySubsequences: false)
            return Answer(
                status: Int(lines.last ?? "") ?? 0, body: lines.dropLast().joined(separator: "\n"))
        }

        @Test(.timeLimit(.minutes(3)))
        func `a token opens the admin API over TLS, for what it is good for, and its name is written down`() throws {
            let place = try Place()
            let tokens = "\(place.path)/tokens"
            let certificate = try Certificate(in: place)
            try write(tokens: "ops all \(Self.ops)\nlook view \(Self.look)\n", to: tokens)
            let server = try TestServer.serving(
                "ruby",
                [
                    "--admin-port", "0", "--admin-tokens", tokens, "--admin-ssl-certificate", certificate.chain,
                    "--admin-ssl-certificate-key", certificate.key,
                ], in: place)
            let trust = ["--cacert", certificate.chain]
            #expect(try server.status().server.adminAddress?.hasPrefix("https://127.0.0.1:") == true)
            let report = try ask("/status", server, token: Self.look, trust)
            #expect(report.status == 200)
            #expect(try WireJSON.decode(StatusReport.self, from: Array(report.body.utf8)).apps.count == 1)

            let stranger = try ask("/status", server, trust)
            #expect(stranger.status == 401 && stranger.body.contains("unauthorized"))
            #expect(try ask("/livez", server, trust).status == 200)
            #expect(try ask("/apps", server, token: Self.ops + "x", trust).status == 401)
            // A page of another site cannot use a connection that is open.
            let foreign = ["-H", "Origin: https://evil.test"]
            #expect(try ask("/status", server, token: Self.ops, trust + foreign).status == 403)

            let post = trust + ["-X", "POST", "-d", "{}"]
            let refused = try ask("/apps/-/restart", server, token: Self.look, post)
            #expect(refused.status == 403 && refused.body.contains("Token look may not deploy"))
            #expect(try ask("/apps/-/restart", server, token: Self.ops, post).status == 202)
            try eventually("the order in the log", evidence: { server.log }) {
                server.log.contains("audit: token ops: POST /apps/-/restart: 202")
                    && server.log.contains("audit: token look: POST /apps/-/restart: 403")
            }

            // Taken out of the file it is good for nothing, and one that others may read is good for nobody.
            try write(tokens: "look view \(Self.look)\n", to: tokens)
            try eventually("a token's end") { try ask("/apps", server, token: Self.ops, trust).status == 401 }
            chmod(tokens, 0o644)
            try eventually("the end of all", evidence: { server.log }) {
                server.log.contains("other users of this machine may read it")
            }
            #expect(try ask("/apps", server, token: Self.look, trust).status == 401)
            #expect(!server.log.contains(Self.ops) && !server.log.contains(Self.look))
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `wrong tokens are listened to for a while, and a silent connection is ended`() throws {
            let place = try Place()
            let tokens = "\(place.path)/tokens"
            try write(tokens: "ops all \(Self.ops)\n", to: tokens)
            let server = try TestServer.serving(
                "ruby", ["--admin-port", "0", "--admin-tokens", tokens], in: place)
            let url = try #require(try server.status().server.adminAddress)
            let port = try #require(Int(url.split(separator: ":").last ?? ""))
            #expect(url == "http://127.0.0.1:\(port)")
            let silent = try HTTPConnection(port: port)
            try silent.send("GET /status HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            #expect(try ask("/apps", server, token: Self.ops).status == 200)
            var statuses: [Int] = []
            for _ in 0..<12 { statuses.append(try ask("/apps", server, token: "wrong").status) }
            #expect(statuses.filter { $0 == 401 }.count == 10 && statuses.last == 429, "\(statuses)")
            #expect(try ask("/apps", server, token: Self.ops).status == 429)
            // The Unix socket is as it was.
            #expect(try server.appStatus().name.rawValue == "app")
            #expect(try !silent.receive())
            try server.stop()
        }
    }
}
