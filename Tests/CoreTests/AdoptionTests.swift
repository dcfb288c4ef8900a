import Deploys
import Foundation
import Model
import Pool
import Spawning
import Synchronization
import Testing
import Watching

@testable import Core

private let blog = AppName(sanitizing: "blog")

private func mark(_ worker: UInt32) -> ProcessMark { ProcessMark(pid: 1000 + Int32(worker), startTime: UInt64(worker)) }

private func entry(_ worker: UInt32, _ role: ChildRole = .worker, tag: UInt64? = nil) -> ChildEntry {
    ChildEntry(
        tag: ChildTag(tag ?? UInt64(worker)), role: role, pid: mark(worker).pid, startTime: mark(worker).startTime,
        title: "\(role) \(worker)")
}

private func generation(
    _ number: UInt32, _ state: GenerationState, _ workers: [UInt32], app: AppName = blog, release: Int? = nil
) -> GenerationRecord {
    let settings = AppSettings(name: app, directory: "/srv/\(app)", kind: .rack)
    let label = release.map { ReleaseLabel(number: DeployNumber($0), name: "\($0)-abc", revision: "abc") }
    return GenerationRecord(
        number: GenerationNumber(number),
        spec: GenerationSpec(app: app, settings: settings, release: label, workers: workers.count), state: state,
        target: workers.count, bornAt: Instant(nanoseconds: 5),
        workers: workers.map { worker in
            WorkerRecord(
                number: WorkerNumber(worker), sticky: StickyID(rawValue: UInt64(worker)),
                address: .unix(path: "/run/w\(worker).sock"), wireProtocol: .session, concurrency: 1,
                bornAt: Instant(nanoseconds: 6))
        })
}

private func snapshot(_ apps: [AppRecord], preloaders: [(GenerationNumber, UInt32)] = []) -> ServerSnapshot {
    ServerSnapshot(
        pool: PoolRecord(apps: apps, lastWorker: WorkerNumber(50)),
        workers: apps.flatMap(\.generations).flatMap(\.workers).map {
            .init(number: $0.number, process: mark($0.number.rawValue))
        },
        preloaders: preloaders.map { .init(app: blog, generation: $0.0, process: mark($0.1)) })
}

private func app(_ generations: [GenerationRecord], live: UInt32?, name: AppName = blog) -> AppRecord {
    AppRecord(
        name: name, generations: generations, live: live.map { GenerationNumber($0) },
        lastGeneration: GenerationNumber(12), scale: 3)
}

@Suite struct AdoptionPlanTests {
    private func plan(_ snapshot: ServerSnapshot, _ table: [ChildEntry]) -> AdoptionPlan {
        AdoptionPlan(snapshot, table: table)
    }

    @Test func `what runs as it was written down goes on, with its numbers`() {
        let known = snapshot([app([generation(3, .standby, [4]), generation(5, .live, [6, 7])], live: 5)])
        let plan = plan(known, [entry(4), entry(6), entry(7), entry(9)])
        #expect(plan.apps == [.init(record: known.pool.apps[0])])
        #expect(plan.lastWorker == WorkerNumber(50))
        #expect(plan.workers.keys.sorted() == [4, 6, 7].map { WorkerNumber($0) }, "and nothing else")
    }

    @Test func `a pid is no process: one that began at another time is another`() {
        let known = snapshot([app([generation(5, .live, [6, 7])], live: 5)])
        var stranger = entry(6)
        stranger.startTime += 1
        let plan = plan(known, [stranger, entry(7)])
        #expect(plan.workers == [WorkerNumber(7): mark(7)])
        #expect(plan.apps.first?.record.generations.first?.workers.map(\.number) == [WorkerNumber(7)])
        #expect(plan.apps.first?.record.generations.first?.target == 2, "the other one is replaced")
    }

    @Test(arguments: [ChildRole.runner, .builder, .watcher, .tool, .companion, .preloader])
    func `only a worker is taken for one`(role: ChildRole) {
        let known = snapshot([app([generation(5, .live, [6])], live: 5)])
        #expect(plan(known, [entry(6, role)]).workers.isEmpty)
    }

    @Test func `an app without a live worker is booted, but under numbers that nobody has had`() {
        let known = snapshot([app([generation(3, .standby, [4]), generation(5, .live, [6])], live: 5)])
        let plan = plan(known, [entry(4)])
        #expect(plan.workers.isEmpty, "what is live is missing")
        #expect(plan.apps.map(\.record.lastGeneration) == [GenerationNumber(12)])
        #expect(plan.apps.map(\.record.live) == [nil])
        #expect(plan.apps.first?.record.generations.isEmpty == true)
    }

