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

/// Of an open pidfd: -1 once its process has been reaped. Nil when it is no pidfd.
package func pidfdProcess(_ pidfd: Int32) -> Int32? {
    guard let bytes = try? readFile("/proc/self/fdinfo/\(pidfd)", limit: 16 << 10) else { return nil }
    let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("Pid:") }
    return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0) }
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

/// Whether the process that began then still runs. One that has ended and that nobody has waited for (a zombie, "Z" in
/// /proc/PID/stat) does not: its parent may never wait, as many a first process of a container never does.
package func processRuns(pid: Int32, startTime: UInt64) -> Bool {
    guard let fields = statFields(pid: pid), fields.count > 19 else { return false }
    return !["Z", "X", "x"].contains(fields[0]) && UInt64(fields[19]) == startTime
}

/// Parent, from /proc/PID/stat.
package func processParent(pid: Int32) -> Int32? {
    statFields(pid: pid).flatMap { $0.count > 1 ? Int32($0[1]) : nil }
}

/// Process group; nil when there is no such process.
package func processGroup(pid: Int32) -> Int32? {
    let group = getpgid(pid)
    return group < 0 ? nil : group
}

/// Fields from the third on ("state"). The second is the name in parentheses, which may hold anything, so the last
/// parenthesis counts.
func statFields(pid: Int32) -> [Substring]? {
    // A process that is gone is an answer here, not an error.
    guard let bytes = try? readFile("/proc/\(pid)/stat", limit: 16 << 10) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: end)...].split(whereSeparator: { $0 == " " || $0 == "\n" })
}

/// Who is killed first when memory runs out: higher is sooner (proc(5), oom_score_adj). Only for one's own children, whose
/// pids cannot be anybody else's yet.
package func setOOMScore(pid: Int32, _ score: Int32) throws(SystemError) {
    let file = try openFile("/proc/\(pid)/oom_score_adj", flags: O_WRONLY)
    try writeAll(file.number, Array("\(score)".utf8))
}

/// nice(2) value of a process's main thread; nil when there is no such process.
package func niceness(pid: Int32) -> Int32? { statFields(pid: pid).flatMap { $0.count > 16 ? Int32($0[16]) : nil } }

/// Gives every thread of every process of the group this nice value (setpriority(2)). A lower one needs CAP_SYS_NICE.
package func setNiceness(group: Int32, to value: Int32) throws(SystemError) {
    _ = try checked("setpriority", "\(group)") { setpriority(Int32(PRIO_PGRP.rawValue), id_t(group), value) }
}

/// Whether this process may give others a lower nice value than they have (capabilities(7), CAP_SYS_NICE).
package func canLowerNiceness() -> Bool {
    let capSysNice: UInt64 = 1 << 23
    guard let bytes = try? readFile("/proc/self/status", limit: 16 << 10),
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first(where: {
            $0.hasPrefix("CapEff:")
        }),
        let effective = line.split(whereSeparator: { $0 == "\t" || $0 == " " }).last.flatMap({ UInt64($0, radix: 16) })
    else { return false }
    return effective & capSysNice != 0
}

/// A child that has ended and is not reaped yet, or nil. Until `waitForChild` its pid and its group's number are nobody
/// else's, so what is left of the group can still be signalled. Never blocks.
package func endedChild() throws(SystemError) -> ChildState {
    var pid: Int32 = 0
    do throws(SystemError) {
        _ = try checked("waitid") { cl_ended_child(&pid) }
        return pid == 0 ? .allRun : .ended(pid: pid)
    } catch  where error.errno == ECHILD {
        return .none
    }
}

package enum ChildState: Sendable, Equatable {
    /// There are children and none has ended.
    case allRun
    case ended(pid: Int32)
    /// There is no child at all.
    case none
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

/// Direct children of every thread of this process, adopted ones included.
package func childProcesses() -> [Int32] {
    let me = getpid()
    return processNumbers().filter { processParent(pid: $0) == me }
}

/// All pids in /proc.
package func processNumbers() -> [Int32] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var numbers: [Int32] = []
    while let entry = readdir(directory) {
        if let number = Int32(entryName(entry)) { numbers.append(number) }
    }
    return numbers
}

/// The name in `ps` and /proc/PID/comm, cut to 15 bytes; a program executed by descriptor has a bad one.
package func setProcessName(_ name: String) { _ = cl_set_process_name(name) }

/// Threads of this process share so many heaps (mallopt(3)). Each grows to what its threads once needed and keeps it, and
/// without a limit there are eight for each processor. To be called before there are threads.
package func limitMallocArenas(to most: Int) { cl_limit_malloc_arenas(Int32(clamping: most)) }

/// Ends with `signal` as soon as the thread that made this process ends.
package func setParentDeathSignal(_ signal: Int32) throws(SystemError) {
    _ = try checked("prctl PR_SET_PDEATHSIG") { cl_set_parent_death_signal(signal) }
}

package func ignoreSignal(_ signal: Int32) throws(SystemError) {
    _ = try checked("signal") { cl_ignore_signal(signal) }
}
