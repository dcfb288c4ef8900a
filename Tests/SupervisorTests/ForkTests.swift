import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

/// Preloaders that are played by Python scripts: honest ones, and others.
@Suite("Forked workers", .serialized, .timeLimit(.minutes(5)))
struct ForkTests {
    /// Forks twice for each request; the worker then runs `SCRIPT` in a shell. `MISCHIEF` is run first, by the preloader with a
    /// request's `ticket` and `fds`.
    static func preloader(
        _ script: String, mischief: String = "pass", blocked: String = "USR1"
    ) -> LaunchPlan {
        let code = """
            import ctypes, os, signal, socket, sys, time
            control = socket.socket(fileno=5)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIG\(blocked)])
            def fork_worker(ticket, fds, leads=True):
                go, release = os.pipe()
                middle = os.fork()
                if middle == 0:
                    if os.fork(): os._exit(0)
                    os.close(release)
                    os.read(go, 1)
                    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
                    if leads: os.setpgid(0, 0)
                    os.dup2(fds[2], 1)
                    os.dup2(fds[3], 2)
                    control.send(b'born %d' % ticket)
                    signal.pthread_sigmask(signal.SIG_SETMASK, [])
                    os.execv('/bin/sh', ['sh', '-c', sys.argv[1]])
                os.waitpid(middle, 0)
                os.close(release)
                os.close(go)
            print('loaded', flush=True)
            while True:
                message, fds, _, _ = socket.recv_fds(control, 256, 8)
                if not message: os._exit(0)
                ticket = int(message.split()[1])
                \(mischief)
                fork_worker(ticket, fds)
                for fd in fds: os.close(fd)
            """
        return LaunchPlan(
            arguments: ["/usr/bin/python3", "-c", code, script], environment: ["PATH=/usr/bin:/bin"], directory: "/")
    }

    private func start(
        _ plan: LaunchPlan, user: String? = nil, _ change: (inout SupervisorPlan) -> Void = { _ in }
    ) throws -> (supervisor: RunningSupervisor, core: CoreSide, preloader: Child) {
        let supervisor = try RunningSupervisor { plan, _ in change(&plan) }
        let core = try supervisor.nextCore()
        try core.start()
        let preloader = try core.spawn(plan, user: user, role: .preloader)
        let line = try preloader.line()
        #expect(line == "loaded", "\(line)")
        return (supervisor, core, preloader)
    }

    @Test("a forked worker is a child like any other: its own group, output, signals, exit")
    func honest() throws {
        let (supervisor, core, preloader) = try start(
            Self.preloader("trap 'echo got; exit 7' USR1; echo up; echo err >&2; while :; do sleep 0.01; done"))
        let worker = try core.fork(from: preloader)
        #expect(worker.entry.role == .worker && worker.entry.startTime > 0)
        #expect(try worker.line() == "up")
        #expect(try readLine(worker.errors.number, "stderr") == "err")
        #expect(processParent(pid: worker.entry.pid) == supervisor.pid)
        #expect(processGroup(pid: worker.entry.pid) == worker.entry.pid)
        #expect(processStartTime(pid: worker.entry.pid) == worker.entry.startTime)
        try core.send(.signal(tag: worker.entry.tag, signal: SIGUSR1, scope: .leader))
        #expect(try worker.line() == "got")
        #expect(try core.expectExit(worker.entry.tag).reason == .exited(7))
        // The preloader's end is no worker's, and not that of the owner pipe.
        let other = try core.fork(from: preloader)
        #expect(try other.line() == "up")
        let owner = try openFile("/proc/\(preloader.entry.pid)/fd/6", flags: O_RDONLY)
        try core.send(.signal(tag: preloader.entry.tag, signal: SIGKILL, scope: .group))
        #expect(try core.expectExit(preloader.entry.tag).reason == .signalled(SIGKILL, dumpedCore: false))
        #expect(throws: TimedOut.self) { try waitReadable(owner.number, seconds: 0.2, "nothing") }
        try core.send(.signal(tag: other.entry.tag, signal: SIGUSR1, scope: .leader))
        #expect(try core.expectExit(other.entry.tag).reason == .exited(7))
    }

    @Test("a worker that ends as soon as it was forked is told of like any other, and its preloader is not blamed")
    func shortLived() throws {
        let (supervisor, core, preloader) = try start(Self.preloader("exit 3"))
        for _ in 0..<30 {
            let worker = try core.fork(from: preloader)
            #expect(try core.expectExit(worker.entry.tag).reason == .exited(3))
        }
        withExtendedLifetime(supervisor) {}
    }

