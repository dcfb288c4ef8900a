internal import Glibc

/// One line of the system's list of processes.
package struct ProcessEntry: Sendable, Equatable {
    package var pid: Int32
    package var parent: Int32
    package var group: Int32
    /// Of the process and its threads, user and system time.
    package var cpuSeconds: Double
    /// Its arguments; the name in brackets for one that has none.
    package var command: [String]

    package init(pid: Int32, parent: Int32, group: Int32, cpuSeconds: Double, command: [String]) {
        self.pid = pid
        self.parent = parent
        self.group = group
        self.cpuSeconds = cpuSeconds
        self.command = command
    }

    /// Nil when there is no such process.
    package init?(pid: Int32) {
        guard let fields = statFields(pid: pid), fields.count > 12, let parent = Int32(fields[1]),
            let group = Int32(fields[2]), let user = Double(fields[11]), let system = Double(fields[12])
        else { return nil }
        let line = (try? readFile("/proc/\(pid)/cmdline", limit: 64 << 10)) ?? []
        let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        let ticks = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
        self.init(pid: pid, parent: parent, group: group, cpuSeconds: (user + system) / ticks, command: words)
    }

    /// All that /proc shows.
    package static func all() -> [ProcessEntry] { processNumbers().compactMap { ProcessEntry(pid: $0) } }
}
