import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct TopTests {
        private func serving(in place: Place) throws -> TestServer {
            let server = TestServer(try place.copyApp(.node, as: "app"), in: place)
            try server.start()
            try server.waitUntilServing()
            return server
        }

        private func top(_ server: TestServer, columns: Int = 80, rows: Int = 24) throws -> TerminalProgram {
            try TerminalProgram(
                [server.calledAs, "top", "--root", server.directory], environment: server.environment,
                columns: columns, rows: rows)
        }

        @Test(.timeLimit(.minutes(3)))
        func `on a terminal of 80 by 24 it shows what happens, follows its size, and leaves it as it was`() throws {
            let place = try Place()
            let server = try serving(in: place)
            let top = try top(server)
            let before = top.mode
            try top.wait(for: "the table") { $0.isAlternate && $0.text.contains("REQ/S") }
            #expect(!top.screen.hasCursor && top.mode != before)
            for _ in 0..<30 { #expect(try server.get("/slow?seconds=0.02").status == 200) }
            #expect(try server.get("/status?code=500").status == 500)
            try top.wait(for: "the requests") { screen in
                // Each sample has some.
                _ = try? (server.get("/slow?seconds=0.02"), server.get("/status?code=500"))
                let row = screen.lines.first { $0.hasPrefix("app g1 live") }?.split(separator: " ") ?? []
                // NAME GENERATION STATE REQ/S P50 P95 P99 ERR/S QUEUE BUSY CPU% MEM
                return row.count == 12 && row[3] != "0.0" && row[4].hasSuffix("ms") && row[7] != "0.0"
            }
            let lines = top.screen.lines
            #expect(lines[0].contains("passenger") && lines[1].hasPrefix("1 app, "), "\(top.screen.text)")
            #expect(lines.last?.contains("q ends") == true && lines.allSatisfy { $0.count <= 79 })
            try top.wait(for: "a measurement") { screen in
                screen.lines.first { $0.hasPrefix("app g1 live") }?.hasSuffix("M") ?? false
            }
            top.resize(columns: 40, rows: 10)
            try top.wait(for: "the smaller one") { $0.lines[9].contains("q ends") && $0.lines[3].contains("APP") }
            #expect(top.screen.lines.allSatisfy { $0.count <= 39 }, "\(top.screen.text)")
            top.resize(columns: 120, rows: 30)
            try top.wait(for: "the larger one") { $0.lines[29].contains("q ends") && $0.lines[3].contains("MEM") }
            #expect(!top.screen.overflows && top.screen.unknown.isEmpty, "\(top.screen.unknown)")
            top.type("q")
            #expect(try top.waitForEnd() == 0)
            #expect(!top.screen.isAlternate && top.screen.hasCursor && top.mode == before)
            try server.stop()
        }

        @Test(.enabled(if: Clients.isInstalled("tmux")), .timeLimit(.minutes(3)))
        func `in tmux it is readable, follows the window's size, and gives the terminal back`() throws {
            let place = try Place()
            let server = try serving(in: place)
            func tmux(_ words: String...) throws -> String {
                try Program(
                    ["tmux", "-S", "\(place.path)/tmux", "-f", "/dev/null"] + words,
                    environment: server.environment.merging(["TERM": "xterm-256color", "LANG": "C.UTF-8"]) { $1 },
                    in: place
                ).wait().output
            }
            func screen() throws -> [String] {
                try tmux("capture-pane", "-p").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            }
            _ = try tmux("new-session", "-d", "-x", "80", "-y", "24", "sh")
            defer { _ = try? tmux("kill-server") }
            _ = try tmux("send-keys", "PS1='> '; clear; echo what was there", "Enter")
            try eventually("the shell") { try screen().first == "what was there" }
            let before = try screen()
            _ = try tmux("send-keys", "\(server.calledAs) top --root \(server.directory) 2>&1", "Enter")
            try eventually("the table", evidence: { (try? screen().joined(separator: "\n")) ?? "" }) {
                let lines = try screen()
                return lines.count > 23 && lines[23].contains("q ends")
                    && lines.contains { $0.hasPrefix("app g1 live") }
            }
            #expect(try screen().allSatisfy { $0.count <= 80 })
            _ = try tmux("resize-window", "-x", "110", "-y", "35")
            try eventually("the larger one") { try screen().dropFirst(34).first?.contains("q ends") ?? false }
            _ = try tmux("resize-window", "-x", "80", "-y", "24")
            try eventually("the smaller one") { try screen().dropFirst(23).first?.contains("q ends") ?? false }
            _ = try tmux("send-keys", "q")
            try eventually("the shell again", evidence: { (try? screen().joined(separator: "\n")) ?? "" }) {
                let lines = try screen()
                return lines.first == before.first && !lines.contains { $0.contains("REQ/S") }
            }
            _ = try tmux("send-keys", "echo and goes on", "Enter")
            try eventually("an echo") { try screen().contains("and goes on") }
            try server.stop()
        }

        enum Leaving: CaseIterable { case controlC, term, hangUp }

        @Test(.timeLimit(.minutes(3)), arguments: Leaving.allCases)
        func `however it is ended, the terminal is as it was`(_ leaving: Leaving) throws {
            let place = try Place()
            let server = try serving(in: place)
            let top = try top(server)
            let before = top.mode
            try top.wait(for: "the table") { $0.isAlternate && $0.text.contains("REQ/S") }
            switch leaving {
            case .controlC: top.type("\u{3}")
            case .term: top.signal(SIGTERM)
            case .hangUp: top.signal(SIGHUP)
            }
            #expect(try top.waitForEnd() == 0)
            #expect(!top.screen.isAlternate && top.screen.hasCursor && top.mode == before)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a server that goes away is told, and one that comes back is shown again`() throws {
            let place = try Place()
            let server = try serving(in: place)
            let top = try top(server)
            try top.wait(for: "the table") { $0.text.contains("REQ/S") }
            try server.stop()
            try top.wait(for: "the word about it") { $0.lines[1].lowercased().contains("server") }
            try server.start()
            try server.waitUntilServing()
            try top.wait(for: "the new one") { $0.lines[1].hasPrefix("1 app, ") }
            top.type("q")
            #expect(try top.waitForEnd() == 0)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `in a pipe and as JSON it is one sample`() throws {
            let place = try Place()
            let server = try serving(in: place)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive])
            try load.waitForTraffic()
            let plain = try server.command("top")
            #expect(plain.status == 0 && !plain.output.contains("\u{1B}"), "\(plain.everything)")
            let lines = plain.output.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(
                lines.count == 6 && lines[3].hasPrefix("APP") && lines[4].hasPrefix("app g1 live"), "\(plain.output)")
            let json = try server.command("top", "--json")
            #expect(json.status == 0, "\(json.everything)")
            _ = try load.stop()
            struct Sample: Decodable {
                struct Figures: Decodable { var requestsPerSecond: Double, p99: Double?, workers: Int }
                struct Generation: Decodable { var number: Int, state: String, figures: Figures }
                struct App: Decodable { var name: String, figures: Figures, queue: Int, generations: [Generation] }
                var seconds: Double
                var apps: [App]
            }
            let sample = try WireJSON.decode(Sample.self, from: Array(json.output.utf8))
            let app = try #require(sample.apps.first)
            #expect(app.name == "app" && sample.seconds > 0.5 && app.figures.requestsPerSecond > 1, "\(json.output)")
            #expect(app.figures.p99 != nil && app.generations.first?.state == "live")
            #expect(app.generations.first?.figures.workers == 1)
            try server.stop()
            #expect(try server.command("top").status == 3)
        }
    }
}
