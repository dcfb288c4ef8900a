/// From a key that is a good hash already to a small number. A Dictionary would hash it once more, with
/// SipHash (8 % of the profile). Open addressing, never more than half full.
struct KeyTable: ~Copyable {
    private static let free: Int32 = -1

    private var keys: ContiguousArray<UInt64>
    private var values: ContiguousArray<Int32>
    private let mask: Int

    /// - Parameter capacity: no more keys than that are ever in it.
    init(capacity: Int) {
        var size = 2
        while size < 2 * capacity { size *= 2 }
        keys = ContiguousArray(repeating: 0, count: size)
        values = ContiguousArray(repeating: KeyTable.free, count: size)
        mask = size - 1
    }

    func value(_ key: UInt64) -> Int? {
        let slot = slot(key)
        return values[slot] == KeyTable.free ? nil : Int(values[slot])
    }

    mutating func set(_ key: UInt64, _ value: Int) {
        let slot = slot(key)
        keys[slot] = key
        values[slot] = Int32(value)
    }

    mutating func remove(_ key: UInt64) {
        var hole = slot(key)
        guard values[hole] != KeyTable.free else { return }
        // What stands behind the hole moves into it when its search would end there.
        var next = (hole + 1) & mask
        while values[next] != KeyTable.free {
            let home = home(keys[next])
            if (next - home) & mask >= (next - hole) & mask {
                keys[hole] = keys[next]
                values[hole] = values[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        values[hole] = KeyTable.free
    }

    mutating func removeAll() {
        for slot in values.indices { values[slot] = KeyTable.free }
    }

    private func home(_ key: UInt64) -> Int { Int(truncatingIfNeeded: key) & mask }

    /// Where the key is, or would be.
    private func slot(_ key: UInt64) -> Int {
        var slot = home(key)
        while values[slot] != KeyTable.free, keys[slot] != key { slot = (slot &+ 1) & mask }
        return slot
    }
}
