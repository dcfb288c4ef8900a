import Model

/// Requests that are sent to a busy worker and not queued (`Pace` says why and when).
extension AppPool {
    /// No worker has room, but some get requests ahead.
    var canSendAhead: Bool {
        pause == nil && queue.firstMayGoAhead && generations.contains { $0.state == .live && $0.ahead.count > 0 }
    }

    /// From the queue's beginning, as many as may go and find a worker.
    mutating func sendAhead(_ context: inout PoolContext) {
        guard pause == nil else { return }
        while queue.firstMayGoAhead, let claim = claimAhead(&context) { grant(claim, .anyPlace, &context) }
    }

    /// The worker with the fewest. One that stalls, or that somebody waits for who may have to have it alone, is left out
    /// until it answers.
    mutating func claimAhead(_ context: inout PoolContext) -> Claim? {
        while let position = choose(&context, where: { $0.ahead.count > 0 }),
            let slot = generations[position].ahead.first
        {
            let isStalled = context.workers[slot].pace.isStalled(at: context.now)
            guard isStalled || queue.isWaiting(for: context.workers[slot].number) else {
                return generations[position].claim(slot, isSafe: true, at: context.now, &context.workers)
            }
            generations[position].ahead.remove(slot, from: &context.workers)
        }
        return nil
    }

    /// Whether a request that its worker has not read yet is better taken back: the worker is at another one, or there is
    /// one that has room.
    func mayRecall(_ claim: Claim, _ context: borrowing PoolContext) -> Bool {
        guard context.workers.holds(claim), claim.endpoint.takesAhead else { return false }
        return context.workers[claim.endpoint.slot].busy > 1
            || generations.contains { table.contains($0.number) && $0.ready.count > 0 }
    }
}

extension Generation {
    mutating func relistAhead(_ slot: Int, _ workers: inout WorkerTable) {
        guard workers[slot].takesAhead else { return }
        ahead.remove(slot, from: &workers)
        if workers[slot].hasRoomAhead { ahead.insert(slot, into: &workers) }
    }
}
