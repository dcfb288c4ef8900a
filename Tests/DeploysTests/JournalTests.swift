import Deploys
import Foundation
import Glibc
import Linux
import Model
import Pool
import Testing

@Suite(.timeLimit(.minutes(5))) struct JournalTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory() }

    private func record(_ number: Int, output: String = "") -> DeployRecord {
        var record = DeployRecord(
            number: DeployNumber(number), request: DeployRequest(bake: .seconds(3), requester: somebody),
            requestedAt: Date(timeIntervalSince1970: 1_700_000_000))
        var step = StepRecord(step: .build, title: "build", start: Date(timeIntervalSince1970: 1_700_000_001))
        step.output = output
        record.steps = [step]
        record.failure = DeployFailure(.bootFailed, "no", boot: noWorker)
        record.settings = AppSettings(name: AppName(sanitizing: "blog"), directory: "/srv/app", kind: .rack)
        return record
    }

    @Test func `records come back as they were written, readable to their owner alone`() async throws {
        let journal = try Journal(directory: directory.path + "/state")
        journal.record(record(7))
        var live = LiveRecord()
        live.live = FakeBuilder.location(7, String(repeating: "a", count: 40))
        live.lock = Freeze(message: "not on Fridays", owner: "ann", since: Date(timeIntervalSince1970: 0))
        journal.record(live)
        #expect(await journal.flush())
        let loaded = journal.load()
        #expect(loaded.records == [record(7)])
        #expect(loaded.live == live)
        for (path, mode) in [("", 0o700), ("/deploys", 0o700), ("/deploys/7.json", 0o600), ("/live.json", 0o600)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: journal.directory + path)
            #expect(attributes[.posixPermissions] as? Int == mode, "\(path)")
        }
    }

    @Test func `a failure of an earlier version, whose summary has its step, is told as one of this version`()
        async throws
    {
        let journal = try Journal(directory: directory.path + "/state")
        var older = record(7)
        older.failure?.summary = "\(noWorker.step): no"
        journal.record(older)
        #expect(await journal.flush())
        #expect(journal.load().records == [record(7)])
    }

    @Test func `writes land in the order they were asked for`() async throws {
        let journal = try Journal(directory: directory.path + "/state")
        for number in 1...50 { journal.record(record(1, output: "\(number)")) }
        #expect(await journal.flush())
        #expect(journal.load().records.first?.steps.first?.output == "50")
        let left = try FileManager.default.contentsOfDirectory(atPath: journal.directory + "/deploys")
        #expect(left == ["1.json"])
    }

    /// Changes what is stored of the settings in a record, as another version of the program would have written it.
    private func rewrite(_ path: String, _ change: (inout [String: Any]) -> Void) throws {
        var record = try #require(
            try JSONSerialization.jsonObject(with: Data(try readFile(path))) as? [String: Any])
        var settings = try #require(record["settings"] as? [String: Any])
        change(&settings)
        record["settings"] = settings
        try JSONSerialization.data(withJSONObject: record).write(to: URL(fileURLWithPath: path))
    }

    @Test func `records of an older version have the defaults of what it did not know`() async throws {
        let journal = try Journal(directory: directory.path + "/state")
        var deploy = record(7)
        deploy.settings?.pool.minInstances = 3
        deploy.settings?.deploy.surge = .count(2)
        journal.record(deploy)
        var live = LiveRecord()
        live.live = FakeBuilder.location(7, String(repeating: "a", count: 40))
        live.settings = deploy.settings
        journal.record(live)
        #expect(await journal.flush())
        for name in ["live.json", "deploys/7.json"] {
            try rewrite("\(journal.directory)/\(name)") { settings in
                settings["processes"] = nil
                var pool = settings["pool"] as? [String: Any] ?? [:]
                pool["maxInstances"] = nil
                pool["threadCount"] = nil
                settings["pool"] = pool
                settings["health"] = nil
            }
        }
        let loaded = journal.load()
        #expect(loaded.live == live)
        #expect(loaded.records == [deploy])
        #expect(loaded.problems.isEmpty && !loaded.isLiveLost)
    }

    @Test func `settings of another form are given up, and what is live is not`() async throws {
        let journal = try Journal(directory: directory.path + "/state")
        var live = LiveRecord()
        live.live = FakeBuilder.location(7, String(repeating: "a", count: 40))
        live.settings = record(7).settings
        journal.record(live)
        #expect(await journal.flush())
        try rewrite("\(journal.directory)/live.json") { $0["pool"] = "of another form" }
        let loaded = journal.load()
        live.settings = nil
        #expect(loaded.live == live)
        #expect(!loaded.isLiveLost)
    }

    @Test func `every torn version of a record is set aside, and an interrupted write leaves the old one`() async throws
    {
        let journal = try Journal(directory: directory.path + "/state")
        journal.record(record(1))
        _ = await journal.flush()
        let path = journal.directory + "/deploys/1.json"
        let whole = try readFile(path)
        for length in stride(from: 0, to: whole.count - 2, by: 97) {
            try Data(whole[..<length]).write(to: URL(fileURLWithPath: path))
            let loaded = journal.load()
            #expect(loaded.records.isEmpty)
            #expect(loaded.unreadable.contains(DeployNumber(1)))
            #expect(loaded.problems.count == 1)
        }
        try Data(whole).write(to: URL(fileURLWithPath: path))
        // A temporary file of a process that died in the middle is none of ours.
        try Data(whole[..<40]).write(to: URL(fileURLWithPath: journal.directory + "/deploys/.1.json.77.abc"))
        #expect(journal.load().records == [record(1)])
    }

    @Test func `output in a record is bounded and keeps its end`() {
        var tail = OutputTail()
        for line in 0..<100_000 { tail.append("line \(line)") }
        #expect(tail.text.utf8.count <= OutputTail.limit)
        #expect(tail.text.hasPrefix("[…"))
        #expect(tail.last(1) == ["line 99999"])
        tail.append(String(repeating: "x", count: 1 << 20))
        #expect(tail.text.utf8.count <= OutputTail.limit)
    }

    @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root"))
    func `on a full disk the reserve makes room for the records that matter`() async throws {
        let disk = directory.path + "/disk"
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        try #require(mount("tmpfs", disk, "tmpfs", 0, "size=1m") == 0)
        defer { umount2(disk, Int32(MNT_DETACH)) }
        let journal = try Journal(directory: disk + "/state")
        journal.record(record(1))
        #expect(await journal.flush())
        let filler = try openFile(disk + "/filler", flags: O_WRONLY | O_CREAT)
        // Until ENOSPC: that is the point.
        while (try? writeAll(filler.number, [UInt8](repeating: 0, count: 4096))) != nil {}
        journal.record(record(2))
        #expect(await journal.flush())
        #expect(journal.load().records.map(\.number.rawValue) == [1, 2])
        #expect(!FileManager.default.fileExists(atPath: journal.directory + "/reserve"))
        // The reserve is used up: now it is a warning, and what was written stays readable.
        journal.record(record(2, output: String(repeating: "x", count: 600 << 10)))
        #expect(await !journal.flush())
        #expect(journal.failure?.summary.contains("ENOSPC") == true)
        #expect(journal.load().records.map(\.number.rawValue) == [1, 2])
        #expect(ftruncate(filler.number, 0) == 0)
        // Without that anybody records anything.
        try await eventually { journal.failure == nil }
        #expect(journal.load().records.last?.steps.first?.output.count == 600 << 10)
        journal.restoreReserve()
        journal.record(record(3))
        #expect(await journal.flush())
        #expect(FileManager.default.fileExists(atPath: journal.directory + "/reserve"))
    }

    @Test func `a file that could not be written is missed until it is there, whatever else could be`() async throws {
        let journal = try Journal(directory: directory.path + "/state")
        let path = journal.directory + "/live.json"
        try FileManager.default.createDirectory(atPath: path + "/in-its-place", withIntermediateDirectories: true)
        var live = LiveRecord()
        live.live = FakeBuilder.location(7, String(repeating: "a", count: 40))
        journal.record(live)
        journal.record(record(7))
        #expect(await !journal.flush())
        #expect(journal.failure?.summary.contains("live.json") == true)
        #expect(journal.load().records == [record(7)])
        try FileManager.default.removeItem(atPath: path)
        try await eventually { journal.failure == nil }
        #expect(journal.load().live == live)
    }

    private func eventually(_ condition: () -> Bool) async throws {
        for _ in 0..<500 where !condition() { try await Task.sleep(for: .milliseconds(20)) }
        #expect(condition())
    }

    @Test func `the operation lock is taken once, names its holder, and is free again`() throws {
        let path = directory.path + "/operation.lock"
        let first = OperationLock(path: path)
        let second = OperationLock(path: path)
        #expect(try first.take(holder: "deploy by ann") == nil)
        #expect(try second.take(holder: "deploy by bob") == "deploy by ann")
        first.release()
        #expect(try second.take(holder: "deploy by bob") == nil)
        #expect(try first.take(holder: "x") == "deploy by bob")
    }
}
