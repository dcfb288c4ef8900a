import Model

extension CacheMachine {
    /// The client is gone. False when the waiter has been told, or is being told.
    mutating func cancelWait(_ ticket: UInt64) -> Bool {
        guard let fill = waits.removeValue(forKey: ticket) else { return false }
        fills[fill]?.removeWaiter(ticket)
        return true
    }

    /// To the app, each for itself.
    mutating func letGo(_ waiters: [Waiting], _ releases: inout [Release]) {
        for waiting in waiters {
            waits[waiting.ticket] = nil
            counters.misses += 1
            releases.append(Release(waiter: waiting.waiter, answer: .pass))
        }
    }

    /// As if they came only now. When their leader is gone, the first of them leads; when its answer was for others than
    /// them, there is one leader for each kind. Two rounds of that, then they go to the app.
    mutating func regroup(_ waiters: [Waiting], now: Instant, _ releases: inout [Release]) {
        for var waiting in waiters {
            waits[waiting.ticket] = nil
            waiting.round += 1
            let answer = answer(waiting, now: now)
            if case .wait = answer { continue }
            releases.append(Release(waiter: waiting.waiter, answer: answer))
        }
    }

    /// About once a second: lets those go who have waited long enough, and removes some of what is stale.
    mutating func tick(now: Instant, _ releases: inout [Release]) {
        for (id, fill) in fills where !fill.waiters.isEmpty && fill.deadline <= now {
            letGo(fills[id]?.takeWaiters() ?? [], &releases)
        }
        for _ in 0..<64 {
            guard let place = entries.last, let entry = entries[place] else { return }
            switch entry.content {
            case .answer(let answer, _) where answer.isFresh(now): return
            case .mark(let until) where now < until: return
            case .answer, .mark: remove(place)
            }
        }
    }

    // MARK: Dropping

    /// The URI was changed by a request: what is stored goes, and what is under way may be older than the change.
    mutating func invalidate(_ resource: ResourceKey, now: Instant, _ releases: inout [Release]) {
        guard let groupKeys = keys[resource] else { return }
        var doomed: [UInt64] = []
        for key in groupKeys {
            for place in groups[key]?.answers ?? [] {
                remove(place)
                counters.invalidations += 1
            }
            doomed += groups[key]?.fills ?? []
        }
        // All of them before the first waiter looks for another to wait for.
        let waiters = doomed.sorted().flatMap { fills[$0]?.takeWaiters() ?? [] }
        for id in doomed { refuse(id, .invalidated, marks: false, now: now, &releases) }
        regroup(waiters, now: now, &releases)
    }

    /// Nothing of it is served, stored or waited for any more. `generation` nil: of the whole app.
    mutating func drop(_ app: AppName, _ generation: GenerationNumber?, now: Instant, _ releases: inout [Release]) {
        func isDropped(_ key: GroupKey) -> Bool {
            key.resource.belongs(to: app) && (generation ?? key.generation) == key.generation
        }
        for place in entries.places {
            if let key = entries[place]?.key, isDropped(key) { remove(place) }
        }
        for (id, fill) in fills where isDropped(fill.request.key) {
            letGo(fills[id]?.takeWaiters() ?? [], &releases)
            refuse(id, .invalidated, marks: false, now: now, &releases)
        }
    }
}
