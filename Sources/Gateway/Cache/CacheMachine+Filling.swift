import HTTP1
import Model

extension CacheMachine {
    mutating func startFill(_ request: CacheRequest, isSolo: Bool, now: Instant) -> UInt64? {
        let cost = CacheLimits.overhead + 2 * request.key.cost + request.bytes.count
        guard reserve(cost) else { return nil }
        let id = nextID()
        fills[id] = Fill(request, isSolo: isSolo, cost: cost, now: now)
        withGroup(request.key) { $0.fills.append(id) }
        return id
    }

    /// A fill that a request with these values may wait for. As long as nothing is known of what the URL's answers vary
    /// by, that is any.
    func openFill(_ key: GroupKey, _ values: [UInt8], now: Instant) -> UInt64? {
        guard let group = groups[key] else { return nil }
        return group.fills.first { id in
            guard let fill = fills[id], !fill.isSolo, now < fill.deadline else { return false }
            return fill.request.values(of: group.varyNames) == values
        }
    }

    /// The head of the app's final answer. False: the answer is not stored, and the token is spent.
    mutating func begin(
        _ id: UInt64, answeredBy generation: GenerationNumber, _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer,
        now: Instant, wallClock: Int, _ releases: inout [Release]
    ) -> Bool {
        guard let fill = fills[id], fill.draft == nil else { return false }
        let times = AnswerTimes(requestedAt: fill.startedAt, receivedAt: now, wallClock: wallClock)
        let refusal: StoreRefusal?
        switch StoreDecision.judge(head, bytes, times: times) {
        case _ where fill.request.key.generation != generation: refusal = .generation
        case .refuse(let reason): refusal = reason
        case .store(let lifetime): refusal = startBody(id, lifetime, head, bytes, wallClock: wallClock)
        }
        guard let refusal else { return true }
        // A 304 is what a conditional request asked for; it says nothing about the next one's answer.
        refuse(id, refusal, marks: head.status != 304, now: now, &releases)
        return false
    }

    private mutating func startBody(
        _ id: UInt64, _ lifetime: StoreDecision.Lifetime, _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer,
        wallClock: Int
    ) -> StoreRefusal? {
        guard let key = fills[id]?.request.key, let stored = StoredHead.make(head, bytes, wallClock: wallClock) else {
            return .tooLarge
        }
        guard learn(lifetime.vary, key) else { return .vary }
        let length: Int? =
            switch head.framing {
            case .none: 0
            case .length(let length): length
            case .chunked, .untilClose: nil
            }
        let draft = AnswerDraft(head: stored.head, bytes: stored.bytes, lifetime: lifetime, length: length)
        guard draft.cost + (length ?? 0) <= entryLimit else { return .tooLarge }
        guard grow(id, by: draft.cost + (length ?? 0)) else { return .noMemory }
        fills[id]?.draft = draft
        if let length { fills[id]?.body.reserveCapacity(length) }
        return nil
    }

    /// The group's answers vary by these names too from now on. False when they become too many.
    private mutating func learn(_ names: [VaryName], _ key: GroupKey) -> Bool {
        let known = groups[key]?.varyNames ?? []
        let union = Set(known).union(names).sorted()
        guard union.count <= CacheLimits.varyNames else { return false }
        guard union != known else { return true }
        // Their values were compared by fewer names.
        for place in groups[key]?.answers ?? [] { remove(place) }
        withGroup(key) { $0.varyNames = union }
        return true
    }

    /// More of the body, as the app means it: without chunk framing, not compressed by the gateway. False: the answer is not
    /// stored, and the token is spent.
    mutating func append(
        _ id: UInt64, _ bytes: UnsafeRawBufferPointer, now: Instant, _ releases: inout [Release]
    ) -> Bool {
        guard let refusal = makeRoom(id, for: bytes.count) else {
            guard fills[id] != nil else { return false }
            fills[id]?.body.append(contentsOf: bytes)
            return true
        }
        refuse(id, refusal, marks: true, now: now, &releases)
        return false
    }

