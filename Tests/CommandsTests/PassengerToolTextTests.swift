import AdminAPI
import Linux
import Model
import Terminal
import Testing

@testable import Commands

struct PassengerToolTextTests {
    private static let server: ServerStatus = {
        var server = ServerStatus(
            instance: "main", version: "0.1.0", supervisorPid: 10, corePid: 11,
            startedAt: WallTime(millisecondsSince1970: 0), uptimeSeconds: 5, listeners: [])
        server.maxPoolSize = 6
        return server
    }()

    private static let report: StatusReport = {
        var app = AppStatus(
            name: AppName("blog")!, root: "/srv/a<b", mode: .deployRoot, kind: .rack, environment: "production")
        func worker(_ number: UInt32, _ pid: Int32?, _ state: String) -> WorkerStatus {
            var worker = WorkerStatus(
                number: WorkerNumber(number), pid: pid, state: state, requestsNow: 1, requestsTotal: 66_179,
                ageSeconds: 21_209)
            worker.concurrency = 2
            worker.memory = MemoryStatus(
                privateBytes: 110 << 20, swapBytes: 0, sharedBytes: 10 << 20, pssBytes: 115 << 20, processes: 1,
                isExact: true)
            return worker
        }
        app.queue = QueueStatus(length: 7, max: 100)
        app.generations = [
            GenerationStatus(
                number: GenerationNumber(7), release: "42-9be0d13", state: .live,
                workers: [worker(1, 18_257, "available"), worker(2, 18_258, "draining"), worker(3, nil, "launching")])
        ]
        return StatusReport(server: server, apps: [app])
    }()

    private static let pool = PassengerPool(
        report,
        entry: { ProcessEntry(pid: $0, parent: 10, group: $0, cpuSeconds: 636, command: ["ruby", "loader.rb"]) },
        memory: { _ in ProcessMemory(status: "VmSize:\t 2048 kB\n", rollup: nil) })

