/// What one worker's process tree takes: memory, in bytes, and CPU time.
package struct MemoryFigures: Sendable, Equatable {
    /// Pages that nobody else has (Private_Clean and Private_Dirty of proc(5), smaps_rollup).
    package var privateBytes: Int
    package var sharedBytes: Int
    /// Private pages, and of each shared one its share.
    package var proportionalBytes: Int
    package var swapBytes: Int
    package var processes: Int
    /// False where we may not look closely: pages shared with a preloader then count as private, and nothing is divided.
    package var isExact: Bool
    /// CPU time that its processes have used, and those of their children that were waited for.
    package var cpuMicroseconds: Int

    /// What would be free without it: this is held against `memory_limit` and `hard_memory_limit`.
    package var ownBytes: Int { privateBytes + swapBytes }

    package init(
        privateBytes: Int, sharedBytes: Int, proportionalBytes: Int, swapBytes: Int, processes: Int, isExact: Bool,
        cpuMicroseconds: Int = 0
    ) {
        self.cpuMicroseconds = cpuMicroseconds
        self.privateBytes = privateBytes
        self.sharedBytes = sharedBytes
        self.proportionalBytes = proportionalBytes
        self.swapBytes = swapBytes
        self.processes = processes
        self.isExact = isExact
    }

    package static let zero = MemoryFigures(
        privateBytes: 0, sharedBytes: 0, proportionalBytes: 0, swapBytes: 0, processes: 0, isExact: true)

    package static func + (a: MemoryFigures, b: MemoryFigures) -> MemoryFigures {
        MemoryFigures(
            privateBytes: a.privateBytes + b.privateBytes, sharedBytes: a.sharedBytes + b.sharedBytes,
            proportionalBytes: a.proportionalBytes + b.proportionalBytes, swapBytes: a.swapBytes + b.swapBytes,
            processes: a.processes + b.processes, isExact: a.isExact && b.isExact,
            cpuMicroseconds: a.cpuMicroseconds + b.cpuMicroseconds)
    }
}
