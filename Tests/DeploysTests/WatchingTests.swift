import Foundation
import Glibc
import Linux
import Model
import Testing
import Watching

@Suite struct RestartTriggerTests {
    private func stamp(_ mtime: Int64, inode: UInt64 = 1, size: Int64 = 0) -> FileStamp {
        FileStamp(mtimeNanoseconds: mtime, inode: inode, size: size)
    }
    private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    @Test func `the first look only takes a baseline`() {
        var trigger = RestartTrigger()
        #expect(trigger.observe(stamp(5), now: at(0)) == .none)
        #expect(trigger.observe(stamp(5), now: at(1000)) == .none)
    }

    @Test(arguments: [(6, 1, 0), (4, 1, 0), (5, 2, 0), (5, 1, 9)])
    func `a difference in time, inode or size counts, in either direction`(mtime: Int64, inode: UInt64, size: Int64) {
        var trigger = RestartTrigger()
        _ = trigger.observe(stamp(5), now: at(0))
        let changed = stamp(mtime, inode: inode, size: size)
        #expect(trigger.observe(changed, now: at(10)) == .lookAgain(at: at(110)))
        #expect(trigger.observe(changed, now: at(50)) == .lookAgain(at: at(110)))
        #expect(trigger.observe(changed, now: at(110)) == .restart(changed))
        #expect(trigger.observe(changed, now: at(500)) == .none)
    }

    @Test func `a file that is made counts, one that goes does not, and the same one back does not either`() {
        var trigger = RestartTrigger()
        _ = trigger.observe(nil, now: at(0))
        _ = trigger.observe(stamp(5), now: at(10))
        #expect(trigger.observe(stamp(5), now: at(200)) == .restart(stamp(5)))
        #expect(trigger.observe(nil, now: at(300)) == .none)
        #expect(trigger.observe(stamp(5), now: at(400)) == .none)
        #expect(trigger.observe(stamp(6), now: at(500)) == .lookAgain(at: at(600)))
    }

    @Test func `what is known of it is the baseline: a change while nobody looked counts`() {
        var trigger = RestartTrigger(known: stamp(5))
        #expect(trigger.observe(stamp(6), now: at(0)) == .lookAgain(at: at(100)))
        #expect(trigger.observe(stamp(6), now: at(100)) == .restart(stamp(6)))
        var unchanged = RestartTrigger(known: stamp(5))
        #expect(unchanged.observe(stamp(5), now: at(0)) == .none)
        var missing = RestartTrigger(known: nil)
        #expect(missing.observe(nil, now: at(0)) == .none)
        #expect(missing.observe(stamp(5), now: at(10)) == .lookAgain(at: at(110)))
        var gone = RestartTrigger(known: stamp(5))
        #expect(gone.observe(nil, now: at(0)) == .none)
    }

    @Test func `two changes in a row are one wish`() {
        var trigger = RestartTrigger()
        _ = trigger.observe(nil, now: at(0))
        _ = trigger.observe(stamp(5), now: at(10))
        #expect(trigger.observe(stamp(6, size: 3), now: at(60)) == .lookAgain(at: at(160)))
        #expect(trigger.observe(stamp(6, size: 3), now: at(160)) == .restart(stamp(6, size: 3)))
        #expect(trigger.observe(stamp(6, size: 3), now: at(170)) == .none)
    }
}

