internal import Model

/// What one loop knows about one path of one site.
final class FileEntry {
    let key: UInt64
    /// Kept alive by its entries: its identity is part of the key.
    let site: StaticSite
    let path: [UInt8]
    let fingerprint: Fingerprint
    /// Nil: there is none.
    var file: StaticFile?
    let trustedUntil: Instant
    var lastUsed: Instant
    /// Asked for since the clock's hand last passed.
    var isReferenced = false

    init(
        _ key: UInt64, _ site: StaticSite, _ path: UnsafeRawBufferPointer, _ fingerprint: Fingerprint, now: Instant,
        trust: Duration
    ) {
        self.key = key
        self.site = site
        self.path = Array(path)
        self.fingerprint = fingerprint
        trustedUntil = now + trust
        lastUsed = now
    }
}

/// A bounded table of entries by key. When it is full, the clock algorithm decides: the hand spares, once, whatever was
/// asked for since it last came by.
struct EntryTable: ~Copyable {
    private let capacity: Int
    private var slots: ContiguousArray<FileEntry> = []
    private var places: KeyTable
    private var hand = 0

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        places = KeyTable(capacity: max(1, capacity))
    }

    var count: Int { slots.count }

    func find(_ key: UInt64, _ site: StaticSite, _ path: UnsafeRawBufferPointer) -> FileEntry? {
        guard let place = places.value(key) else { return nil }
        let entry = slots[place]
        guard entry.site === site, entry.path.withUnsafeBytes({ $0.equals(path) }) else { return nil }
        entry.isReferenced = true
        return entry
    }

    mutating func insert(_ entry: FileEntry) {
        if let place = places.value(entry.key) {
            entry.isReferenced = slots[place].isReferenced
            slots[place] = entry
        } else if slots.count < capacity {
            places.set(entry.key, slots.count)
            slots.append(entry)
        } else {
            let place = victim()
            places.remove(slots[place].key)
            places.set(entry.key, place)
            slots[place] = entry
        }
    }

    mutating func remove(_ key: UInt64) {
        guard let place = places.value(key) else { return }
        places.remove(key)
        let last = slots.removeLast()
        guard place < slots.count else { return }
        slots[place] = last
        places.set(last.key, place)
    }

    mutating func removeAll(where isGone: (FileEntry) -> Bool) {
        guard slots.contains(where: isGone) else { return }
        slots.removeAll(where: isGone)
        places.removeAll()
        for (place, entry) in slots.enumerated() { places.set(entry.key, place) }
        hand = 0
    }

    /// Ends: an entry that is passed over loses what spared it.
    private mutating func victim() -> Int {
        while true {
            if hand >= slots.count { hand = 0 }
            defer { hand += 1 }
            guard slots[hand].isReferenced else { return hand }
            slots[hand].isReferenced = false
        }
    }
}
