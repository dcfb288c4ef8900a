import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

@Suite("Supervisor process", .serialized, .timeLimit(.minutes(5)))
struct SupervisorProcessTests {
    @Test("files of the plan are opened for the core, as they are at the time, and no others")
    func readableFiles() throws {
        let files = try TemporaryDirectory()
        let key = files.path + "/blog.key"
        let fifo = files.path + "/fifo"
        try writeFileAtomically(directory: files.path, name: "blog.key", bytes: [1], mode: 0o600)
        #expect(mkfifo(fifo, 0o600) == 0)
        let supervisor = try RunningSupervisor { plan, directory in
            plan.readableFiles = [key, fifo, files.path, files.path + "/none"]
        }
        let core = try supervisor.nextCore()
        try core.start()
        for content in [1, 2] as [UInt8] {
            try writeFileAtomically(directory: files.path, name: "blog.key", bytes: [content], mode: 0o600)
            try core.send(.openFile(path: key))
            let answer = try core.receive()
            #expect(answer.message == .fileOpened(path: key, errno: 0))
            let file = Descriptor(owning: try #require(answer.descriptors.first))
            #expect(try readWholeFile(file.number, limit: 10) == [content])
        }
        for (path, errno) in [
            (files.path + "/blog.pem", EPERM), (files.path + "/./blog.key", EPERM), (fifo, EINVAL),
            (files.path, EINVAL), (files.path + "/none", ENOENT),
        ] {
            try core.send(.openFile(path: path))
            let answer = try core.receive()
            #expect(answer.message == .fileOpened(path: path, errno: errno))
            #expect(answer.descriptors.isEmpty)
        }
    }

    @Test("a core gets boot plan and listeners, its children's output and exits; TERM, done and all is over")
    func wholeLife() throws {
        let report = try Pipe()
        let instance = try TemporaryDirectory()
        try writeFileAtomically(directory: instance.path, name: "instance.json", bytes: [1], mode: 0o600)
        let supervisor = try RunningSupervisor { plan, directory in
            plan.listeners = [
                ListenerPlan(name: "http:0", address: .tcp(host: "127.0.0.1", port: 0), backlog: 64, count: 3),
                ListenerPlan(name: "admin", address: .unix(path: directory + "/a.sock"), backlog: 5, mode: 0o600),
            ]
            plan.pidFile = directory + "/pid"
            plan.instanceDirectory = instance.path
            plan.reportDescriptor = report.writer.number
        }
        let core = try supervisor.nextCore()
        let started = try core.start()
        #expect(started.bootPlan == Array("boot plan".utf8))
        #expect(started.listeners.map(\.name) == ["http:0", "http:0", "http:0", "admin"])
        #expect(started.listeners.map(\.index) == [0, 1, 2, 0])
        let ports = try Set(started.listeners.prefix(3).map { try boundPort($0.descriptor) })
        #expect(ports.count == 1 && !ports.contains(0))
        closeDescriptors(started.listeners.map(\.descriptor))
        try waitReadable(report.reader.number, "the start report")
        #expect(
            try MessageCodec.decodeStartReport(readSome(report.reader.number, limit: 4096))
                == .ready(summary: "test core 1"))
        let pidFile = supervisor.directory.path + "/pid"
        #expect(try readFile(pidFile) == Array("\(supervisor.pid)\n".utf8))
        #expect(try openDescriptors(pid: core.pid).filter { $0 < 4 } == [0, 1, 2, 3])

        let child = try core.spawn(shellPlan("echo out; echo err >&2; exit 3"))
        #expect(child.entry.startTime > 0)
        #expect(try readToEnd(child.output.number, "stdout") == "out\n")
        #expect(try readToEnd(child.errors.number, "stderr") == "err\n")
        let exit = try core.expectExit(child.entry.tag)
        #expect(exit.reason == .exited(3))
        #expect(exit.failure == nil)

        try supervisor.signal(SIGHUP)
        #expect(
            try core.receive().message
                == .reloadRefused(ticket: 0, reason: "this server does not read its configuration again"))
        try supervisor.signal(SIGUSR1)
        #expect(try core.receive().message == .reopenLogs)
        try supervisor.signal(SIGTERM)
        #expect(try core.receive().message == .shutdown(hurry: false))
        try supervisor.signal(SIGTERM)
        #expect(try core.receive().message == .shutdown(hurry: true))
        try core.send(.done)
        #expect(try supervisor.waitForExit() == .exited(0))
        #expect(access(pidFile, F_OK) != 0)
        #expect(access(instance.path, F_OK) != 0)
        #expect(access(supervisor.directory.path + "/a.sock", F_OK) != 0)
    }

    @Test("what a launcher could not do is told with the exit")
    func launchFailure() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        var plan = shellPlan("true")
        plan.directory = "/no/such"
        let exit = try core.expectExit(try core.spawn(plan).entry.tag)
        #expect(exit.reason == .exited(127))
        #expect(exit.failure == LaunchFailure(step: "chdir", errno: ENOENT, subject: "/no/such"))
    }

    @Test("requests outside the policy are refused with a reason, and nothing runs")
    func refusals() throws {
        let supervisor = try RunningSupervisor { plan, _ in plan.allowsOwnUser = false }
        let core = try supervisor.nextCore()
        try core.start()
        func refusal(_ tag: ChildTag) throws -> String {
            let message = try core.receive().message
            guard case .spawnRefused(tag, let reason) = message else { throw TimedOut(what: "refusal, not \(message)") }
            return reason
        }
        #expect(
            try refusal(core.request(shellPlan("true"), user: "mallory"))
                == "user mallory is not in the server's policy")
        #expect(try refusal(core.request(shellPlan("true"))).contains("supervisor's own user"))
        #expect(try refusal(core.request(shellPlan("true"), targets: [(0, 1)])).contains("stdout"))
        #expect(try refusal(core.request(shellPlan("true"), targets: [(0, 4), (0, 4)])).contains("distinct"))
        try core.send(
            .spawn(
                SpawnRequest(
                    tag: ChildTag(99), role: .tool, user: nil, targets: [3], outputPipes: true, title: "short")))
        #expect(try refusal(ChildTag(99)).contains("descriptors"))
    }

    @Test("a child runs as the policy's user", .enabled(if: isRoot, needsRoot))
    func userSwitch() throws {
        let nobody = try #require(try lookUpUser(name: "nobody"))
        let supervisor = try RunningSupervisor { plan, _ in plan.users = [nobody] }
        let core = try supervisor.nextCore()
        try core.start()
        let child = try core.spawn(shellPlan("id -un; exec sleep 1000"), user: "nobody")
        #expect(try child.line() == "nobody")
        #expect(try statusLine("Uid", pid: child.entry.pid) == Array(repeating: "\(nobody.uid)", count: 4))
    }

    @Test(
        "owners of the apps that a watcher tells of may be run as while they are there, root never",
        .enabled(if: isRoot, needsRoot))
    func owners() throws {
        let games = try #require(try lookUpUser(name: "games"))
        let root = try #require(try lookUpUser(name: "root"))
        var listening: Int32 = -1
        let supervisor = try RunningSupervisor { plan, directory in
            let path = directory + "/apps.sock"
            listening = (try? listenUnix(path: path, mode: 0o666, backlog: 1).release()) ?? -1
            plan.allowsOwnUser = false
            plan.appsWatcher = AppsWatcherPlan(arguments: ["apps", "core", path], input: [7])
        }
        let handover = Descriptor(owning: listening)
        try waitReadable(handover.number, "the watcher")
        let accepted = Descriptor(owning: accept(handover.number, nil, nil))
        let packet = try #require(try MessageSocket.receive(accepted.number))
        let watcher = Descriptor(owning: try #require(packet.descriptors.first))
        let core = try supervisor.nextCore()
        try core.start()
        func tell(_ message: AppsMessage) throws {
            try MessageSocket.send(watcher.number, MessageCodec.encode(message))
            #expect(try core.receive().message == .apps(message))
        }
        func app(_ name: String, _ user: PolicyUser) -> AppsMessage {
            .present(
                AppEntry(
                    name: name, path: "/srv/\(name)", isDeployRoot: false, owner: user.uid, user: user, objection: nil,
                    stateDirectory: nil))
        }
        func isRefused(_ user: String) throws -> Bool {
            let tag = try core.request(shellPlan("true"), user: user)
            if case .spawnRefused(tag, _) = try core.receive().message { return true }
            return false
        }
        #expect(try isRefused("games"))
        try tell(app("blog", games))
        try tell(app("rooty", root))
        #expect(try core.spawn(shellPlan("id -un; exec sleep 1000"), user: "games").line() == "games")
        #expect(try isRefused("root"))
        try tell(.unreachable(name: "blog", reason: "a mount hangs"))
        #expect(try core.spawn(shellPlan("id -un; exec sleep 1000"), user: "games").line() == "games")
        try tell(.gone(name: "blog"))
        #expect(try isRefused("games"))
    }

    @Test("a core runs as its own user, not as the supervisor's", .enabled(if: isRoot, needsRoot))
    func coreUser() throws {
        let nobody = try #require(try lookUpUser(name: "nobody"))
        let supervisor = try RunningSupervisor { plan, _ in
            plan.users = [nobody]
            plan.coreUser = "nobody"
            plan.coreProgram = "/bin/cat"
            plan.coreArguments = ["cat", "/proc/self/status"]
        }
        try supervisor.waitForLog("Groups:")
        let uid = supervisor.log.split(separator: "\n").first { $0.hasPrefix("Uid:") }
        #expect(uid?.split(separator: "\t").dropFirst().allSatisfy { $0 == "\(nobody.uid)" } == true)
    }

    @Test("the whole group of a leader that ends is killed, also when the leader forks and leaves")
    func forksAndLeaves() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let child = try core.spawn(shellPlan("sleep 1000 & echo $!; sleep 0.3; exit 0"))
        let straggler = try pidfdOpen(pid: try #require(Int32(try child.line())))
        #expect(try core.expectExit(child.entry.tag).reason == .exited(0))
        try waitGone(straggler, "the straggler's end")
    }

    @Test("a signal reaches the leader alone or the whole group")
    func signals() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let polite = try core.spawn(shellPlan("trap 'echo got; exit 7' USR1; echo up; while :; do sleep 0.01; done"))
        #expect(try polite.line() == "up")
        try core.send(.signal(tag: polite.entry.tag, signal: SIGUSR1, scope: .leader))
        #expect(try polite.line() == "got")
        #expect(try core.expectExit(polite.entry.tag).reason == .exited(7))
        let family = try core.spawn(shellPlan("sleep 1000 & echo $!; wait"))
        let grandchild = try pidfdOpen(pid: try #require(Int32(try family.line())))
        try core.send(.signal(tag: family.entry.tag, signal: SIGKILL, scope: .group))
        #expect(try core.expectExit(family.entry.tag).reason == .signalled(SIGKILL, dumpedCore: false))
        try waitGone(grandchild, "the grandchild's end")
    }

    @Test("kill -9 of the supervisor ends a plain child, a stopped one and one that ignores TERM")
    func supervisorKilled() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let scripts = [
            "echo up; exec sleep 1000", "echo up; kill -STOP $$; exec sleep 1000",
            "trap '' TERM; echo up; exec sleep 1000",
        ]
        let children = try scripts.map { try core.spawn(shellPlan($0)) }
        for child in children { #expect(try child.line() == "up") }
        let coreProcess = try pidfdOpen(pid: core.pid)
        try supervisor.signal(SIGKILL)
        _ = try supervisor.waitForExit()
        for child in children { try waitGone(child.process, "the end of \(child.entry.title)") }
        try waitGone(coreProcess, "the end of the core")
    }

    @Test("kill -9 of the supervisor also ends what its children started, a stopped one included")
    func grandchildren() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let family = try core.spawn(shellPlan("trap '' TERM; sleep 1000 & echo $!; kill -STOP $!; wait"))
        let grandchild = try pidfdOpen(pid: try #require(Int32(try family.line())))
        // A guard that is lost is replaced, with what there is to guard.
        let groupGuard = try #require(
            processNumbers().first { processParent(pid: $0) == supervisor.pid && isGuard($0) })
        kill(groupGuard, SIGKILL)
        try supervisor.waitForLog("the group guard ended")
        try supervisor.signal(SIGKILL)
        _ = try supervisor.waitForExit()
        try waitGone(grandchild, "the grandchild's end")
    }

    private func isGuard(_ pid: Int32) -> Bool {
        (try? readFile("/proc/\(pid)/cmdline")) == Array("passenger-guard\0guard\0".utf8)
    }

    @Test("a core that crashes is replaced; the listening sockets stay and lose no connection")
    func coreCrash() throws {
        let supervisor = try RunningSupervisor { plan, _ in
            plan.listeners = [ListenerPlan(name: "http:0", address: .tcp(host: "127.0.0.1", port: 0), backlog: 64)]
        }
        let first = try supervisor.nextCore()
        let before = try #require(try first.start().listeners.first)
        let port = try boundPort(before.descriptor)
        let inode = readLink("/proc/self/fd/\(before.descriptor)")
        closeDescriptors([before.descriptor])
        let orphan = try first.spawn(shellPlan("trap '' TERM; yes"), role: .tool)
        #expect(try orphan.line() == "y")
        let worker = try first.spawn(shellPlan("echo up; exec sleep 1000"))
        #expect(try worker.line() == "up")
        kill(first.pid, SIGKILL)
        // Made while nobody accepts.
        let client = try connectTCP(port: port)
        let second = try supervisor.nextCore()
        let started = try second.start()
        #expect(started.number == 2)
        let after = try #require(started.listeners.first)
        #expect(readLink("/proc/self/fd/\(after.descriptor)") == inode)
        try waitReadable(after.descriptor, "the connection made in between")
        let accepted = Descriptor(owning: accept(after.descriptor, nil, nil))
        try writeAll(accepted.number, Array("hello\n".utf8))
        #expect(try readLine(client.number, "the answer") == "hello")
        closeDescriptors([after.descriptor])
        try waitGone(orphan.process, "the end of the dead core's child")
        try supervisor.waitForLog("of output of pid \(orphan.entry.pid) were lost")
        // What served is the new core's, with its output; tags go on after those that it has got.
        #expect(second.children.map(\.entry) == [worker.entry])
        let child = try second.spawn(shellPlan("echo up"))
        #expect(child.entry.tag.rawValue == worker.entry.tag.rawValue + 1)
        try second.send(.signal(tag: worker.entry.tag, signal: SIGKILL, scope: .group))
        let kept = try #require(second.children.first)
        try waitGone(kept.process, "the end of what the new core has got")
        #expect(try readSome(kept.output.number, limit: 16).isEmpty, "the end of its output")
    }

    private func connectTCP(port: UInt16) throws -> Descriptor {
        let client = Descriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
        return client
    }

    @Test("a taken port is refused, and says by whom")
    func portTaken() throws {
        let holder = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: true)
        try startListening(holder.number, backlog: 1, subject: "holder")
        let port = try boundPort(holder.number)
        let report = try Pipe()
        let supervisor = try RunningSupervisor { plan, _ in
            plan.listeners = [
                ListenerPlan(
                    name: "http:0", address: .tcp(host: "127.0.0.1", port: Int(port)), backlog: 1, count: 2)
            ]
            plan.reportDescriptor = report.writer.number
        }
        #expect(try supervisor.waitForExit() == .exited(1))
        let name = String(decoding: try readFile("/proc/self/comm").dropLast(), as: UTF8.self)
        let reason = "cannot listen on 127.0.0.1:\(port): the port is taken by \(name) (pid \(getpid()))"
        try supervisor.waitForLog(reason)
        #expect(
            try MessageCodec.decodeStartReport(readSome(report.reader.number, limit: 4096))
                == .failed(reason: reason, exitCode: 1))
    }

    @Test("a stale socket file is replaced; a live one, and any other file, is left alone")
    func unixSockets() throws {
        let directory = try TemporaryDirectory()
        let stale = directory.path + "/stale.sock"
        do { _ = try listenUnix(path: stale, mode: 0o600, backlog: 1) }
        let supervisor = try RunningSupervisor { plan, _ in
            plan.listeners = [ListenerPlan(name: "a", address: .unix(path: stale), backlog: 1, mode: 0o620)]
        }
        let core = try supervisor.nextCore()
        closeDescriptors(try core.start().listeners.map(\.descriptor))
        var status = stat()
        #expect(lstat(stale, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o620)
        _ = try connectUnix(path: stale)

        let second = try RunningSupervisor { plan, _ in
            plan.listeners = [ListenerPlan(name: "a", address: .unix(path: stale), backlog: 1)]
        }
        #expect(try second.waitForExit() == .exited(1))
        try second.waitForLog("unix:\(stale): another process listens there")
        #expect(access(stale, F_OK) == 0, "the live server keeps its socket")

        try writeFileAtomically(directory: directory.path, name: "file", bytes: [1], mode: 0o600)
        let third = try RunningSupervisor { plan, _ in
            plan.listeners = [ListenerPlan(name: "a", address: .unix(path: directory.path + "/file"), backlog: 1)]
        }
        #expect(try third.waitForExit() == .exited(1))
        try third.waitForLog("exists and is not a socket")
        #expect(access(directory.path + "/file", F_OK) == 0)
        unlink(directory.path + "/file")
    }

    @Test("a Unix socket belongs to its owner", .enabled(if: isRoot, needsRoot), arguments: [true, false])
    func socketOwner(ownerMayCreate: Bool) throws {
        let nobody = try #require(try lookUpUser(name: "nobody"))
        let directory = try TemporaryDirectory()
        if ownerMayCreate { #expect(chown(directory.path, nobody.uid, nobody.gid) == 0) }
        let path = directory.path + "/s"
        let supervisor = try RunningSupervisor { plan, _ in
            plan.users = [nobody]
            plan.listeners = [
                ListenerPlan(name: "a", address: .unix(path: path), backlog: 1, mode: 0o600, owner: "nobody")
            ]
        }
        closeDescriptors(try supervisor.nextCore().start().listeners.map(\.descriptor))
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_uid == nobody.uid && status.st_gid == nobody.gid)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(try statusLine("Uid", pid: supervisor.pid) == ["0", "0", "0", "0"])
    }

    @Test("what is left at the end is ended, a daemon that left its session included")
    func descendants() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let child = try core.spawn(
            shellPlan("trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' & wait"))
        let daemon = try pidfdOpen(pid: try #require(Int32(try child.line())))
        try core.send(.done)
        #expect(try supervisor.waitForExit() == .exited(0))
        try waitGone(daemon, "the daemon's end")
        try waitGone(child.process, "the child's end")
    }

    @Test("a first core that fails is reported with its exit code")
    func failedCore() throws {
        let report = try Pipe()
        let supervisor = try RunningSupervisor { plan, _ in plan.reportDescriptor = report.writer.number }
        let core = try supervisor.nextCore()
        try core.send(.failed(reason: "no startup file", exitCode: 2))
        #expect(try supervisor.waitForExit() == .exited(2))
        #expect(
            try MessageCodec.decodeStartReport(readSome(report.reader.number, limit: 4096))
                == .failed(reason: "no startup file", exitCode: 2))
    }

    @Test("bytes that are no message end the core, not the supervisor")
    func garbage() throws {
        let supervisor = try RunningSupervisor()
        let first = try supervisor.nextCore()
        try first.start()
        try MessageSocket.send(first.socket.number, [0xFF, 1, 2, 3], descriptors: [0])
        let second = try supervisor.nextCore()
        #expect(try second.start().number == 2)
    }
}
