import HTTP1
import Model

/// One part of the cache, pure: what is stored, what is under way, and who waits for it.
///
/// A URI has groups (`GroupKey`), a group has answers that differ by the fields of Vary, fills (answers under way) and maybe
/// a mark, which says that its last answer could not be stored. Answers and marks are in one list by last use; what does
/// not fit is taken from its end.
struct CacheMachine: Sendable {
    struct Entry: Sendable {
        enum Content: Sendable {
            case answer(StoredAnswer, varyValues: [UInt8])
            case mark(until: Instant)
        }
        let key: GroupKey
        let content: Content
        let cost: Int
    }

    struct Group: Sendable {
        /// The union of what the answers of the group varied by since it exists: an app that leaves Vary out of some
        /// answers must not empty it each time.
        var varyNames: [VaryName] = []
        var answers: [Int] = []
        var mark: Int?
        var fills: [UInt64] = []

        var isEmpty: Bool { answers.isEmpty && mark == nil && fills.isEmpty }
    }

    /// What a waiter is to be told, once the lock is open.
    struct Release: Sendable {
        let waiter: any CacheWaiter
        let answer: CacheAnswer
    }

    let memory: Int
    let entryLimit: Int
    let shard: Int
    var entries = RecencyList<Entry>()
    var groups: [GroupKey: Group] = [:]
    /// For invalidation: the groups of each URI.
    var keys: [ResourceKey: Set<GroupKey>] = [:]
    var fills: [UInt64: Fill] = [:]
    /// Which fill each ticket waits for.
    var waits: [UInt64: UInt64] = [:]
    var counters = CacheCounters()
    private var lastID: UInt64 = 0

    init(limits: CacheLimits, shard: Int) {
        memory = limits.memory / limits.shards
        entryLimit = limits.entry
        self.shard = shard
    }

    mutating func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }

    // MARK: Looking up

    mutating func lookUp(_ request: CacheRequest, _ waiter: any CacheWaiter, now: Instant) -> CacheAnswer {
        let waiting = Waiting(ticket: nextID(), request: request, waiter: waiter, round: 0)
        let answer = answer(waiting, now: now)
        if case .wait = answer { counters.waits += 1 }
        return answer
    }

    /// `.wait` when the request was put among those that wait for a fill.
    mutating func answer(_ waiting: Waiting, now: Instant) -> CacheAnswer {
        let request = waiting.request
        let values = request.values(of: groups[request.key]?.varyNames ?? [])
        if let stored = stored(request.key, values, now: now), stored.suits(request, now) {
            counters.hits += 1
            return .hit(CacheHit(stored, for: request, now: now))
        }
        if request.onlyIfCached { return .notCached }
        if !request.isHead, let fill = openFill(request.key, values, now: now) {
            guard waiting.round < CacheLimits.rounds, fills[fill]?.add(waiting) == true else { return pass() }
            waits[waiting.ticket] = fill
            return .wait(WaitTicket(shard: shard, id: waiting.ticket))
        }
        return request.isHead ? pass() : lead(request, now: now)
    }

    private mutating func pass() -> CacheAnswer {
        counters.misses += 1
        return .pass
    }

    private mutating func lead(_ request: CacheRequest, now: Instant) -> CacheAnswer {
        let isSolo = isMarked(request.key, now: now)
        counters.misses += 1
        guard let id = startFill(request, isSolo: isSolo, now: now) else { return .pass }
        return .lead(FillToken(shard: shard, id: id, dropsConditions: !isSolo))
    }

    /// A fresh answer; a stale one that is met on the way is removed.
    private mutating func stored(_ key: GroupKey, _ values: [UInt8], now: Instant) -> StoredAnswer? {
        for place in groups[key]?.answers ?? [] {
            guard case .answer(let answer, values) = entries[place]?.content else { continue }
            guard answer.isFresh(now) else {
                remove(place)
                return nil
            }
            entries.touch(place)
            return answer
        }
        return nil
    }

    private mutating func isMarked(_ key: GroupKey, now: Instant) -> Bool {
        guard let place = groups[key]?.mark, case .mark(let until) = entries[place]?.content else { return false }
        if now < until { return true }
        remove(place)
        return false
    }

    // MARK: Entries

    mutating func insert(_ answer: StoredAnswer, varyValues: [UInt8], key: GroupKey, cost: Int) {
        for place in groups[key]?.answers ?? [] {
            if case .answer(_, varyValues) = entries[place]?.content { remove(place) }
        }
        while let first = groups[key]?.answers.first, groups[key]?.answers.count ?? 0 >= CacheLimits.variants {
            remove(first)
            counters.evictions += 1
        }
        let entry = Entry(key: key, content: .answer(answer, varyValues: varyValues), cost: cost)
        let place = entries.insert(entry)
        withGroup(key) { $0.answers.append(place) }
        counters.entries += 1
    }

    /// From now on requests do not wait for each other, for a while.
    mutating func mark(_ key: GroupKey, now: Instant) {
        if let place = groups[key]?.mark { remove(place) }
        let cost = CacheLimits.overhead + 2 * key.cost
        guard reserve(cost) else { return }
        let entry = Entry(key: key, content: .mark(until: now + CacheLimits.markTime), cost: cost)
        let place = entries.insert(entry)
        withGroup(key) { $0.mark = place }
    }

    mutating func remove(_ place: Int) {
        guard let entry = entries.remove(place) else { return }
        release(entry.cost)
        if case .answer = entry.content { counters.entries -= 1 }
        withGroup(entry.key) { group in
            group.answers.removeAll { $0 == place }
            if group.mark == place { group.mark = nil }
        }
    }

    /// Changes a group, which comes into being by it, and ceases to be when nothing is left in it.
    mutating func withGroup(_ key: GroupKey, _ change: (inout Group) -> Void) {
        var group = groups.removeValue(forKey: key) ?? Group()
        change(&group)
        if group.isEmpty {
            keys[key.resource]?.remove(key)
            if keys[key.resource]?.isEmpty == true { keys[key.resource] = nil }
        } else {
            groups[key] = group
            keys[key.resource, default: []].insert(key)
        }
    }

    // MARK: Memory

    /// Takes bytes, from what was not used for longest if need be. False, and nothing taken, when that does not do.
    mutating func reserve(_ bytes: Int) -> Bool {
        while counters.bytes + bytes > memory, let place = entries.last {
            remove(place)
            counters.evictions += 1
        }
        guard counters.bytes + bytes <= memory else { return false }
        counters.bytes += bytes
        return true
    }

    mutating func release(_ bytes: Int) { counters.bytes -= bytes }
}
