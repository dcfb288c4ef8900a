import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

/// The real passenger-launch, started as the supervisor starts it. Synchronous throughout: the death signal follows the
/// thread that spawned.
@Suite("Launching", .serialized, .timeLimit(.minutes(5)))
struct LaunchTests {
    private struct Ended {
        var output: String
        var errors: String
        var reason: ExitReason
        var failure: LaunchFailure?
    }

    private func launcher(_ path: String = builtProgram("passenger-launch")) throws -> Launcher {
        try Launcher(program: LaunchProgram(path: path))
    }

    private func run(
        _ plan: LaunchPlan, as credentials: Credentials = .own, moves: [DescriptorMove] = []
    ) throws -> Ended {
        try run(bytes: MessageCodec.encode(plan), as: credentials, moves: moves)
    }

    private func run(
        bytes: [UInt8], as credentials: Credentials = .own, moves: [DescriptorMove] = []
    ) throws -> Ended {
        let file = try makeMemoryFile(name: "plan", contents: bytes)
        let child = try launcher().launch(
            plan: file.number, moves: moves, credentials: credentials, makesOutputPipes: true)
        let output = try readToEnd(child.outputDescriptors[0], "stdout")
        let errors = try readToEnd(child.outputDescriptors[1], "stderr")
        let reason = try waitForChild(child.pid)
        return Ended(output: output, errors: errors, reason: reason, failure: child.launchFailure())
    }

