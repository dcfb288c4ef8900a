import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Model
import Testing

struct RegistryTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory() }

    private func record(_ name: String, pid: Int32 = getpid(), startTime: UInt64? = nil, apps: [String: String]) throws
    {
        let record = InstanceRecord(
            name: name, pid: pid, startTime: startTime ?? processStartTime(pid: getpid()) ?? 0, version: "1.0.0",
            adminSocket: "/x", apps: apps.map { .init(name: AppName($0.key)!, root: $0.value) }, listen: [])
        try write(name, try WireJSON.encode(record))
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        try FileManager.default.createDirectory(atPath: "\(directory.path)/\(name)", withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: "\(directory.path)/\(name)/instance.json"))
    }

    @Test func `Instances whose process is gone, or whose pid is another's now, are not there`() throws {
        try record("running", apps: ["blog": "/srv/blog"])
        try record("reused", startTime: 1, apps: ["blog": "/srv/blog"])
        try record("dead", pid: Int32.max, apps: ["blog": "/srv/blog"])
        try write("garbage", Array("{".utf8))
        try FileManager.default.createDirectory(atPath: "\(directory.path)/empty", withIntermediateDirectories: true)
        let registry = InstanceRegistry(directories: ["/nonexistent", directory.path])
        #expect(registry.instances().map(\.name) == ["running"])
    }

    /// As in a container whose first process waits for nobody but its own.
    @Test func `An instance whose supervisor has ended is not there, though nobody has waited for it`() async throws {
        let child = try spawnProcess(path: "/bin/sleep", arguments: ["sleep", "60"], environment: [], moves: [])
        let registry = InstanceRegistry(directories: [directory.path])
        try record("zombie", pid: child, startTime: processStartTime(pid: child), apps: ["blog": "/srv/blog"])
        #expect(registry.instances().map(\.name) == ["zombie"])
        let process = try pidfdOpen(pid: child)
        kill(child, SIGKILL)
        try await blocking {
            var ended = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
            #expect(poll(&ended, 1, 10_000) == 1)
        }
        #expect(processStartTime(pid: child) != nil)
        #expect(registry.instances().isEmpty)
        waitpid(child, nil, 0)
    }
}

struct TargetTests {
    private func instance(_ name: String, _ apps: [(String, String)]) -> InstanceRecord {
        InstanceRecord(
            name: name, pid: 1, startTime: 1, version: "1", adminSocket: "/run/\(name)",
            apps: apps.map { .init(name: AppName($0.0)!, root: $0.1) }, listen: [])
    }

    private func query(
        instance: String? = nil, root: String? = nil, app: String? = nil, in directory: String = "/home/me",
        only: Bool = false
    ) -> TargetQuery {
        TargetQuery(instance: instance, root: root, app: app, workingDirectory: directory, acceptsOnlyInstance: only)
    }

    private func choose(_ query: TargetQuery, _ instances: [InstanceRecord]) -> Result<String, ErrorCode> {
        do throws(ControlError) {
            let target = try query.choose(from: instances)
            return .success("\(target.instance.name)/\(target.app?.rawValue ?? "-")")
        } catch {
            return .failure(error.code)
        }
    }

    @Test func `A directory finds the app that lives there or above, the deepest first`() {
        let all = [instance("a", [("site", "/srv"), ("blog", "/srv/blog")]), instance("b", [("shop", "/srv/shop")])]
        #expect(choose(query(in: "/srv/blog"), all) == .success("a/blog"))
        #expect(choose(query(in: "/srv/blog/releases/4-abc"), all) == .success("a/blog"))
        #expect(choose(query(in: "/srv/blogs"), all) == .success("a/site"))
        #expect(choose(query(root: "/srv/shop"), all) == .success("b/shop"))
    }

    @Test func `A name finds its app wherever it runs`() {
        let all = [instance("a", [("blog", "/a")]), instance("b", [("shop", "/b"), ("blog", "/c")])]
        #expect(choose(query(app: "shop"), all) == .success("b/shop"))
        #expect(choose(query(app: "blog"), all) == .failure(.usage))
        #expect(choose(query(instance: "b", app: "blog"), all) == .success("b/blog"))
        #expect(choose(query(app: "none"), all) == .failure(.unknownApp))
    }

    @Test func `The only instance will do for looking, not for changing`() {
        let all = [instance("a", [("blog", "/srv/blog")])]
        #expect(choose(query(only: true), all) == .success("a/blog"))
        #expect(choose(query(only: false), all) == .failure(.notRunning))
        #expect(choose(query(root: "/elsewhere", only: true), all) == .failure(.notRunning))
        #expect(choose(query(instance: "a"), all) == .success("a/blog"))
    }

    @Test func `Nothing running is exit status 3`() {
        #expect(choose(query(only: true), []) == .failure(.notRunning))
        #expect(choose(query(app: "blog"), []) == .failure(.notRunning))
        #expect(choose(query(instance: "x"), []) == .failure(.notRunning))
        #expect(ErrorCode.notRunning.exitStatus == 3)
    }

    @Test func `A socket that nobody listens on means not running`() {
        do throws(ControlError) {
            _ = try AdminClient(socketPath: "/nonexistent/admin.sock").status()
            Issue.record("answered")
        } catch {
            #expect(error.code == .notRunning)
        }
    }
}

extension ErrorCode: Error {}

struct InstanceDirectoriesTests {
    @Test func `Users see their own instances and the system's, root the system's only`() {
        func searched(_ uid: UInt32, _ environment: [String: String]) -> [String] {
            InstanceDirectories(uid: uid, environment: environment).searched()
        }
        let mine = ["HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/1000"]
        #expect(searched(0, mine) == ["/run/passenger"])
        #expect(
            searched(1000, mine) == [
                "/run/user/1000/passenger", "/home/me/.local/state/passenger/run", "/run/passenger",
            ])
        #expect(searched(1000, ["PASSENGER_RUNTIME_DIR": "/x"]) == ["/x"])
        #expect(searched(1000, ["PASSENGER_RUNTIME_DIR": ""]) == ["/run/passenger"])
    }

    @Test func `A path that the kernel would refuse is refused before it is needed`() throws {
        let short = try InstanceDirectories.adminSocket(in: "/run/passenger", instance: "default")
        #expect(short == "/run/passenger/default/admin.sock")
        #expect(throws: ControlError.self) {
            try InstanceDirectories.adminSocket(in: "/" + String(repeating: "x", count: 100), instance: "default")
        }
    }
}
