/// What the kernel counts for the control group of a generation.
package struct ControlGroupStatus: Sendable, Codable, Equatable {
    package var path: String
    /// Nil without the memory controller.
    package var memoryBytes: Int?
    package var cpuSeconds: Double

    package init(path: String, memoryBytes: Int?, cpuSeconds: Double) {
        self.path = path
        self.memoryBytes = memoryBytes
        self.cpuSeconds = cpuSeconds
    }
}

/// Memory in bytes, as last measured.
package struct MemoryStatus: Sendable, Codable, Equatable {
    /// Nobody else has it: this and `swap` would be free without the processes.
    package var privateBytes: Int
    package var swapBytes: Int
    package var sharedBytes: Int
    /// Private, and of what is shared each one's share: these sum up to what is in use.
    package var pssBytes: Int
    package var processes: Int
    /// False where pages that are shared with a parent could not be told from private ones.
    package var isExact: Bool

    package init(
        privateBytes: Int, swapBytes: Int, sharedBytes: Int, pssBytes: Int, processes: Int, isExact: Bool
    ) {
        self.privateBytes = privateBytes
        self.swapBytes = swapBytes
        self.sharedBytes = sharedBytes
        self.pssBytes = pssBytes
        self.processes = processes
        self.isExact = isExact
    }
}
