import Model

/// Workers that are replaced although they serve. The new one is up before the old one drains, and a generation replaces
/// one at a time, so neither is capacity missed nor memory doubled.
extension AppPool {
    /// `max_requests` of a worker that comes up.
    mutating func limitRequests(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let limit = UInt64(generations[position].spec.settings.pool.maxRequests)
        guard limit > 0 else { return }
        context.workers[slot].requestLimit = limit - UInt64.random(in: 0...limit / 10, using: &context.random)
    }

    mutating func wearOut(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let requests = context.workers[slot].requests
        guard requests >= context.workers[slot].requestLimit else { return }
        wear(slot, position, .requests(requests), &context)
    }

    /// Once is enough.
    mutating func wear(_ slot: Int, _ position: Int, _ reason: Wear, _ context: inout PoolContext) {
        guard !context.workers[slot].hasWear else { return }
        switch context.workers[slot].state {
        case .unknown, .available, .working, .suspected: break
        case .launching, .loading, .proving, .draining, .stopping, .gone: return
        }
        context.workers[slot].wear = reason
        let worker = context.workers[slot]
        tell(.workerWorn(worker.number, reason), about: worker.generation, &context)
        // Limits that a worker reaches as soon as it is up would have workers booted without an end.
        let age = context.now - (worker.provedAt ?? context.now)
        if age < context.limits.backOff.youngAge {
            generations[position].backOff.died(
                at: context.now, age: age, context.limits.backOff, random: &context.random)
        }
        topUp(position, &context)
    }

    /// One more than the target while there is one to be replaced, or the only one has work to do.
    func wantedWorkers(_ position: Int, _ context: borrowing PoolContext) -> Int {
        let hasMore = wornSlot(position, context) != nil || needsStandIn(position, context)
        return generations[position].target + (hasMore ? 1 : 0)
    }

    /// The oldest.
    private func wornSlot(_ position: Int, _ context: borrowing PoolContext) -> Int? {
        for slot in generations[position].slots where context.workers[slot].isWorn { return slot }
        return nil
    }

    /// Whenever there may be more workers than are wanted: a replacement is up, or its worn worker went by itself, or the
    /// target was lowered.
    mutating func trim(_ position: Int, _ context: inout PoolContext) {
        guard generations[position].state.keepsWorkers else { return }
        while generations[position].available(in: context.workers) > generations[position].target,
            let slot = wornSlot(position, context)
        {
            retireAlone(slot, position, &context)
        }
        while true {
            let kept = generations[position].count(in: context.workers) { $0.state.isKept }
            let excess = kept - wantedWorkers(position, context)
            guard excess > 0, let slot = victims(position, excess, context).first else { return }
            retireAlone(slot, position, &context)
        }
    }

    // MARK: Memory

    /// - Parameter bytes: private memory and swap of the worker's process tree.
    mutating func workerMemory(_ slot: Int, bytes: Int, _ context: inout PoolContext) {
        guard let position = position(of: context.workers[slot].generation) else { return }
        context.workers[slot].memory = bytes
        let limits = generations[position].spec.settings.pool
        if limits.hardMemoryLimit > 0, bytes >= limits.hardMemoryLimit {
            overHardLimit(slot, position, &context)
            settle(position, &context)
        } else if limits.memoryLimit > 0, bytes >= limits.memoryLimit {
            wear(slot, position, .memory(bytes), &context)
        }
    }

    /// The machine is in danger: nothing is waited for. Whoever had a request there is answered by the retry rule.
    private mutating func overHardLimit(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let worker = context.workers[slot]
        let limits = generations[position].spec.settings.pool
        let failure = BootFailure(
            step: "memory",
            summary: "it used \((worker.memory ?? 0) >> 20) MB of memory, hard_memory_limit is "
                + "\(limits.hardMemoryLimit >> 20) MB",
            hint: "raise hard_memory_limit, or set memory_limit below it so that workers are replaced in time")
        let grace = shortGrace(of: position, context)
        switch worker.state {
        case .launching, .loading, .proving:
            stop(slot, grace: grace, &context)
            bootFailed(position, worker.number, attempt: worker.attempt, failure, decisive: true, &context)
        case .unknown, .available, .working, .suspected:
            stop(slot, grace: grace, &context)
            died(position, worker, failure, &context)
        case .draining: stop(slot, grace: grace, &context)
        case .stopping, .gone: break
        }
    }
}
