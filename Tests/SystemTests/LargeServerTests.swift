import AdminAPI
import AdminClient
import Foundation
import Linux
import Model
import Testing

extension SystemTests {
    /// A server with more apps and workers than one machine has people to look at them.
    @Suite(.serialized) struct LargeServerTests {
        private static let apps = 200
        private static let workersEach = 5
        private static let workers = apps * workersEach
        private static let looks = 5

        /// What one look may take of the processors, which is little more on a busy machine, and several times as much on a slow one. A build for debugging took 40 ms for
        /// GET /status, 50 for GET /metrics, 100 for the text and 240 for the JSON of twice as many workers; `scripts/bench observe`
        /// measures a release.
        private static let most = 1.0

        @Test(.timeLimit(.minutes(15)))
        func `200 apps with 1,000 workers are shown and scraped for little`() throws {
            let place = try Place()
            let server = try Self.server(in: place)
            try server.start(["--event-loops", "1"], within: .seconds(720))
            let record = try #require(server.instance())
            let client = AdminClient(socketPath: record.adminSocket)
            var exposition = Exposition("")
            try eventually(
                "\(Self.workers) workers", within: .seconds(720), each: .milliseconds(500),
                evidence: { "\(exposition.description.prefix(2000))\n\(server.log.suffix(2000))" }
            ) {
                exposition = Exposition(String(decoding: try client.metricsText(), as: UTF8.self))
                return exposition.sum("passenger_generation_workers", "state=\"idle\"") == Double(Self.workers)
            }

            let core = try server.status().server.corePid
            let status = try Self.look(at: core) { try client.statusJSON() }
            let scrape = try Self.look(at: core) { try client.metricsText() }
            var commands: [(cost: Double, output: String)] = []
            for options in [["--json"], []] {
                let ends = try (0..<Self.looks).map { _ in
                    try server.begin(["status"] + options).wait(within: .seconds(180), "passenger status")
                }
                #expect(ends.allSatisfy { $0.status == 0 }, "\(ends.map(\.errors))")
                commands.append((ends.map(\.cpuSeconds).min() ?? 0, ends[0].output))
            }
            let costs = [status.cost, scrape.cost] + commands.map(\.cost)
            print("CPU seconds of GET /status, GET /metrics, status --json, status: \(costs)")
            #expect(costs.allSatisfy { $0 < Self.most }, "\(costs)")

            for bytes in [status.answer, Array(commands[0].output.utf8)] {
                let report = try WireJSON.decode(StatusReport.self, from: bytes)
                #expect(report.apps.count == Self.apps)
                #expect(report.apps.flatMap(\.generations).flatMap(\.workers).count == Self.workers)
            }
            let lines = commands[1].output.split(separator: "\n")
            #expect(lines.count { $0.hasPrefix("stub") } == Self.apps)
            #expect(lines.count { $0.wholeMatch(of: /\x20{4}w\d+ +\d+ +available .*/) != nil } == Self.workers)
            try server.stop()
        }

        /// Workers that are nothing but a C program that accepts: what is looked at is the server.
        private static func server(in place: Place) throws -> TestServer {
            let stub = try place.makeAppDirectory("stub")
            let compiled = try Clients.run(
                ["cc", "-O2", "-static", "-o", "\(stub)/server", "\(SourceTree.path)/Tests/apps/c/server.c"], in: place)
            #expect(compiled.status == 0, "\(compiled.everything)")
            let entries = (0..<apps).map { number in
                "  stub\(number): {root: \(stub), app_start_command: ./server, base_uri: /\(number), "
                    + "min_instances: \(workersEach), prestart: true}"
            }
            return try TestServer(
                serverFile: """
                    max_pool_size: \(workers)
                    start_timeout: 200s
                    health: {successes: 1}
                    apps:
                    \(entries.joined(separator: "\n"))

                    """, in: place)
        }

        /// An answer, and what the cheapest of some took of the process that gave it.
        private static func look(at core: Int32, _ ask: () throws -> [UInt8]) throws -> (answer: [UInt8], cost: Double)
        {
            func taken() throws -> Double { try #require(ProcessEntry(pid: core)).cpuSeconds }
            var answer: [UInt8] = []
            let costs = try (0..<looks).map { _ in
                let before = try taken()
                answer = try ask()
                return try taken() - before
            }
            return (answer, costs.min() ?? 0)
        }
    }
}