/// The watcher's loop on a thread of its own, a real directory, real inotify.
@Suite(.serialized, .timeLimit(.minutes(5))) struct WatcherTests {
    private let root: String
    private let watcher: RunningWatcher

    init() throws {
        root = NSTemporaryDirectory() + "watching-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: root + "/tmp", withIntermediateDirectories: true)
        watcher = try RunningWatcher(root: root)
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: root + "/" + path))
    }

    @Test func `touch, replacement and a made file are seen; a deleted one is not`() async throws {
        try write("1", to: "tmp/restart.txt")
        try watcher.watch()
        utimensat(AT_FDCWD, root + "/tmp/restart.txt", nil, 0)
        #expect(try watcher.next().event == .restart)
        try write("2", to: "tmp/new")
        rename(root + "/tmp/new", root + "/tmp/restart.txt")
        #expect(try watcher.next().event == .restart)
        unlink(root + "/tmp/restart.txt")
        // Had the deletion been an event, it would come before the answer.
        try watcher.order(.writeResult("app", "fine\n"))
        #expect(try watcher.next().event == .resultWritten)
        try write("3", to: "tmp/restart.txt")
        #expect(try watcher.next().event == .restart)
        try await watcher.end(root)
    }

    @Test func `a restart directory that comes later, or is replaced, is watched`() async throws {
        rmdir(root + "/tmp")
        try watcher.watch()
        mkdir(root + "/tmp", 0o755)
        try write("1", to: "tmp/restart.txt")
        #expect(try watcher.next().event == .restart)
        rename(root + "/tmp", root + "/gone")
        mkdir(root + "/tmp", 0o755)
        try write("2", to: "tmp/restart.txt")
        #expect(try watcher.next().event == .restart)
        try await watcher.end(root)
    }

    @Test func `the result is written beside it, and never through a symbolic link`() async throws {
        try watcher.watch()
        mkdir(root + "/elsewhere", 0o755)
        try write("precious", to: "elsewhere/file")
        symlink(root + "/elsewhere/file", root + "/tmp/restart.result")
        try watcher.order(.writeResult("app", "it broke\n"))
        #expect(try watcher.next().event == .resultWritten)
        #expect(try String(contentsOfFile: root + "/tmp/restart.result", encoding: .utf8) == "it broke\n")
        #expect(try String(contentsOfFile: root + "/elsewhere/file", encoding: .utf8) == "precious")
        try FileManager.default.removeItem(atPath: root + "/tmp")
        symlink(root + "/elsewhere", root + "/tmp")
        try watcher.order(.writeResult("app", "again\n"))
        #expect(try watcher.next().event == .problem)
        #expect(!FileManager.default.fileExists(atPath: root + "/elsewhere/restart.result"))
        try await watcher.end(root)
    }

    @Test func `two places are told apart, and one can be forgotten`() async throws {
        try watcher.watch()
        mkdir(root + "/other", 0o755)
        try watcher.order(.watch("other", directory: root, restartDirectory: "other"))
        let missing = RestartFile(directory: "other", stamp: nil)
        #expect(try watcher.next() == WatcherEvent(.watching, app: "other", file: missing))
        try write("1", to: "other/restart.txt")
        let event = try watcher.next()
        #expect(event.event == .restart && event.app == "other")
        try watcher.order(.forget("other"))
        try write("22", to: "other/restart.txt")
        try write("1", to: "tmp/restart.txt")
        #expect(try watcher.next().app == "app")
        try await watcher.end(root)
    }

    @Test func `a touch between two watchers is one, and what the first has told is none`() async throws {
        try write("1", to: "tmp/restart.txt")
        try watcher.watch()
        utimensat(AT_FDCWD, root + "/tmp/restart.txt", nil, 0)
        let told = try #require(try watcher.next().file)
        func watchAgain(knowing known: RestartFile, in directory: String = "tmp") throws -> RestartFile? {
            try watcher.order(.forget("app"))
            try watcher.order(.watch("app", directory: root, restartDirectory: directory, known: known))
            let event = try watcher.next()
            #expect(event.event == .watching)
            return event.file
        }
        #expect(try watchAgain(knowing: told) == told)
        // Had it been an event, it would come before the answer.
        try watcher.order(.writeResult("app", "fine\n"))
        #expect(try watcher.next().event == .resultWritten)
        utimensat(AT_FDCWD, root + "/tmp/restart.txt", nil, 0)
        #expect(try watchAgain(knowing: told) == told, "what the app was restarted for")
        let event = try watcher.next()
        #expect(event.event == .restart)
        #expect(event.file != told)
        // Of another directory nothing is known.
        mkdir(root + "/other", 0o755)
        try write("1", to: "other/restart.txt")
        let other = try watchAgain(knowing: told, in: "other")
        #expect(other?.directory == "other" && other?.stamp != nil)
        try await watcher.end(root)
    }

    @Test func `an order that makes no sense is answered and ignored`() async throws {
        try watcher.watch()
        try watcher.raw("garbage\n")
        #expect(try watcher.next().event == .problem)
        try await watcher.end(root)
    }
}