    @Test("children are started by a program whose file has been removed since")
    func removedProgram() throws {
        let path = "/tmp/passenger-launch-\(getpid())"
        defer { unlink(path) }
        do {
            let copy = try openFile(path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o755)
            try writeAll(copy.number, readFile(builtProgram("passenger-launch"), limit: 64 << 20))
        }
        let launcher = try launcher(path)
        let plan = LaunchPlan(arguments: ["sh", "-c", "exit 7"], environment: ["PATH=/usr/bin:/bin"], directory: "/")
        for isThere in [true, false] {
            if !isThere { unlink(path) }
            let file = try makeMemoryFile(name: "plan", contents: MessageCodec.encode(plan))
            let child = try launcher.launch(
                plan: file.number, moves: [], credentials: .own, makesOutputPipes: true)
            #expect(
                try waitForChild(child.pid) == .exited(7), "\(isThere) \(String(describing: child.launchFailure()))")
        }
    }

    @Test("a child has 0, 1, 2 and its targets, and no other descriptor")
    func exactDescriptors() throws {
        let stray = try makeMemoryFile(name: "stray", contents: [])
        // As NIO's descriptors are: not close-on-exec.
        try setCloseOnExec(stray.number, false)
        let input = try Pipe(nonBlockingReader: false)
        let socket = try MessageSocket.pair()
        let plan = LaunchPlan(arguments: ["cat"], environment: ["PATH=/usr/bin:/bin"], directory: "/")
        let file = try makeMemoryFile(name: "plan", contents: MessageCodec.encode(plan))
        let child = try launcher().launch(
            plan: file.number,
            moves: [
                DescriptorMove(source: input.reader.number, target: 0),
                DescriptorMove(source: socket.first.number, target: 3),
                DescriptorMove(source: socket.second.number, target: 9),
            ], credentials: .own, makesOutputPipes: true)
        try writeAll(input.writer.number, Array("x\n".utf8))
        #expect(try readLine(child.outputDescriptors[0], "echo") == "x", "it runs now")
        #expect(try openDescriptors(pid: child.pid) == [0, 1, 2, 3, 9])
        #expect(getpgid(child.pid) == child.pid)
        try signalGroup(child.pid, SIGKILL)
        #expect(try waitForChild(child.pid) == .signalled(SIGKILL, dumpedCore: false))
        #expect(child.launchFailure() == nil)
    }

    @Test("the environment is never in an argument list or in the launcher's own environment")
    func secretEnvironment() throws {
        var plan = shellPlan("read line; echo $SECRET")
        plan.environment.append("SECRET=hunter2")
        // A plan that does not end yet holds the launcher where it can be looked at.
        let pipe = try MessagePipe()
        let bytes = MessageCodec.encode(plan)
        try writeAll(pipe.writer, Array(bytes.dropLast(3)))
        let child = try launcher().launch(plan: pipe.reader, moves: [], credentials: .own, makesOutputPipes: true)
        let commandLine = try commandLine(of: child.pid)
        #expect(commandLine.hasPrefix("passenger-launch\0"))
        #expect(!commandLine.contains("hunter2"))
        #expect(try readFile("/proc/\(child.pid)/environ").isEmpty)
        try writeAll(pipe.writer, Array(bytes.suffix(3)))
        pipe.closeWriter()
        #expect(try readToEnd(child.outputDescriptors[0], "stdout") == "hunter2\n")
        #expect(try waitForChild(child.pid) == .exited(0))
    }

    /// The parent runs again a moment before the child's execve has set up its arguments.
    private func commandLine(of pid: Int32) throws -> String {
        let limit = monotonicNow() + .seconds(30)
        while monotonicNow() < limit {
            let bytes = try readFile("/proc/\(pid)/cmdline")
            if !bytes.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            sched_yield()
        }
        throw TimedOut(what: "command line")
    }

    /// A pipe whose writer can be closed while the reader lives.
    private final class MessagePipe {
        let reader: Int32
        private(set) var writer: Int32
        init() throws {
            let pipe = try Pipe(nonBlockingReader: false)
            reader = pipe.reader.release()
            writer = pipe.writer.release()
        }
        func closeWriter() {
            closeDescriptors([writer])
            writer = -1
        }
        deinit { closeDescriptors([reader, writer].filter { $0 >= 0 }) }
    }

    @Test("a switched child is that user with exactly its groups, and cannot go back", .enabled(if: isRoot, needsRoot))
    func userSwitch() throws {
        var nobody = try #require(try lookUpUser(name: "nobody"))
        nobody.groups = [nobody.gid, 7]
        let script = """
            id -u; id -g; id -G; grep -E '^(Uid|Gid|CapEff|NoNewPrivs):' /proc/self/status
            python3 -c 'import os
            for call in (os.setuid, os.setgid):
                try: call(0); print("regained")
                except PermissionError: print("refused")'
            """
        let ended = try run(shellPlan(script), as: .user(nobody))
        #expect(
            ended.output.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
                == [
                    "65534", "65534", "65534 7", "Uid: 65534 65534 65534 65534", "Gid: 65534 65534 65534 65534",
                    "CapEff: 0000000000000000", "NoNewPrivs: 1", "refused", "refused",
                ], "\(ended)")
    }

    @Test("a user without supplementary groups gets none of root's", .enabled(if: isRoot, needsRoot))
    func noGroups() throws {
        let ended = try run(
            shellPlan("id -G"), as: .user(PolicyUser(name: "x", uid: 4242, gid: 4243, groups: [])))
        #expect(ended.output == "4243\n")
    }

    @Test("umask, limits, niceness, directory and OOM score are those of the plan")
    func settings() throws {
        var plan = shellPlan("umask; ulimit -n; nice; pwd; cat /proc/self/oom_score_adj")
        plan.umask = 0o027
        plan.limits = [ResourceLimit(resource: 7, soft: 321, hard: 400)]
        plan.niceness = 3
        plan.directory = "/usr"
        plan.oomScore = 250
        let ended = try run(plan)
        #expect(
            ended.output == "0027\n321\n\(getpriority(Int32(PRIO_PROCESS.rawValue), 0) + 3)\n/usr\n250\n", "\(ended)")
    }

    @Test("PATH is the plan's own, and LISTEN_PID the child's")
    func path() throws {
        let directory = try TemporaryDirectory()
        let script = Array("#!/bin/sh\necho $$ $LISTEN_PID\n".utf8)
        try writeFileAtomically(directory: directory.path, name: "tool", bytes: script, mode: 0o755)
        var plan = LaunchPlan(
            arguments: ["tool"], environment: ["LISTEN_PID=1", "PATH=\(directory.path):/bin"], directory: "/")
        plan.setsListenPid = true
        let ended = try run(plan)
        let words = ended.output.split(whereSeparator: \.isWhitespace)
        #expect(words.count == 2 && words[0] == words[1] && words[0] != "1", "\(ended)")
    }

    @Test("a program is run by descriptor where its user cannot reach it, and does not keep that descriptor")
    func byDescriptor() throws {
        let program = try openPath("/bin/cat")
        var plan = LaunchPlan(arguments: ["a cat"], environment: [], directory: "/")
        plan.programDescriptor = 5
        let input = try Pipe(nonBlockingReader: false)
        let file = try makeMemoryFile(name: "plan", contents: MessageCodec.encode(plan))
        let child = try launcher().launch(
            plan: file.number,
            moves: [
                DescriptorMove(source: input.reader.number, target: 0),
                DescriptorMove(source: program.number, target: 5),
            ], credentials: .own, makesOutputPipes: true)
        try writeAll(input.writer.number, Array("x\n".utf8))
        #expect(try readLine(child.outputDescriptors[0], "echo") == "x")
        #expect(try openDescriptors(pid: child.pid) == [0, 1, 2])
        #expect(try readFile("/proc/\(child.pid)/cmdline") == Array("a cat\0".utf8))
        try pidfdSendSignal(child.process.number, SIGKILL)
        _ = try waitForChild(child.pid)
    }

    @Test("blocked and ignored signals are not inherited")
    func signals() throws {
        var blocked = sigset_t()
        var previous = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGUSR2)
        pthread_sigmask(SIG_BLOCK, &blocked, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        try ignoreSignal(SIGPIPE)
        let ended = try run(
            LaunchPlan(
                arguments: ["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"],
                environment: ["PATH=/usr/bin:/bin"], directory: "/"))
        #expect(ended.output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
    }

    @Test("a step that fails is reported with errno and subject", arguments: ["chdir", "exec", "setrlimit"])
    func failures(step: String) throws {
        var plan = shellPlan("true")
        let expected: LaunchFailure
        switch step {
        case "chdir":
            plan.directory = "/no/such/directory"
            expected = LaunchFailure(step: step, errno: ENOENT, subject: plan.directory)
        case "exec":
            plan.arguments = ["no-such-program"]
            expected = LaunchFailure(step: step, errno: ENOENT, subject: "no-such-program")
        default:
            plan.limits = [ResourceLimit(resource: 7, soft: 10, hard: 5)]
            expected = LaunchFailure(step: step, errno: EINVAL, subject: "7")
        }
        let ended = try run(plan)
        #expect(ended.failure == expected)
        #expect(ended.reason == .exited(127))
    }

    @Test("a directory that the user may not enter is refused as that user", .enabled(if: isRoot, needsRoot))
    func forbiddenDirectory() throws {
        let directory = try TemporaryDirectory()
        chmod(directory.path, 0o700)
        var plan = shellPlan("true")
        plan.directory = directory.path
        let nobody = try #require(try lookUpUser(name: "nobody"))
        #expect(
            try run(plan, as: .user(nobody)).failure
                == LaunchFailure(step: "chdir", errno: EACCES, subject: directory.path))
    }

    @Test("bytes that are no plan are refused, whatever they are")
    func brokenPlans() throws {
        let good = MessageCodec.encode(shellPlan("echo ran"))
        let refused = LaunchFailure(step: "plan", errno: EBADMSG, subject: "")
        var nul = shellPlan("echo ran")
        nul.environment.append("A=\0B")
        var forged = good
        forged.replaceSubrange(3..<7, with: [0xFF, 0xFF, 0xFF, 0xFF])
        let none = MessageCodec.encode(LaunchPlan(arguments: [], environment: [], directory: "/"))
        var broken = [[], [1, 2, 3], good + [0], forged, none, MessageCodec.encode(nul)]
        broken += stride(from: 1, to: good.count, by: 7).map { Array(good[..<$0]) }
        for bytes in broken {
            let ended = try run(bytes: bytes)
            #expect(ended.failure == refused)
            #expect(ended.output.isEmpty)
        }
    }

    @Test("a child whose parent is not the supervisor it was told of does not run")
    func wrongParent() throws {
        let file = try makeMemoryFile(name: "plan", contents: MessageCodec.encode(shellPlan("echo ran")))
        let report = try Pipe()
        let pid = try spawnProcess(
            path: builtProgram("passenger-launch"),
            arguments: ["passenger-launch", "3", "4", "1", "-", "-", "-", "-"], environment: [],
            moves: [
                DescriptorMove(source: file.number, target: 3),
                DescriptorMove(source: report.writer.number, target: 4),
            ])
        #expect(try waitForChild(pid) == .exited(127))
        #expect(
            try MessageCodec.decodeLaunchFailure(try readSome(report.reader.number, limit: 512))
                == LaunchFailure(step: "parent", errno: ESRCH, subject: ""))
    }
}
