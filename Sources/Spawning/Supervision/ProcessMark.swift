package import Model

/// Names one process for good, whatever becomes of its pid afterwards.
package struct ProcessMark: Sendable, Hashable, Codable {
    package var pid: Int32
    /// As in `ChildEntry`.
    package var startTime: UInt64
    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }
}

extension ChildEntry {
    package var mark: ProcessMark { ProcessMark(pid: pid, startTime: startTime) }
}