private final class RunningWatcher: Sendable {
    private let root: String
    private let input: Int32
    private let output: Int32
    private let status: Task<Int32, Never>

    init(root: String) throws {
        self.root = root
        var orders: [Int32] = [0, 0]
        var events: [Int32] = [0, 0]
        guard pipe(&orders) == 0, pipe(&events) == 0 else { throw SystemError(call: "pipe") }
        let (reader, writer) = (orders[0], events[1])
        input = orders[1]
        output = events[0]
        status = Task {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    let status = WatcherProcess.run(input: reader, output: writer)
                    closeDescriptors([reader, writer])
                    continuation.resume(returning: status)
                }
            }
        }
    }

    func watch() throws {
        try order(.watch("app", directory: root, restartDirectory: "tmp"))
        #expect(try next().event == .watching)
    }

    func order(_ order: WatcherOrder) throws { try writeAll(input, WatcherWire.line(order)) }
    func raw(_ text: String) throws { try writeAll(input, Array(text.utf8)) }

    /// One line; at most 10 s.
    func next() throws -> WatcherEvent {
        var line: [UInt8] = []
        while true {
            var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 60_000) == 1 else { throw SystemError(call: "poll", errno: ETIMEDOUT) }
            let byte = try readSome(output, limit: 1)
            guard let byte = byte.first else { throw SystemError(call: "read", errno: EPIPE) }
            if byte == UInt8(ascii: "\n") { break }
            line.append(byte)
        }
        return try #require(WatcherWire.decode(WatcherEvent.self, line))
    }

    func end(_ root: String) async throws {
        closeDescriptors([input])
        #expect(await status.value == 0)
        closeDescriptors([output])
        try FileManager.default.removeItem(atPath: root)
    }
}

@Suite struct SourceNamesTests {
    @Test(arguments: ["app.rb", "Gemfile.lock", "config.yml", "page.html.erb", ".env", ".env.local", ".ruby-version"])
    func `what an app is made of counts`(_ name: String) { #expect(SourceNames.countsFile(name)) }

    @Test(arguments: [
        ".git", ".app.rb.swp", "app.rb~", "#app.rb#", "4913", "a.pyc", "db.sqlite3", "db.sqlite3-wal",
        "development.log",
        "server.pid", ".DS_Store", "x.tmp", "restart.txt", "restart.result", "always_restart.txt",
    ])
    func `what editors, tools and the app write does not`(_ name: String) { #expect(!SourceNames.countsFile(name)) }

    @Test func `a file's name makes no lines in the log`() {
        #expect(SourceNames.shown("a\nCRIT b\u{1b}[2J\u{85}.rb") == "a?CRIT b?[2J?.rb")
        #expect(SourceNames.shown("lib/grüße.rb") == "lib/grüße.rb")
        #expect(SourceNames.shown(String(repeating: "a", count: 255)).count == 80)
    }

    @Test func `directories that are written to are not looked into`() {
        for name in ["tmp", "log", "node_modules", ".git", ".venv", "public", "__pycache__", "storage"] {
            #expect(!SourceNames.countsDirectory(name, in: "blog"), "\(name)")
        }
        #expect(
            !SourceNames.countsDirectory("bundle", in: "vendor") && SourceNames.countsDirectory("bundle", in: "lib"))
        for name in ["lib", "app", "views", "vendor"] { #expect(SourceNames.countsDirectory(name, in: "blog")) }
    }
}

@Suite struct ChangeTriggerTests {
    private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    @Test func `many changes are one wish, once they have ended`() {
        var trigger = ChangeTrigger()
        #expect(trigger.due == nil && !trigger.isDue(now: at(0)))
        trigger.changed(now: at(0))
        trigger.changed(now: at(80))
        #expect(!trigger.isDue(now: at(179)) && trigger.due == at(180))
        #expect(trigger.isDue(now: at(180)) && trigger.due == nil && !trigger.isDue(now: at(500)))
    }

    @Test func `changes that do not end are not waited for`() {
        var trigger = ChangeTrigger()
        for time in 0...49 { trigger.changed(now: at(Int64(time) * 10)) }
        #expect(!trigger.isDue(now: at(499)) && trigger.isDue(now: at(500)))
    }
}
