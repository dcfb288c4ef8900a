import AdminAPI
import AdminClient
import Foundation
import Linux
import Model
import Testing

extension SystemTests {
    /// Readers of a deploy's events who do not keep up.
    @Suite(.serialized) struct EventReaderTests {
        private static let megabytes = 48
        /// The server keeps 8 MiB of an operation's output; with 48 for a reader who takes none it would be six times as much.
        private static let mostGrowth = 28 << 20

        @Test(.timeLimit(.minutes(9)))
        func `one that does not read costs the server no memory, and is told all that matters`() throws {
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            let flood = "head -c \(Self.megabytes)M /dev/zero | tr '\\\\0' x | fold -w 8000"
            try repository.write("Passengerfile.yml", repository.passengerfile(deploy: "  build: [\"\(flood)\"]"))
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let made = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(made.status == 0, "\(made.everything)")
            try server.start()
            try server.waitUntilServing(release: "1-")
            try repository.commitVersion(2)

            let record = try #require(server.instance())
            let client = AdminClient(socketPath: record.adminSocket, timeout: .seconds(60))
            let name = try server.appStatus().name
            let core = try server.status().server.corePid
            let before = try Self.memory(of: core)
            let accepted = try client.deploy(name, DeployRequest())
            var stream = try client.events(name, accepted.operation)
            try eventually(
                "the end of the deploy", within: .seconds(270), evidence: { server.log.suffix(2000).description }
            ) {
                try server.appStatus().operation == nil
            }
            let growth = try Self.memory(of: core) - before
            #expect(growth < Self.mostGrowth, "it grew by \(growth >> 20) MiB")

            var events: [OperationEvent] = []
            while case .event(let event) = try stream.next(timeout: .seconds(20), interrupt: nil) {
                events.append(event)
            }
            let started = events.compactMap { event -> String? in
                if case .stepStarted(let step, _) = event { step } else { nil }
            }
            let finished = events.compactMap { event -> String? in
                if case .stepFinished(let step, _, nil) = event { step } else { nil }
            }
            #expect(
                started == finished && Set(["fetch", "build", "boot", "switch_traffic"]).isSubset(of: started),
                "\(started) \(finished)")
            guard case .finished(let result) = events.last else {
                Issue.record("it does not end: \(events.suffix(3))")
                return
            }
            #expect(result.outcome == .stable && result.deploy == accepted.deploy)
            // What it was not shown, it is told of: no line is missing without a word.
            let lines = events.count { if case .output = $0 { true } else { false } }
            let skipped = events.reduce(0) { sum, event in
                if case .skipped(let events) = event { sum + events } else { sum }
            }
            #expect(skipped > 0 && lines + skipped >= Self.megabytes << 20 / 8000, "\(lines) lines, \(skipped) skipped")
            try server.stop()
        }

        /// What the process has that no other does, in bytes.
        private static func memory(of pid: Int32) throws -> Int {
            let lines = text(of: "/proc/\(pid)/smaps_rollup").split(separator: "\n")
            let line = try #require(lines.first { $0.hasPrefix("Private_Dirty:") })
            return try #require(Int(line.split(separator: " ")[1])) << 10
        }
    }
}
