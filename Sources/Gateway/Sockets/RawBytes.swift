internal import Glibc

/// Memory for bytes that one owner fills again and again: what a connection or a loop keeps between two events. Unlike a
/// `ByteBuffer` it is never shared, so using it costs no reference counting.
package struct RawBytes: ~Copyable {
    private var memory: UnsafeMutableRawBufferPointer
    package private(set) var count = 0

    package init() { memory = UnsafeMutableRawBufferPointer(start: nil, count: 0) }

    deinit { memory.deallocate() }

    package var isEmpty: Bool { count == 0 }
    package var capacity: Int { memory.count }

    /// Valid until the next change.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[0..<count]) }

    /// Makes room for `capacity` bytes in all; what is there stays.
    package mutating func reserve(_ capacity: Int) {
        guard capacity > memory.count else { return }
        let rounded = max(512, capacity.nextPowerOfTwo)
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: rounded, alignment: 16)
        if count > 0 { larger.copyMemory(from: bytes) }
        memory.deallocate()
        memory = larger
    }

    package mutating func assign(_ source: UnsafeRawBufferPointer) {
        count = 0
        append(source)
    }

    package mutating func append(_ source: UnsafeRawBufferPointer) {
        guard let base = source.baseAddress, !source.isEmpty else { return }
        reserve(count + source.count)
        (memory.baseAddress! + count).copyMemory(from: base, byteCount: source.count)
        count += source.count
    }

    /// Lets `body` write behind what is there, into `size` bytes; it returns how many it wrote, or nil, which leaves all as
    /// it was.
    package mutating func write(_ size: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int?) -> Bool {
        reserve(count + size)
        guard let written = body(UnsafeMutableRawBufferPointer(rebasing: memory[count..<(count + size)])) else {
            return false
        }
        count += written
        return true
    }

    package mutating func dropFirst(_ dropped: Int) {
        if dropped >= count {
            count = 0
            return
        }
        guard dropped > 0, let base = memory.baseAddress else { return }
        memmove(base, base + dropped, count - dropped)
        count -= dropped
    }

    package mutating func removeAll() { count = 0 }

    /// Gives the memory back, too.
    package mutating func release() {
        count = 0
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }
}

extension Int {
    fileprivate var nextPowerOfTwo: Int { 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
