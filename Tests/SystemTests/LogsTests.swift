import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// `passenger logs` and `passenger status`, with the real program.
    @Suite(.serialized) struct LogsTests {
        private func talkative(in place: Place, _ options: [String] = []) throws -> TestServer {
            try TestServer.serving("ruby", options, in: place) { directory in
                let file = "\(directory)/config.ru"
                let printing = "$stdout.sync = true; puts 'loaded, says the app'\n"
                try (printing + text(of: file)).write(toFile: file, atomically: false, encoding: .utf8)
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `logs shows what the app writes, in a pipe, on a terminal and as JSON`() throws {
            let place = try Place()
            let server = try talkative(in: place)
            _ = try server.get("/raise")
            try eventually("the app's trace", evidence: { server.log }) {
                try server.command("logs").output.contains("asked to raise")
            }
            let plain = try server.command("logs")
            let lines = plain.output.split(separator: "\n")
            #expect(lines.contains { $0.contains("loaded, says the app") }, "\(plain.everything)")
            let trace = try #require(lines.first { $0.contains("asked to raise") }, "\(plain.everything)")
            #expect(trace.contains(/^\d{4}-\d\d-\d\dT[0-9:.]+Z w1 !/), "\(trace)")
            let last = try server.command("logs", "-n", "1", "--worker", "1")
            #expect(last.output.split(separator: "\n").count == 1, "\(last.everything)")
            #expect(try server.command("logs", "--worker", "w99").output.isEmpty)
            #expect(try server.command("logs", "--generation", "99").output.isEmpty)
            #expect(try server.command("logs", "--generation", "g1").output.contains("asked to raise"))
            #expect(try server.command("logs", "-n", "-3").status == 2)

            let terminal = try server.onTerminal("logs", "app")
            #expect(
                PseudoTerminal.lines(terminal.output).contains {
                    $0.contains(/^\d\d:\d\d:\d\d\.\d{3} w1 ! .*asked to raise/)
                },
                "\(terminal.everything)")
            let json = try server.command("logs", "--json")
            let objects = try json.output.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            let found = try #require(objects.first { ($0["text"] as? String)?.contains("asked to raise") ?? false })
            #expect(
                found["worker"] as? Int == 1 && found["generation"] as? Int == 1
                    && found["stream"] as? String == "stderr")
            #expect(objects.allSatisfy { $0["event"] as? String == "line" && $0["time"] is String })
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `logs -f goes on through a restart and a new core, and a reader that reads nothing holds up nobody`()
            throws
        {
            let place = try Place()
            let server = try talkative(in: place)
            let follower = try server.begin(["logs", "-f", "-n", "0", "--root", server.directory])
            // Nobody reads what this one gets.
            let record = try #require(server.instance())
            let lazy = try connectUnix(path: record.adminSocket)
            try writeAll(lazy.number, Array("GET /apps/app/logs?follow=true HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            #expect(try server.command("restart").status == 0)
            try eventually("the new generation's word", evidence: { follower.log }) {
                follower.log.contains("loaded, says the app")
            }
            for _ in 0..<50 { #expect(try server.get("/raise").status == 500) }
            try eventually("all traces", evidence: { follower.log }) {
                follower.log.split(separator: "\n").count { $0.contains("asked to raise") } >= 50
            }
            let core = try server.status().server.corePid
            kill(core, SIGKILL)
            try eventually("another core", evidence: { server.log }) {
                (try? server.status().server.corePid).map { $0 != core } ?? false
            }
            let before = follower.log.split(separator: "\n").count { $0.contains("asked to raise") }
            #expect(try server.get("/raise").status == 500)
            try eventually("its lines", evidence: { follower.log }) {
                follower.log.split(separator: "\n").count { $0.contains("asked to raise") } > before
            }
            #expect(!follower.hasEnded)
            try server.stop()
            let end = try follower.wait(within: .seconds(90))
            #expect(end.status == 3, "\(end.everything)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `status fits a terminal of 80 columns, watches, and is JSON`() throws {
            let place = try Place()
            let server = try talkative(in: place, ["--min-instances", "2"])
            try server.waitUntilServing(workers: 2)
            let terminal = try server.onTerminal("status", "--root", server.directory)
            let lines = PseudoTerminal.lines(terminal.output)
            #expect(terminal.output.contains("\u{1B}[") && lines.contains("  g1  live  2 of 2 workers"), "\(lines)")
            #expect(lines.filter { $0.hasPrefix("    ") }.allSatisfy { $0.count <= 80 }, "\(lines)")
            let plain = try server.command("status")
            #expect(!plain.output.contains("\u{1B}") && plain.output.contains("  g1  live  2 of 2 workers\n"))
            let json = try server.command("status", "--json")
            let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            #expect(object?["apps"] is [Any] && object?["server"] is [String: Any], "\(json.everything)")

            let watching = try server.begin(
                ["status", "--watch", "--interval", "200ms", "--root", server.directory],
                adding: PseudoTerminal.variables, behind: PseudoTerminal.wrapper)
            try eventually("three pictures", evidence: { watching.log }) {
                watching.log.components(separatedBy: "\u{1B}[H").count > 3
            }
            #expect(try server.command("scale", "3").status == 0)
            try eventually("the third worker", evidence: { watching.log }) { watching.log.contains("3 of 3 workers") }
            watching.signal(SIGINT)
            _ = try watching.wait(within: .seconds(30))

            let memory = try server.onTerminal("memory-stats", "--root", server.directory)
            let rows = PseudoTerminal.lines(memory.output)
            #expect(rows.contains { $0.hasSuffix("  supervisor") } && rows.contains { $0.hasSuffix("  w1") }, "\(rows)")
            #expect(rows.filter { $0.hasPrefix("    ") }.allSatisfy { $0.count <= 80 }, "\(rows)")
            let report = try server.command("memory-stats", "--json")
            let figures = try JSONSerialization.jsonObject(with: Data(report.output.utf8)) as? [String: Any]
            let total = figures?["total"] as? [String: Any]
            #expect((total?["pss_bytes"] as? Int ?? 0) > 1 << 20, "\(report.everything)")
            try server.stop()
        }
    }
}
