import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

extension SupervisorProcessTests {
    /// A real supervisor that becomes the program at its own path; the test plays its cores.
    @Suite(.serialized, .timeLimit(.minutes(5))) struct ExecInPlaceTests {
        private func children(of pid: Int32) -> [Int32] {
            processNumbers().filter { processParent(pid: $0) == pid }.sorted()
        }

        private func eventually(_ what: String, _ condition: () throws -> Bool) throws {
            let limit = monotonicNow() + .seconds(30)
            while try !condition() {
                guard monotonicNow() < limit else { throw TimedOut(what: what) }
                usleep(10_000)
            }
        }

        private static let polite = "trap 'echo got' USR1; trap 'exit 7' USR2; echo up; while :; do sleep 0.01; done"

        @Test func `twenty images one after another have the same core, workers, listeners and descriptors`() throws {
            let supervisor = try RunningSupervisor { plan, directory in
                plan.listeners = [
                    ListenerPlan(name: "http:0", address: .tcp(host: "127.0.0.1", port: 0), backlog: 64, count: 2),
                    ListenerPlan(name: "admin", address: .unix(path: directory + "/a.sock"), backlog: 5),
                ]
                plan.pidFile = directory + "/pid"
            }
            let socketPath = supervisor.directory.path + "/a.sock"
            let core = try supervisor.nextCore()
            let listeners = try core.start().listeners
            let admin = try #require(listeners.last).descriptor
            let worker = try core.spawn(shellPlan(Self.polite), group: "app-blog-g1")
            let preloader = try core.spawn(ForkTests.preloader(Self.polite), role: .preloader, group: "app-blog-g1")
            #expect(try preloader.line() == "loaded")
            let forked = try core.fork(from: preloader)
            #expect(try worker.line() == "up")
            #expect(try forked.line() == "up")
            // Steady since a moment: all that was opened to start them is closed.
            try supervisor.waitForIdle()
            let files = try openFiles(supervisor.pid)
            for round in 1...20 {
                // It waits in the listener, and is answered by the core, which knows of nothing.
                let client = try connectUnix(path: socketPath)
                try supervisor.becomeProgram()
                let accepted = Descriptor(owning: accept(admin, nil, nil))
                try writeAll(accepted.number, Array("hello\n".utf8))
                #expect(try readLine(client.number, "the answer") == "hello")
                for child in [worker, forked] {
                    try core.send(.signal(tag: child.entry.tag, signal: SIGUSR1, scope: .leader))
                    #expect(try child.line() == "got")
                }
                // A child that ends around the time of it is told of like any other.
                let short = try core.spawn(shellPlan("exit \(round)"))
                #expect(try core.expectExit(short.entry.tag).reason == .exited(Int32(round)))
            }
            let known = [core.pid, worker.entry.pid, preloader.entry.pid, forked.entry.pid]
            try eventually("the end of all guards but one") { children(of: supervisor.pid).count == known.count + 1 }
            #expect(Set(children(of: supervisor.pid)).isSuperset(of: known))
            try supervisor.waitForIdle()
            let filesAtEnd = try openFiles(supervisor.pid)
            #expect(filesAtEnd == files, "\(filesAtEnd) instead of \(files)")
            #expect(try readFile("/proc/\(supervisor.pid)/comm") == Array("passenger\n".utf8))
            closeDescriptors(listeners.map(\.descriptor))

            // All goes on as in the first one: forks, exits, another core with what there is, a stop.
            let other = try core.fork(from: preloader)
            #expect(try other.line() == "up")
            try core.send(.signal(tag: forked.entry.tag, signal: SIGUSR2, scope: .leader))
            #expect(try core.expectExit(forked.entry.tag).reason == .exited(7))
            kill(core.pid, SIGKILL)
            let next = try supervisor.nextCore()
            let started = try next.start()
            #expect(started.number == 2)
            #expect(started.bootPlan == Array("boot plan".utf8))
            #expect(started.listeners.map(\.name) == ["http:0", "http:0", "admin"])
            #expect(next.controlGroups == core.controlGroups && next.controlGroupNote == core.controlGroupNote)
            #expect(
                Set(next.children.map(\.entry.pid)) == [worker.entry.pid, preloader.entry.pid, other.entry.pid])
            closeDescriptors(started.listeners.map(\.descriptor))
            try supervisor.signal(SIGTERM)
            #expect(try next.receive().message == .shutdown(hurry: false))
            try next.send(.done)
            #expect(try supervisor.waitForExit() == .exited(0))
            for child in [worker, preloader, other] { try waitGone(child.process, "the end of \(child.entry.title)") }
            #expect(access(socketPath, F_OK) != 0 && access(supervisor.directory.path + "/pid", F_OK) != 0)
            if let groups = core.controlGroups { #expect(access(groups, F_OK) != 0, "groups are left behind") }
        }

        @Test func `kill -9 of a later image ends all that was started before and after`() throws {
            let supervisor = try RunningSupervisor()
            let core = try supervisor.nextCore()
            try core.start()
            let script = "trap '' TERM; sleep 1000 & echo $!; kill -STOP $!; wait"
            let before = try core.spawn(shellPlan(script))
            try supervisor.becomeProgram()
            let after = try core.spawn(shellPlan(script))
            let grandchildren = [
                try pidfdOpen(pid: try #require(Int32(try before.line()))).release(),
                try pidfdOpen(pid: try #require(Int32(try after.line()))).release(),
            ]
            defer { closeDescriptors(grandchildren) }
            try supervisor.signal(SIGKILL)
            _ = try supervisor.waitForExit()
            for child in [before, after] { try waitGone(child.process, "the end of a child") }
            for process in grandchildren { try waitReadable(process, "the end of a grandchild") }
        }

        @Test func `a TERM that comes with it is heard by one of the two`() throws {
            for _ in 1...5 {
                let supervisor = try RunningSupervisor()
                let core = try supervisor.nextCore()
                try core.start()
                try supervisor.waitForLog("is ready")
                try supervisor.signal(SIGALRM)
                try supervisor.signal(SIGTERM)
                #expect(try core.receive().message == .shutdown(hurry: false))
                try core.send(.done)
                #expect(try supervisor.waitForExit() == .exited(0))
            }
        }

        @Test func `the next image is the program that lies at the path, and so are its cores`() throws {
            let place = try TemporaryDirectory()
            let program = place.path + "/supervisor"
            let bytes = try readFile(builtProgram("supervisor-host"), limit: 256 << 20)
            try writeFileAtomically(directory: place.path, name: "supervisor", bytes: bytes, mode: 0o755)
            let supervisor = try RunningSupervisor(program: program)
            let core = try supervisor.nextCore()
            try core.start()
            let worker = try core.spawn(shellPlan(Self.polite))
            #expect(try worker.line() == "up")
            try supervisor.waitForIdle()
            let descriptors = try openDescriptors(pid: supervisor.pid)

            // No program: what runs goes on as if nothing had been.
            let broken = Array("neither a program nor a script\n".utf8)
            try writeFileAtomically(directory: place.path, name: "supervisor", bytes: broken, mode: 0o755)
            try supervisor.signal(SIGALRM)
            try supervisor.waitForLog("this one goes on: execveat: Exec format error (ENOEXEC)")
            #expect(try openDescriptors(pid: supervisor.pid) == descriptors)
            try core.send(.signal(tag: worker.entry.tag, signal: SIGUSR1, scope: .leader))
            #expect(try worker.line() == "got")
            // Descriptors that were to stay open are close-on-exec again: a child has none of them.
            let child = try core.spawn(shellPlan("ls /proc/self/fd | tr '\\n' ' '"))
            #expect(try child.line() == "0 1 2 3 ")
            #expect(try core.expectExit(child.entry.tag).reason == .exited(0))
            try supervisor.waitForIdle()
            for flags in try descriptorFlags(supervisor.pid) { #expect(flags & O_CLOEXEC != 0) }

            try writeFileAtomically(directory: place.path, name: "supervisor", bytes: bytes, mode: 0o755)
            try supervisor.becomeProgram()
            try supervisor.waitForIdle()
            for flags in try descriptorFlags(supervisor.pid) { #expect(flags & O_CLOEXEC != 0) }
            #expect(readLink("/proc/\(supervisor.pid)/exe") == program)
            kill(core.pid, SIGKILL)
            let next = try supervisor.nextCore()
            try next.start()
            #expect(readLink("/proc/\(next.pid)/exe") == program)
            #expect(next.children.map(\.entry) == [worker.entry])
        }

        /// What its descriptors stand for, without the numbers that all pipes, sockets and memory files have.
        private func openFiles(_ pid: Int32) throws -> [String] {
            try openDescriptors(pid: pid).compactMap { number in
                readLink("/proc/\(pid)/fd/\(number)").map { $0.filter { !$0.isNumber && $0 != "[" && $0 != "]" } }
            }.sorted()
        }

        /// Of all above the standard ones (proc(5), fdinfo).
        private func descriptorFlags(_ pid: Int32) throws -> [Int32] {
            try openDescriptors(pid: pid).filter { $0 > 2 }.map { number in
                let text = String(decoding: try readFile("/proc/\(pid)/fdinfo/\(number)"), as: UTF8.self)
                let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("flags:") })
                return try #require(line.split(separator: "\t").last.flatMap { Int32($0, radix: 8) })
            }
        }

        @Test func `it waits for a worker that is being forked`() throws {
            let supervisor = try RunningSupervisor()
            let core = try supervisor.nextCore()
            try core.start()
            let preloader = try core.spawn(
                ForkTests.preloader("echo up; exec sleep 1000", mischief: "time.sleep(0.5)"), role: .preloader)
            #expect(try preloader.line() == "loaded")
            let tag = try core.requestFork(from: preloader.entry.tag)
            // Answered in order, so the fork is under way by then.
            try core.send(.openFile(path: "/none"))
            #expect(try core.receive().message == .fileOpened(path: "/none", errno: EPERM))
            try supervisor.signal(SIGALRM)
            let born = try core.receive()
            guard case .spawned(let entry) = born.message, entry.tag == tag else {
                throw TimedOut(what: "spawned, not \(born.message)")
            }
            let worker = try Child(entry: entry, output: born.descriptors)
            #expect(try worker.line() == "up")
            try supervisor.waitForLog("another program goes on, with 2 children of core 1")
        }

        @Test func `the watcher of a directory of apps begins anew, and what it told before is compared`() throws {
            var listening: Int32 = -1
            let supervisor = try RunningSupervisor { plan, directory in
                let path = directory + "/apps.sock"
                listening = (try? listenUnix(path: path, mode: 0o666, backlog: 1).release()) ?? -1
                plan.appsWatcher = AppsWatcherPlan(arguments: ["apps", "core", path], input: [7])
            }
            let handover = Descriptor(owning: listening)
            func nextWatcher() throws -> (pid: Int32, socket: Int32) {
                try waitReadable(handover.number, "the watcher")
                let accepted = Descriptor(owning: accept(handover.number, nil, nil))
                let pid = try peerCredentials(accepted.number).pid
                let packet = try #require(try MessageSocket.receive(accepted.number))
                return (pid, try #require(packet.descriptors.first))
            }
            let core = try supervisor.nextCore()
            try core.start()
            func tell(_ socket: Int32, _ message: AppsMessage) throws {
                try MessageSocket.send(socket, MessageCodec.encode(message))
                #expect(try core.receive().message == .apps(message))
            }
            func app(_ name: String) -> AppsMessage {
                .present(
                    AppEntry(
                        name: name, path: "/srv/\(name)", isDeployRoot: false, owner: 0, user: nil, objection: nil,
                        stateDirectory: nil))
            }
            let first = try nextWatcher()
            defer { closeDescriptors([first.socket]) }
            let process = try pidfdOpen(pid: first.pid)
            for message in [app("blog"), app("shop"), .listed] { try tell(first.socket, message) }
            try supervisor.becomeProgram()
            let second = try nextWatcher()
            defer { closeDescriptors([second.socket]) }
            try waitGone(process, "the end of the first watcher")
            try tell(second.socket, app("blog"))
            try MessageSocket.send(second.socket, MessageCodec.encode(AppsMessage.listed))
            #expect(try core.receive().message == .apps(.gone(name: "shop")))
            #expect(try core.receive().message == .apps(.listed))
        }

        @Test func `the service manager hears nothing of it, and gives no socket twice`() throws {
            let place = try TemporaryDirectory()
            let manager = try bindDatagram(place.path + "/notify")
            let supervisor = try RunningSupervisor(environment: [
                "NOTIFY_SOCKET=\(place.path)/notify", "LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=a",
            ]) { plan, directory in
                plan.listeners = [
                    ListenerPlan(name: "http:0", address: .tcp(host: "127.0.0.1", port: 0), backlog: 64)
                ]
            }
            let core = try supervisor.nextCore()
            closeDescriptors(try core.start().listeners.map(\.descriptor))
            try supervisor.waitForLog("is ready")
            try supervisor.becomeProgram()
            let environment = String(decoding: try readFile("/proc/\(supervisor.pid)/environ"), as: UTF8.self)
            #expect(environment.contains("NOTIFY_SOCKET=") && !environment.contains("LISTEN_"))
            try core.send(.status("fine"))
            try core.send(.done)
            #expect(try supervisor.waitForExit() == .exited(0))
            var told: [String] = []
            while let bytes = try? readSome(manager.number, limit: 4096), !bytes.isEmpty {
                told.append(String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? "")
            }
            #expect(told == ["FDSTORE=1", "READY=1", "STATUS=fine", "STOPPING=1"])
        }

        /// Non-blocking. Descriptors that come are dropped: read(2) takes none.
        private func bindDatagram(_ path: String) throws -> Descriptor {
            let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            let socket = Descriptor(owning: Glibc.socket(AF_UNIX, type, 0))
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket.number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(result == 0)
            return socket
        }

        @Test func `what cannot be gone on with is given up, and the server goes on`() throws {
            let listener = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
            try startListening(listener.number, backlog: 1, subject: "listener")
            let pipe = try Pipe()
            let gone: Int32 = .max
            let supervisor = try RunningSupervisor(state: { plan in
                var state = SupervisorState(
                    plan: plan, core: SupervisorState.Core(number: 4, pid: gone, startedAt: .zero, socket: 4),
                    restarts: SupervisorState.Restarts(lastNumber: 4, failures: 0),
                    ownerPipe: SupervisorState.OwnerPipe(reader: 5, writer: 6))
                let entry = ChildEntry(tag: ChildTag(1), role: .worker, pid: gone - 1, startTime: 1, title: "worker")
                state.rows = [
                    SupervisorState.Row(
                        entry: entry, coreNumber: 4, controlGroup: nil, isOrphan: false, killAt: nil, drainAt: nil,
                        isDrained: false)
                ]
                state.children = [
                    SupervisorState.Child(pid: gone, process: 7), SupervisorState.Child(pid: gone - 1, process: 8),
                ]
                state.listeners = [
                    SupervisorState.Listener(name: "http:0", index: 0, descriptor: 9, path: nil, origin: .bound),
                    SupervisorState.Listener(name: "http:1", index: 0, descriptor: 10, path: nil, origin: .bound),
                ]
                let moves =
                    [DescriptorMove(source: listener.number, target: 9)]
                    + [4, 5, 7, 8, 10].map { DescriptorMove(source: pipe.reader.number, target: $0) }
                    + [6, 11].map { DescriptorMove(source: pipe.writer.number, target: $0) }
                return (state, moves)
            })
            let core = try supervisor.nextCore()
            let started = try core.start()
            #expect(started.number == 5)
            #expect(started.listeners.map(\.name) == ["http:0"])
            #expect(core.children.isEmpty)
            closeDescriptors(started.listeners.map(\.descriptor))
            try supervisor.waitForLog("listener http:1 is lost: descriptor 10 does not listen")
            try supervisor.waitForLog("pid \(gone - 1) is no child of this server any more")
            try supervisor.waitForIdle()
            // The two ends of the owner pipe are all that is left of it.
            let ends = try openDescriptors(pid: supervisor.pid).map { readLink("/proc/\(supervisor.pid)/fd/\($0)") }
            #expect(ends.count { $0 == readLink("/proc/self/fd/\(pipe.reader.number)") } == 2)
            let child = try core.spawn(shellPlan("exit 3"))
            #expect(try core.expectExit(child.entry.tag).reason == .exited(3))
            try core.send(.done)
            #expect(try supervisor.waitForExit() == .exited(0))
        }
    }
}