    @Test func `passenger-status has Passenger's lines`() {
        let lines = Self.pool.text(.plain, date: "2015-07-06 12:18:38 +0200", showsHeader: true)
        #expect(
            lines == [
                "Version : \(ProductVersion.passenger)", "Date    : 2015-07-06 12:18:38 +0200",
                "Instance: main (passenger/0.1.0)", "", "----------- General information -----------",
                "Max pool size : 6", "App groups    : 1", "Processes     : 2", "Requests in top-level queue : 0", "",
                "----------- Application groups -----------", "/srv/a<b (production):", "  App root: /srv/a<b",
                "  (spawning 1 new process...)", "  Requests in queue: 7",
                "  * PID: 18257   Sessions: 1       Processed: 66179   Uptime: 5h 53m 29s",
                "    CPU: 2%      Memory  : 110M    Last used: 0s ago",
                "  * PID: 18258   Sessions: 1       Processed: 66179   Uptime: 5h 53m 29s",
                "    CPU: 2%      Memory  : 110M    Last used: 0s ago", "    Disabling...", "",
            ])
    }

    @Test func `XML and JSON say the same, each in its own way`() {
        let xml = Self.pool.xml(now: 1_000_000_000_000_000).map { $0.drop { $0 == " " } }
        #expect(xml.contains("<name>/srv/a&lt;b (production)</name>") && xml.contains("<group default=\"true\">"))
        #expect(xml.contains("<code_revision>9be0d13</code_revision>") && xml.contains("<vmsize>2048</vmsize>"))
        #expect(xml.count { $0 == "<process>" } == 2 && xml.contains("<busyness>1073741823</busyness>"))
        #expect(xml.contains("<real_memory>112640</real_memory>") && xml.contains("<enabled>DISABLING</enabled>"))
        let json = Self.pool.json(now: 1_000_000_000_000_000)
        #expect(json.hasPrefix(#"{"info":{"passenger_version":"#) && json.contains(#""supergroups":[{"supergroup":{"#))
        #expect(json.contains(#"{"process":{"pid":18257,"#) && json.contains(#""real_memory":112640"#))
    }

    @Test func `What no XML can hold is left out, and markup is escaped`() {
        #expect(PoolTree.fields([("a", .text("<&>\"\u{1B}\u{0}é"))]).xml() == ["<a>&lt;&amp;&gt;&quot;é</a>"])
        #expect(PoolTree.list(of: "b", []).json == "[]")
    }

    @Test func `A server is chosen by a name, by its beginning, or because it is the only one`() throws {
        func record(_ name: String) -> InstanceRecord {
            InstanceRecord(
                name: name, pid: 1, startTime: 1, version: "0.1.0", adminSocket: "/r/\(name)/admin.sock", apps: [],
                listen: [])
        }
        let two = InstanceChoice(all: [record("blog"), record("blog2")])
        #expect(try two.choose("blog").name == "blog")
        #expect(try two.choose("blog2").name == "blog2")
        #expect(throws: ControlError.self) { try two.choose("blo") }
        #expect(throws: ControlError.self) { try two.choose(nil) }
        #expect(throws: ControlError.self) { try two.choose("shop") }
        #expect(try InstanceChoice(all: [record("blog")]).choose(nil).name == "blog")
        #expect(throws: ControlError.self) { try InstanceChoice(all: []).choose(nil) }
    }

    @Test func `Memory is counted by process, generation and app, each process once`() {
        let memory = ["Private_Clean:", "Private_Dirty:", "Shared_Clean:", "Shared_Dirty:", "Pss:", "Swap:"]
            .map { "\($0) 1024 kB" }.joined(separator: "\n")
        let entries = [
            ProcessEntry(pid: 12, parent: 10, group: 12, cpuSeconds: 0, command: ["passenger-guard"]),
            // Of another app, which is not ours to see.
            ProcessEntry(pid: 99, parent: 10, group: 99, cpuSeconds: 0, command: ["passenger ruby worker: shop"]),
            ProcessEntry(pid: 18_257, parent: 10, group: 18_257, cpuSeconds: 0, command: ["ruby"]),
            ProcessEntry(pid: 20_000, parent: 18_257, group: 18_257, cpuSeconds: 0, command: ["convert", "a.png"]),
        ]
        let census = MemoryCensus(entries: entries) { pid in
            pid == 18_258 ? nil : ProcessMemory(status: "VmSize: 9000 kB", rollup: memory)
        }
        let report = census.report(Self.report)
        #expect(report.server.map(\.name) == ["supervisor", "core", "passenger-guard"])
        let processes = report.apps[0].generations[0].processes
        #expect(processes.map(\.pid) == [18_257, 20_000] && processes[1].name == "w1: convert a.png")
        #expect(
            report.apps[0].total
                == .init(
                    processes: 2, privateBytes: 4 << 20, sharedBytes: 4 << 20, pssBytes: 2 << 20, swapBytes: 2 << 20,
                    isExact: true))
        let lines = MemoryText(traits: .plain).lines(report)
        #expect(lines.contains("  generation g7, 42-9be0d13, live"))
        #expect(lines.contains { $0.hasSuffix("2.0 MB  2.0 MB  1.0 MB  1.0 MB  w1: convert a.png") }, "\(lines)")
        #expect(lines.last == "in all: 5.0 MB (PSS) in 5 processes, 10 MB of it private, 5.0 MB swapped out")
    }

    @Test func `What only the server could look at closely is taken from it`() {
        let census = MemoryCensus(entries: []) { _ in
            ProcessMemory(status: "VmSize: 9000 kB\nRssAnon: 5 kB", rollup: nil)
        }
        let processes = census.report(Self.report).apps[0].generations[0].processes
        #expect(processes.map(\.privateBytes) == [110 << 20, 110 << 20] && processes.allSatisfy(\.isExact))
    }
}
