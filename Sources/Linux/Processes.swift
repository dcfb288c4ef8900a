internal import CLinux
internal import Glibc
package import Model

/// A descriptor that means one process for good, unlike its pid. Readable once it has ended (pidfd_open(2)).
package func pidfdOpen(pid: Int32) throws(SystemError) -> Descriptor {
    Descriptor(owning: try checked("pidfd_open", "\(pid)") { cl_pidfd_open(pid) })
}

package func pidfdSendSignal(_ pidfd: Int32, _ signal: Int32) throws(SystemError) {
    _ = try checked("pidfd_send_signal") { cl_pidfd_send_signal(pidfd, signal) }
}

/// kill(2) of a process group; only for groups whose leader has not been waited for, else the number may be another's.
package func signalGroup(_ group: Int32, _ signal: Int32) throws(SystemError) {
    precondition(group > 1, "kill(0) and kill(-1) mean everybody")
    _ = try checked("kill", "-\(group)") { kill(-group, signal) }
}

/// Field 22 of /proc/PID/stat: clock ticks from boot to the start of the process. Nil when there is none.
package func processStartTime(pid: Int32) -> UInt64? {
    statFields(pid: pid).flatMap { $0.count > 19 ? UInt64($0[19]) : nil }
}

/// Parent, from /proc/PID/stat.
package func processParent(pid: Int32) -> Int32? {
    statFields(pid: pid).flatMap { $0.count > 1 ? Int32($0[1]) : nil }
}

/// Fields from the third on ("state"). The second is the name in parentheses, which may hold anything, so the last
/// parenthesis counts.
private func statFields(pid: Int32) -> [Substring]? {
    // A process that is gone is an answer here, not an error.
    guard let bytes = try? readFile("/proc/\(pid)/stat", limit: 16 << 10) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: end)...].split(whereSeparator: { $0 == " " || $0 == "\n" })
}

/// One child that has ended, or nil when none has. Never blocks.
package func reapChild() throws(SystemError) -> (pid: Int32, reason: ExitReason)? {
    var status: Int32 = 0
    do throws(SystemError) {
        let pid = try checked("waitpid") { waitpid(-1, &status, WNOHANG) }
        return pid == 0 ? nil : (pid, exitReason(status))
    } catch  where error.errno == ECHILD {
        return nil
    }
}

/// Waits for one child that is the caller's own.
package func waitForChild(_ pid: Int32) throws(SystemError) -> ExitReason {
    var status: Int32 = 0
    _ = try checked("waitpid", "\(pid)") { waitpid(pid, &status, 0) }
    return exitReason(status)
}

private func exitReason(_ status: Int32) -> ExitReason {
    cl_exited(status) != 0
        ? .exited(cl_exit_status(status))
        : .signalled(cl_term_signal(status), dumpedCore: cl_dumped_core(status) != 0)
}

/// Orphaned descendants become this process's children (prctl(2), PR_SET_CHILD_SUBREAPER).
package func becomeSubreaper() throws(SystemError) {
    _ = try checked("prctl PR_SET_CHILD_SUBREAPER") { cl_become_subreaper() }
}

/// The name in `ps` and /proc/PID/comm, cut to 15 bytes; a program executed by descriptor has a bad one.
package func setProcessName(_ name: String) { _ = cl_set_process_name(name) }

/// Ends with `signal` as soon as the thread that made this process ends.
package func setParentDeathSignal(_ signal: Int32) throws(SystemError) {
    _ = try checked("prctl PR_SET_PDEATHSIG") { cl_set_parent_death_signal(signal) }
}

package func ignoreSignal(_ signal: Int32) throws(SystemError) {
    _ = try checked("signal") { cl_ignore_signal(signal) }
}
