import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

/// The real `passenger-launch measure`, asked as the core asks it.
@Suite("Meter", .serialized, .timeLimit(.minutes(5)))
struct MeterTests {
    private struct Answer: Equatable {
        var root, processes, isExact, privateBytes, sharedBytes, proportionalBytes, swapBytes, cpuMicroseconds: Int64
    }

    private func meter(_ core: CoreSide) throws -> Descriptor {
        try core.send(.startMeter)
        let answer = try core.receive()
        #expect(answer.message == .meterStarted(errno: 0))
        return Descriptor(owning: try #require(answer.descriptors.first))
    }

    private func ask(_ meter: borrowing Descriptor, _ roots: [Int32]) throws -> [Answer] {
        try MessageSocket.send(meter.number, roots.flatMap { root in withUnsafeBytes(of: root) { Array($0) } })
        return try roots.map { _ in
            try waitReadable(meter.number, "an answer of the meter")
            let bytes = try #require(try MessageSocket.receive(meter.number)).bytes
            try #require(bytes.count == MemoryLayout<Answer>.size)
            return bytes.withUnsafeBytes { $0.loadUnaligned(as: Answer.self) }
        }
    }

    /// Writes to so many MiB, forks, and the child to 30 of its own, in a session of its own. It ends with its parent, which
    /// nothing else would see to.
    private let family = """
        exec python3 -c 'import os, time
        parent = os.getpid()
        own = bytearray(b"x" * (20 << 20))
        if os.fork() == 0:
            os.setsid()
            more = bytearray(b"y" * (30 << 20))
            print("up", flush=True)
            while os.getppid() == parent: time.sleep(0.05)
            os._exit(0)
        time.sleep(1000)'
        """

    @Test("a worker's memory is that of its tree, and nobody else's is told")
    func tree() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let child = try core.spawn(shellPlan(family))
        #expect(try child.line() == "up")
        let answers = try ask(meter(core), [child.entry.pid, getpid(), 999_999, 0, .min])
        #expect(answers.map(\.root) == [Int64(child.entry.pid), Int64(getpid()), 999_999, 0, Int64(Int32.min)])
        #expect(answers[0].processes == 2 && answers[0].isExact == 1)
        // 30 MiB are the child's, 20 are shared by both; the interpreter itself takes some.
        #expect((30 << 20..<60 << 20).contains(answers[0].privateBytes), "\(answers[0])")
        #expect((40 << 20..<80 << 20).contains(answers[0].sharedBytes), "\(answers[0])")
        #expect((50 << 20..<80 << 20).contains(answers[0].proportionalBytes), "\(answers[0])")
        // Two interpreters have started, and written 50 MiB.
        #expect((10_000..<30_000_000).contains(answers[0].cpuMicroseconds), "\(answers[0])")
        #expect(answers.dropFirst().allSatisfy { $0.cpuMicroseconds == 0 })
        #expect(answers.dropFirst().allSatisfy { $0.processes == 0 && $0.privateBytes == 0 && $0.sharedBytes == 0 })
        // Not looked at closely, shared pages cannot be told from private ones.
        let coarse = try ask(meter(core), [-child.entry.pid])[0]
        #expect(coarse.root == Int64(-child.entry.pid) && coarse.isExact == 0 && coarse.processes == 2)
        #expect(coarse.privateBytes > answers[0].privateBytes + 20 << 20 / 2, "\(coarse)")
    }

    @Test(
        "started by root it looks into another user's processes, without root's other rights",
        .enabled(if: isRoot, needsRoot))
    func rights() throws {
        let nobody = try #require(try lookUpUser(name: "nobody"))
        let user = PolicyUser(name: "app", uid: 4242, gid: 4242, groups: [])
        let supervisor = try RunningSupervisor { plan, _ in
            plan.users = [nobody, user]
            plan.coreUser = "nobody"
        }
        let core = try supervisor.nextCore()
        try core.start()
        let child = try core.spawn(shellPlan(family), user: "app")
        #expect(try child.line() == "up")
        let meter = try meter(core)
        let answer = try ask(meter, [child.entry.pid])[0]
        #expect(answer.processes == 2 && answer.isExact == 1 && answer.privateBytes > 30 << 20, "\(answer)")
        let pid = try #require(processNumbers().first { processParent(pid: $0) == supervisor.pid && isMeter($0) })
        #expect(try statusLine("Uid", pid: pid) == Array(repeating: "\(nobody.uid)", count: 4))
        #expect(try statusLine("Groups", pid: pid) == [])
        // CAP_SYS_PTRACE is bit 19.
        #expect(try statusLine("CapPrm", pid: pid) == ["0000000000080000"])
        #expect(try statusLine("NoNewPrivs", pid: pid) == ["1"])
        #expect(try openDescriptors(pid: pid) == [0])
    }

    @Test("a second one takes the place of the first, and it ends with its socket and with the supervisor")
    func lives() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let first = try meter(core)
        let second = try meter(core)
        try waitReadable(first.number, "the end of the first")
        #expect(try MessageSocket.receive(first.number) == nil)
        #expect(try ask(second, [getpid()]).count == 1)
        let pid = try #require(processNumbers().first { processParent(pid: $0) == supervisor.pid && isMeter($0) })
        let process = try pidfdOpen(pid: pid)
        // It would not end by itself: it is waiting for a question.
        try supervisor.signal(SIGKILL)
        _ = try supervisor.waitForExit()
        try waitGone(process, "the meter's end")
        _ = consume second
    }

    private func isMeter(_ pid: Int32) -> Bool {
        (try? readFile("/proc/\(pid)/cmdline"))?.starts(with: Array("passenger-measure\0".utf8)) ?? false
    }
}