    @Test(arguments: [GenerationState.booting, .proved])
    func `what was booting is ended, what was proved is not, and a restart that was under way is known`(
        state: GenerationState
    ) {
        for release in [nil, 7, 8] {
            let known = snapshot([
                app([generation(5, .live, [6], release: 7), generation(6, state, [8], release: release)], live: 5)
            ])
            let plan = plan(known, [entry(6), entry(8)])
            // What was proved may be what the journal says is live.
            let kept: [UInt32] = state == .proved ? [6, 8] : [6]
            #expect(plan.workers.keys.sorted() == kept.map { WorkerNumber($0) })
            #expect(plan.apps.map(\.wasRestarting) == [release == 7], "a deploy is no restart")
        }
        let inPlace = snapshot([app([generation(5, .live, [6]), generation(6, state, [])], live: 5)])
        #expect(plan(inPlace, [entry(6)]).apps.map(\.wasRestarting) == [true])
    }

    @Test func `preloaders go on with their generation`() {
        let known = snapshot(
            [app([generation(5, .live, [6]), generation(6, .booting, [])], live: 5)],
            preloaders: [(GenerationNumber(5), 30), (GenerationNumber(6), 31), (GenerationNumber(5), 32)])
        let table = [entry(6), entry(30, .preloader), entry(31, .preloader), entry(32, .preloader)]
        #expect(plan(known, table).preloaders == [.init(app: blog, number: GenerationNumber(5)): mark(30)])
        #expect(plan(known, [entry(6), entry(30)]).preloaders.isEmpty)
    }

    @Test func `nonsense makes no process serve twice`() {
        let other = AppName(sanitizing: "shop")
        var known = snapshot([
            app([generation(5, .live, [6, 6]), generation(5, .live, [7])], live: 5), app([], live: 5),
            app([generation(1, .live, [6], app: other)], live: 1, name: other),
            app([generation(2, .live, [9], app: blog)], live: 2, name: AppName(sanitizing: "mall")),
        ])
        known.workers.append(.init(number: WorkerNumber(40), process: mark(6)))
        let plan = plan(known, [entry(6), entry(7), entry(9)])
        let workers = plan.apps.flatMap(\.record.generations).flatMap(\.workers).map(\.number)
        #expect(workers == [WorkerNumber(6)])
        #expect(plan.workers == [WorkerNumber(6): mark(6)])
        #expect(plan.apps.map(\.record.name) == [blog, other, AppName(sanitizing: "mall")])
    }

    @Test func `random snapshots and tables: everything that goes on runs, once`() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            var numbers = (1...8).map { UInt32($0) }
            let apps = (0..<Int.random(in: 0...3, using: &random)).map { index in
                let generations = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                    let workers = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                        Int.random(in: 0..<10) > 0 && !numbers.isEmpty
                            ? numbers.removeLast() : UInt32.random(in: 1...8)
                    }
                    return generation(
                        .random(in: 1...3), GenerationState.allCases.randomElement()!, workers,
                        app: AppName(sanitizing: "app\(index)"))
                }
                return app(generations, live: .random(in: 1...3), name: AppName(sanitizing: "app\(index)"))
            }
            let table = (1...8).filter { _ in Bool.random() }.map { entry($0) }
            let plan = plan(snapshot(apps), table)
            let used = plan.apps.flatMap(\.record.generations).flatMap(\.workers).map(\.number)
            #expect(Set(used).count == used.count && Set(used) == Set(plan.workers.keys))
            #expect(Set(plan.workers.values).count == used.count)
            #expect(plan.workers.values.allSatisfy { mark in table.contains { $0.mark == mark } })
            for app in plan.apps where app.record.live != nil {
                #expect(app.record.generations.contains { $0.number == app.record.live && $0.state == .live })
            }
            #expect(plan.apps.allSatisfy { $0.record.live != nil || $0.record.generations.isEmpty })
        }
    }
}

@Suite struct AppNotesTests {
    private func file(_ directory: String, _ time: Int64?) -> RestartFile {
        RestartFile(
            directory: directory, stamp: time.map { FileStamp(mtimeNanoseconds: $0, inode: 1, size: 0) })
    }

    @Test func `the last word on each file is kept, and only a change calls for a snapshot`() {
        let notes = AppNotes()
        let changes = Mutex(0)
        notes.follow { changes.withLock { $0 += 1 } }
        for note in [file("tmp", nil), file("tmp", nil), file("tmp", 5), file("run", 6), file("tmp", 5)] {
            notes.note(note, of: blog)
        }
        #expect(changes.withLock { $0 } == 3)
        notes.note(CapacityRecord(scale: 2), of: blog)
        notes.note(CapacityRecord(scale: 2), of: blog)
        #expect(changes.withLock { $0 } == 4)
        #expect(notes.restartFile(of: blog, in: "tmp") == file("tmp", 5))
        #expect(notes.restartFile(of: blog, in: "run") == file("run", 6))
        #expect(notes.restartFile(of: blog, in: "other") == nil)
        notes.forget(blog)
        notes.forget(blog)
        #expect(changes.withLock { $0 } == 5)
        #expect(notes.all().isEmpty)
    }
}