    /// Nil when the body may grow by so much. Never holds a copy of the fill: its body would be copied with each part.
    private mutating func makeRoom(_ id: UInt64, for count: Int) -> StoreRefusal? {
        guard let fill = fills[id]?.progress else { return fills[id] == nil ? nil : .truncated }
        let total = fill.count + count
        if let length = fill.length { return total > length ? .truncated : nil }
        guard fill.headCost + total <= entryLimit else { return .tooLarge }
        guard total > fill.reserved else { return nil }
        let reserved = min(max(total, 2 * fill.reserved, 4096), entryLimit)
        // The old buffer is freed only after the new one was filled.
        guard grow(id, by: reserved) else { return .noMemory }
        fills[id]?.body.reserveCapacity(reserved)
        fills[id]?.reserved = reserved
        shrink(id, by: fill.reserved)
        return nil
    }

    private mutating func grow(_ id: UInt64, by bytes: Int) -> Bool {
        guard reserve(bytes) else { return false }
        fills[id]?.cost += bytes
        return true
    }

    private mutating func shrink(_ id: UInt64, by bytes: Int) {
        release(bytes)
        fills[id]?.cost -= bytes
    }

    /// The answer is complete. True when it is stored.
    mutating func finish(_ id: UInt64, now: Instant, _ releases: inout [Release]) -> Bool {
        guard let fill = fills[id], let draft = fill.draft else {
            refuse(id, .abandoned, marks: false, now: now, &releases)
            return false
        }
        let key = fill.request.key
        let values = fill.request.values(of: groups[key]?.varyNames ?? [])
        var refusal: StoreRefusal?
        if let length = draft.length, length != fill.body.count { refusal = .truncated }
        if draft.lifetime.freshUntil <= now { refusal = .stale }
        if values.count > CacheLimits.varyValues { refusal = .vary }
        let cost = CacheLimits.overhead + 2 * key.cost + values.count + draft.cost + fill.body.count
        // Most of it was reserved for the fill.
        if refusal == nil, !reserve(max(0, cost - fill.cost)) { refusal = .noMemory }
        if let refusal {
            refuse(id, refusal, marks: true, now: now, &releases)
            return false
        }
        release(max(0, fill.cost - cost))
        store(id, draft, values, cost: cost)
        regroup(fill.waiters, now: now, &releases)
        return true
    }

    private mutating func store(_ id: UInt64, _ draft: AnswerDraft, _ values: [UInt8], cost: Int) {
        guard let fill = fills.removeValue(forKey: id) else { return }
        let key = fill.request.key
        // A buffer that grew has room to spare, which was not reserved for the entry.
        let body = fill.body.capacity > fill.body.count + 64 ? fill.body.withUnsafeBytes { Array($0) } : fill.body
        insert(StoredAnswer(draft, body: body), varyValues: values, key: key, cost: cost)
        withGroup(key) { $0.fills.removeAll { $0 == id } }
        if let mark = groups[key]?.mark { remove(mark) }
        counters.stores += 1
    }

    /// Ends a fill without an entry.
    mutating func refuse(
        _ id: UInt64, _ reason: StoreRefusal, marks: Bool, now: Instant, _ releases: inout [Release]
    ) {
        guard let fill = fills.removeValue(forKey: id) else { return }
        release(fill.cost)
        withGroup(fill.request.key) { $0.fills.removeAll { $0 == id } }
        counters.refusals[reason, default: 0] += 1
        if reason.isOfTheURL {
            if marks { mark(fill.request.key, now: now) }
            // All at once: one after the other would be the slowest way to answer them.
            letGo(fill.waiters, &releases)
        } else if reason == .generation || reason == .noMemory {
            letGo(fill.waiters, &releases)
        } else {
            regroup(fill.waiters, now: now, &releases)
        }
    }
}