    @Test("a preloader finds its control socket and the owner pipe, and nothing else")
    func descriptors() throws {
        let (supervisor, _, preloader) = try start(Self.preloader("true"))
        #expect(try openDescriptors(pid: preloader.entry.pid) == [0, 1, 2, 5, 6])
        withExtendedLifetime(supervisor) {}
    }

    @Test("kill -9 of the supervisor ends forked workers, a stopped one too, and what they started")
    func supervisorKilled() throws {
        let (supervisor, core, preloader) = try start(
            Self.preloader("trap '' TERM; sleep 1000 & echo $!; kill -STOP $$; wait"))
        let worker = try core.fork(from: preloader)
        let grandchild = try pidfdOpen(pid: try #require(Int32(try worker.line())))
        try supervisor.signal(SIGKILL)
        _ = try supervisor.waitForExit()
        try waitGone(worker.process, "the end of the worker")
        try waitGone(preloader.process, "the end of the preloader")
        try waitGone(grandchild, "the end of what the worker started")
    }

    @Test("the owner pipe ends with the supervisor")
    func ownerPipe() throws {
        let (supervisor, _, preloader) = try start(Self.preloader("true"))
        let owner = try openFile("/proc/\(preloader.entry.pid)/fd/6", flags: O_RDONLY)
        try supervisor.signal(SIGKILL)
        _ = try supervisor.waitForExit()
        try waitReadable(owner.number, "the end of the owner pipe")
        #expect(try readSome(owner.number, limit: 1).isEmpty)
    }

    @Test("forked workers outlive their core, and their preloader forks for the next one")
    func coreKilled() throws {
        let (supervisor, core, preloader) = try start(Self.preloader("echo up; exec sleep 1000"))
        let worker = try core.fork(from: preloader)
        #expect(try worker.line() == "up")
        kill(core.pid, SIGKILL)
        let next = try supervisor.nextCore()
        try next.start()
        #expect(Set(next.children.map(\.entry.pid)) == [worker.entry.pid, preloader.entry.pid])
        let other = try next.fork(from: preloader)
        #expect(try other.line() == "up")
    }

    @Test(
        "a process that is no worker which the preloader forked is refused, and the preloader ends",
        arguments: [
            // Itself; a child of its own, which is not the supervisor's; one that stays in the preloader's group; nonsense.
            "control.send(b'born %d' % ticket); time.sleep(1000)",
            "os.fork() or (os.setpgid(0, 0), control.send(b'born %d' % ticket), os._exit(0)); time.sleep(1000)",
            "fork_worker(ticket, fds, leads=False); time.sleep(1000)",
            "control.send(b'nonsense'); time.sleep(1000)", "control.send(b'born -1'); time.sleep(1000)",
        ])
    func claims(_ mischief: String) throws {
        let (supervisor, core, preloader) = try start(Self.preloader("exec sleep 1000", mischief: mischief))
        let tag = try core.requestFork(from: preloader.entry.tag)
        #expect(try core.expectExit(preloader.entry.tag).reason == .signalled(SIGKILL, dumpedCore: false))
        #expect(try core.expectRefusal(tag).contains("its preloader ended"))
        try supervisor.waitForLog("is killed: ")
    }

    @Test("the ticket of another preloader counts for nothing")
    func foreignTicket() throws {
        let (supervisor, core, honest) = try start(
            Self.preloader("exec sleep 1000", mischief: "print('asked', flush=True); time.sleep(1000)"))
        let waiting = try core.requestFork(from: honest.entry.tag)
        #expect(try honest.line() == "asked")
        // Its own request is the second ticket: it answers the first.
        let thief = try core.spawn(
            Self.preloader(
                "echo up; exec sleep 1000",
                mischief: "control.send(b'failed 1 11'); fork_worker(1, fds); print('done', flush=True)"),
            role: .preloader)
        #expect(try thief.line() == "loaded")
        let own = try core.fork(from: thief)
        #expect(try thief.line() == "done")
        #expect(try own.line() == "up")
        try core.send(.signal(tag: waiting, signal: SIGKILL, scope: .group))
        #expect(try core.expectRefusal(waiting) == "it was given up")
        withExtendedLifetime(supervisor) {}
    }

    @Test("a fork that is given up is refused at once, and its process ends when it shows")
    func givenUp() throws {
        let (supervisor, core, preloader) = try start(
            Self.preloader(
                "echo up; exec sleep 1000", mischief: "print('asked', flush=True); signal.sigwait([signal.SIGUSR2])",
                blocked: "USR2"))
        let tag = try core.requestFork(from: preloader.entry.tag)
        #expect(try preloader.line() == "asked")
        try core.send(.signal(tag: tag, signal: SIGTERM, scope: .leader))
        #expect(try core.expectRefusal(tag) == "it was given up")
        try core.send(.signal(tag: preloader.entry.tag, signal: SIGUSR2, scope: .leader))
        // Forked all the same, and the next one is not: it stops at the same place, after the first was reaped.
        let next = try core.requestFork(from: preloader.entry.tag)
        #expect(try preloader.line() == "asked")
        try core.send(.signal(tag: preloader.entry.tag, signal: SIGUSR2, scope: .leader))
        let answer = try core.receive()
        guard case .spawned(let entry) = answer.message else { throw TimedOut(what: "spawned, not \(answer.message)") }
        #expect(entry.tag == next)
        #expect(try Child(entry: entry, output: answer.descriptors).line() == "up")
        withExtendedLifetime(supervisor) {}
    }

    @Test("who is no preloader of this core's, or does not read, is not asked")
    func refusals() throws {
        let (supervisor, core, preloader) = try start(Self.preloader("true", mischief: "time.sleep(1000)"))
        let plain = try core.spawn(shellPlan("exec sleep 1000"))
        for tag in [plain.entry.tag, ChildTag(99)] {
            #expect(try core.expectRefusal(core.requestFork(from: tag)) == "\(tag) is no running preloader")
        }
        #expect(try core.expectRefusal(core.requestFork(from: preloader.entry.tag, descriptors: [])).contains("not 2"))
        let tags = try (0..<600).map { _ in try core.requestFork(from: preloader.entry.tag) }
        let refused = try core.receive().message
        guard case .spawnRefused(let tag, let reason) = refused else { throw TimedOut(what: "refusal, not \(refused)") }
        #expect(tags.contains(tag) && reason.contains("cannot be asked"), "\(reason)")
        withExtendedLifetime(supervisor) {}
    }

    @Test("descriptors that a preloader sends are not kept")
    func flood() throws {
        let mischief = "[socket.send_fds(control, [b'failed 99 11'], fds) for _ in range(100)]"
        let (supervisor, core, preloader) = try start(Self.preloader("echo up; exec sleep 1000", mischief: mischief))
        try supervisor.waitForIdle()
        let before = try openDescriptors(pid: supervisor.pid).count
        let worker = try core.fork(from: preloader)
        #expect(try worker.line() == "up")
        try supervisor.waitForIdle()
        // Its two pipes and its pidfd.
        #expect(try openDescriptors(pid: supervisor.pid).count == before + 3)
    }

    @Test("a worker runs as the user of its preloader", .enabled(if: isRoot, needsRoot))
    func users() throws {
        let nobody = try #require(try lookUpUser(name: "nobody"))
        let (supervisor, core, preloader) = try start(Self.preloader("id -un; exec sleep 1000"), user: "nobody") {
            $0.users = [nobody]
        }
        let worker = try core.fork(from: preloader)
        #expect(try worker.line() == "nobody")
        #expect(try statusLine("Uid", pid: worker.entry.pid) == Array(repeating: "\(nobody.uid)", count: 4))
        withExtendedLifetime(supervisor) {}
    }

    @Test("a preloader's descriptors cannot be given by the core")
    func targets() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let tag = try core.request(shellPlan("true"), role: .preloader, targets: [(0, 5)])
        #expect(try core.expectRefusal(tag).contains("the supervisor's"))
    }
}

@Suite("What a preloader says")
struct PreloaderMessageTests {
    @Test(
        "is one of two things, or nothing",
        arguments: [
            ("born 17", PreloaderMessage.born(ticket: 17)), ("failed 3 11", .failed(ticket: 3, errno: 11)),
            ("", nil), ("born", nil), ("born ", nil), ("born x", nil), ("born 1 2", nil), ("born 1\n", nil),
            ("failed 1", nil), ("failed 1 0", nil), ("failed 1 -4", nil), ("failed 1 99999999999", nil),
            ("died 1", nil),
            ("born 99999999999999999999999", nil),
        ])
    func parses(_ text: String, _ expected: PreloaderMessage?) {
        #expect(PreloaderMessage(Array(text.utf8)) == expected)
    }

    @Test("bytes that are no text are nothing")
    func noText() { #expect(PreloaderMessage([0xFF, 0x20, 0x31]) == nil) }
}
