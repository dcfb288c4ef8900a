import Linux

/// What the kernel counts for a whole control group, ended processes included.
package struct ControlGroupFigures: Sendable, Equatable {
    /// Everything that was allocated for it, the page cache of its files too. Nil without the memory controller.
    package var memoryBytes: Int?
    package var cpuMicroseconds: Int

    /// Nil when there is no such group.
    package init?(path: String) {
        guard let cpu = try? readFile("\(path)/cpu.stat") else { return nil }
        let memory = (try? readFile("\(path)/memory.current")).map { String(decoding: $0, as: UTF8.self) }
        self.init(cpuStat: String(decoding: cpu, as: UTF8.self), memoryCurrent: memory)
    }

    init?(cpuStat: String, memoryCurrent: String?) {
        let usage = cpuStat.split(separator: "\n").first { $0.hasPrefix("usage_usec ") }?.dropFirst(11)
        guard let usage, let cpu = Int(usage) else { return nil }
        cpuMicroseconds = cpu
        memoryBytes = memoryCurrent.flatMap { Int($0.prefix { $0 != "\n" }) }
    }
}
