internal import Glibc

/// Memory that ends at a page which may not be touched: whoever reads or writes past the end dies at once, also without a
/// sanitizer.
final class GuardedMemory {
    private static let page = 4096
    private let base: UnsafeMutableRawPointer
    private let capacity: Int

    init(capacity: Int = 1 << 20) {
        self.capacity = capacity
        let memory = mmap(nil, capacity + Self.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED, mprotect(memory + capacity, Self.page, PROT_NONE) == 0 else {
            fatalError("no memory to fuzz in")
        }
        base = memory
    }

    deinit { munmap(base, capacity + Self.page) }

    /// The last `count` bytes before the guard. What was there before is lost.
    func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
        precondition(count <= capacity, "an input of \(count) bytes is more than a check takes")
        return UnsafeMutableRawBufferPointer(start: base + (capacity - count), count: count)
    }

    /// A copy that ends at the guard.
    func place(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let room = room(bytes.count)
        room.copyMemory(from: bytes)
        return UnsafeRawBufferPointer(room)
    }
}