@Suite struct ServerSnapshotTests {
    private let known = snapshot(
        [app([generation(3, .standby, [4], release: 2), generation(5, .live, [6, 7], release: 3)], live: 5)],
        preloaders: [(GenerationNumber(5), 30)])

    @Test func `it is read as it was written, and cut at any byte it is refused`() throws {
        let bytes = try SnapshotEncoder().encode(known)
        #expect(try ServerSnapshot.decode(bytes) == known)
        for length in bytes.indices {
            #expect(throws: ServerSnapshot.Unreadable.damaged) { try ServerSnapshot.decode(Array(bytes[..<length])) }
        }
    }

    @Test func `what is kept of the last time is as good as new`() throws {
        let encoder = SnapshotEncoder()
        let other = try #require(AppName(#"shop"#))
        // Text that looks like what the parts are put in place of.
        var odd = app([generation(1, .live, [1], app: other)], live: 1, name: other)
        odd.generations[0].spec.settings.variables["A"] = #""apps":[]"#
        var both = snapshot([odd, app([generation(5, .live, [6, 7])], live: 5)])
        both.notes = [AppNote(name: other)]
        #expect(try ServerSnapshot.decode(encoder.encode(both)) == both)
        #expect(try ServerSnapshot.decode(encoder.encode(both)) == both)
        var changed = both
        changed.pool.apps[1].generations[0].workers.removeLast()
        changed.workers.removeLast()
        #expect(try ServerSnapshot.decode(encoder.encode(changed)) == changed)
        changed.pool.apps.removeFirst()
        #expect(try ServerSnapshot.decode(encoder.encode(changed)) == changed)
        changed.pool.apps = []
        #expect(try ServerSnapshot.decode(encoder.encode(changed)) == changed)
        #expect(try ServerSnapshot.decode(encoder.encode(both)) == both)
    }

    @Test func `what is noted of apps is in it, and one without notes is read`() throws {
        let file = RestartFile(
            directory: "tmp", stamp: FileStamp(mtimeNanoseconds: 5, inode: 6, size: 0))
        var noted = known
        noted.notes = [
            AppNote(
                name: blog, capacity: CapacityRecord(pausedSince: Date(timeIntervalSince1970: 5)), restartFiles: [file])
        ]
        #expect(try ServerSnapshot.decode(SnapshotEncoder().encode(noted)) == noted)
        #expect(AdoptionPlan(noted, table: []).notes[blog]?.restartFiles == [file])
        noted.notes = nil
        #expect(try ServerSnapshot.decode(SnapshotEncoder().encode(noted)) == noted)
        #expect(AdoptionPlan(noted, table: []).notes.isEmpty)
    }

    @Test func `another version is refused as that, whatever else it says`() {
        #expect(throws: ServerSnapshot.Unreadable.otherVersion(2)) {
            try ServerSnapshot.decode(Array(#"{"version":2,"pool":"all different"}"#.utf8))
        }
        #expect(throws: ServerSnapshot.Unreadable.damaged) { try ServerSnapshot.decode(Array(#"{"version":1}"#.utf8)) }
        #expect(throws: ServerSnapshot.Unreadable.damaged) { try ServerSnapshot.decode([0xFF, 0]) }
    }

    private func inDirectory(_ body: (SnapshotFile) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "snapshot-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(SnapshotFile(directory: path))
    }

    private func names(_ file: SnapshotFile) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: file.directory).sorted()
    }

    @Test func `the file is its owner's alone, and is there for the next core until that writes its own`() throws {
        try inDirectory { file in
            #expect(file.take() == .nothing)
            try file.write(try SnapshotEncoder().encode(known))
            let written = try FileManager.default.attributesOfItem(atPath: "\(file.directory)/pool.json")
            #expect(written[.posixPermissions] as? Int == 0o600)
            for _ in 0..<SnapshotFile.tries { #expect(file.take() == .snapshot(known)) }
            try file.write(try SnapshotEncoder().encode(known))
            #expect(try names(file) == ["pool.json"])
            file.discard()
            #expect(try names(file).isEmpty)
        }
    }

    @Test func `one that is damaged, or that core after core dies of, is set aside`() throws {
        try inDirectory { file in
            try file.write(Array("{".utf8))
            let aside = "\(file.directory)/pool.json.refused"
            #expect(file.take() == .refused(reason: "it is damaged", path: aside))
            #expect(try names(file) == ["pool.json.refused"])
            #expect(file.take() == .nothing)
            try file.write(try SnapshotEncoder().encode(known))
            for _ in 0..<SnapshotFile.tries { _ = file.take() }
            guard case .refused(_, aside) = file.take() else {
                Issue.record("it is used again and again")
                return
            }
            #expect(try names(file) == ["pool.json.refused"])
            #expect(file.take() == .nothing)
        }
    }
}
