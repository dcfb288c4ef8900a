import Synchronization

/// The sum of what all request bodies hold, bounded: `buffer_memory_limit` and `buffer_disk_limit`. Shared by the event
/// loops.
package final class BufferBudget: Sendable {
    private let memoryLimit: Atomic<Int>
    private let diskLimit: Atomic<Int>
    private let memory = Atomic<Int>(0)
    private let disk = Atomic<Int>(0)

    package init(memoryLimit: Int, diskLimit: Int) {
        self.memoryLimit = Atomic(memoryLimit)
        self.diskLimit = Atomic(diskLimit)
    }

    /// For what is taken from now on.
    func setLimits(memory: Int, disk: Int) {
        memoryLimit.store(memory, ordering: .relaxed)
        diskLimit.store(disk, ordering: .relaxed)
    }

    /// Bytes held now.
    package var memoryInUse: Int { memory.load(ordering: .relaxed) }
    package var diskInUse: Int { disk.load(ordering: .relaxed) }

    /// False when the limit would be passed; then nothing is taken.
    func takeMemory(_ bytes: Int) -> Bool { take(bytes, from: memory, limit: memoryLimit) }
    func takeDisk(_ bytes: Int) -> Bool { take(bytes, from: disk, limit: diskLimit) }
    func returnMemory(_ bytes: Int) { memory.wrappingSubtract(bytes, ordering: .relaxed) }
    func returnDisk(_ bytes: Int) { disk.wrappingSubtract(bytes, ordering: .relaxed) }

    private func take(
        _ bytes: Int, from counter: borrowing Atomic<Int>, limit: borrowing Atomic<Int>
    ) -> Bool {
        let (_, now) = counter.wrappingAdd(bytes, ordering: .relaxed)
        if now <= limit.load(ordering: .relaxed) { return true }
        counter.wrappingSubtract(bytes, ordering: .relaxed)
        return false
    }
}
