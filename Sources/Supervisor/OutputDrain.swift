import Glibc
import Linux
import Model

/// Empties output pipes that no core reads, so that a log never blocks an app, and counts what is lost.
struct OutputDrain {
    private struct Lost {
        var descriptors: [Int32]
        var lines = 0
        var bytes = 0
    }

    private var lost: [Int32: Lost] = [:]  // by pid
    private var owners: [Int32: Int32] = [:]  // pid by descriptor

    func drains(_ descriptor: Int32) -> Bool { owners[descriptor] != nil }

    /// Once for a child: what it has lost already is counted on.
    mutating func add(pid: Int32, descriptors: [Int32], lost before: SupervisorState.Lost? = nil) {
        guard lost[pid] == nil else { return }
        lost[pid] = Lost(
            descriptors: descriptors, lines: Int(clamping: before?.lines ?? 0), bytes: Int(clamping: before?.bytes ?? 0)
        )
        for descriptor in descriptors { owners[descriptor] = pid }
    }

    /// Nil for a child whose output is not drained.
    func lost(pid: Int32) -> SupervisorState.Lost? {
        lost[pid].map { SupervisorState.Lost(lines: UInt64($0.lines), bytes: UInt64($0.bytes)) }
    }

    /// Reads once. False at the end of the pipe: it need not be watched any more.
    mutating func read(_ descriptor: Int32) -> Bool {
        guard let pid = owners[descriptor] else { return false }
        do {
            let bytes = try readSome(descriptor, limit: 64 << 10)
            lost[pid]?.bytes += bytes.count
            lost[pid]?.lines += bytes.count { $0 == UInt8(ascii: "\n") }
            return !bytes.isEmpty
        } catch {
            return error.errno == EAGAIN
        }
    }

    /// The child has been reaped and its pipes are about to be closed, or a core reads them again. A line for the log when output was lost.
    mutating func remove(pid: Int32) -> String? {
        guard let lost = lost.removeValue(forKey: pid) else { return nil }
        for descriptor in lost.descriptors { owners[descriptor] = nil }
        guard lost.bytes > 0 else { return nil }
        return
            "\(lost.lines) lines (\(lost.bytes) bytes) of output of pid \(pid) were lost: no core was there to read them"
    }
}
