import Glibc
import Linux
import Model

/// The process that outlives a killed supervisor for a moment (`passenger-launch guard`). The death signal reaches the
/// children that the supervisor started, not what those started in turn; the guard is told of every process group, and
/// kills those that are left when its pipe ends.
final class GroupGuard {
    private let program: LaunchProgram
    private let log: SupervisorLog
    private(set) var pid: Int32?
    private var pipe: Int32?

    init(program: LaunchProgram, log: SupervisorLog) {
        self.program = program
        self.log = log
    }

    deinit { stop() }

    /// Without a guard everything works but the end of grandchildren after a `kill -9`: a failure is only logged.
    func start(groups: [Int32]) {
        stop()
        do throws(SystemError) {
            let pipe = try Pipe(nonBlockingReader: false)
            // A guard that is stopped must never stop us.
            try pipe.writer.setNonBlocking()
            pid = try program.spawn(
                arguments: ["passenger-guard", "guard"],
                moves: [DescriptorMove(source: pipe.reader.number, target: 0)])
            self.pipe = pipe.writer.release()
        } catch {
            log.write("no group guard: \(error)")
        }
        groups.forEach(tell)
    }

    var kept: SupervisorState.Guard? {
        guard let pid, let pipe else { return nil }
        return SupervisorState.Guard(pid: pid, pipe: pipe)
    }

    /// From the one of an image before: there is always one.
    func takeOver(from old: SupervisorState.Guard, groups: [Int32]) {
        start(groups: groups)
        guard pipe != nil else { return (pid, pipe) = (old.pid, old.pipe) }
        // Dead before its pipe ends: at that it would kill all that it knows of.
        if processParent(pid: old.pid) == getpid() { kill(old.pid, SIGKILL) }
        closeDescriptors([old.pipe])
    }

    func add(_ group: Int32) { tell(group) }

    /// Any child has been reaped; `groups` are all there are. A group is forgotten, a lost guard is replaced.
    func ended(_ pid: Int32, groups: [Int32]) {
        guard pid == self.pid else { return tell(-pid) }
        self.pid = nil
        guard pipe != nil else { return }
        start(groups: groups)
        log.write("the group guard ended and was replaced")
    }

    /// It kills what it knows of, and ends.
    func stop() {
        if let pipe { closeDescriptors([pipe]) }
        pipe = nil
    }

    private func tell(_ word: Int32) {
        guard let pipe else { return }
        // EPIPE: its end is about to be reaped, and its successor told everything. EAGAIN: it is stopped.
        try? writeAll(pipe, withUnsafeBytes(of: word) { Array($0) })
    }
}
