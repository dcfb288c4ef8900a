import Model

/// What a checkin led to.
enum CheckinAnswer {
    case done
    /// The queue's first takes over at once.
    case handOver(QueuedCheckout, Claim)
    /// The worker's last request is done: it can stop now.
    case lastOfWorker(slot: Int)
}

extension AppPool {
    /// Granted without an allocation: this is what every request runs through.
    mutating func checkout(
        _ waiter: any CheckoutWaiter, now: () -> Instant, _ context: inout PoolContext
    ) -> CheckoutAnswer {
        // Nothing may overtake the queue, and as long as there is one no routed worker has room (an invariant).
        if queue.isEmpty, closing == nil, let claim = claimLeastBusy(&context) {
            totals.granted += 1
            return .granted(claim)
        }
        if let refusal = refusalAtTheDoor(context) {
            count(refusal)
            return .refused(refusal)
        }
        totals.queued += 1
        return .queued(queue.append(waiter, at: now()))
    }

    /// False when it was answered already (a grant wins over a cancel).
    mutating func cancel(_ ticket: Ticket) -> Bool {
        guard queue.remove(ticket) != nil else { return false }
        totals.cancelled += 1
        return true
    }

    /// The claimed worker may have exited before, and its generation be gone: then there is only something to count.
    mutating func checkin(
        _ claim: Claim, _ outcome: ExchangeOutcome, _ context: inout PoolContext
    ) -> CheckinAnswer {
        guard let position = position(of: claim.endpoint.generation) else { return .done }
        generations[position].count(outcome)
        guard context.workers.holds(claim) else { return .done }
        let slot = claim.endpoint.slot
        generations[position].release(slot, &context.workers)
        if context.workers[slot].state == .draining {
            return context.workers[slot].busy == 0 ? .lastOfWorker(slot: slot) : .done
        }
        guard !queue.isEmpty, let next = takeOver(slot, of: position, &context) else { return .done }
        return .handOver(next.0, next.1)
    }

    /// The worker that has just got room takes the queue's head. It is the only one with room, so no choice is made.
    private mutating func takeOver(
        _ slot: Int, of position: Int, _ context: inout PoolContext
    ) -> (QueuedCheckout, Claim)? {
        guard table.contains(generations[position].number), context.workers[slot].state == .available,
            let claim = generations[position].claimLeastBusy(&context.workers), let head = queue.popFirst()
        else { return nil }
        totals.granted += 1
        return (head, claim)
    }

    /// Whenever a routed worker may have got room, or hope for one may be gone.
    mutating func dispatch(_ context: inout PoolContext) {
        while !queue.isEmpty, let claim = claimLeastBusy(&context) {
            guard let head = queue.popFirst() else { return }
            totals.granted += 1
            context.act(.grant(head, claim))
        }
        if !queue.isEmpty, let reason = hopelessness(context) { refuseQueue(reason, &context) }
    }

    /// The table's choice; the other generations in it when that one has no room.
    private mutating func claimLeastBusy(_ context: inout PoolContext) -> Claim? {
        guard !table.isEmpty else { return nil }
        let chosen = table.choose(context.random.next())
        for step in 0..<table.entries.count {
            let number = table.entries[(chosen + step) % table.entries.count].generation
            guard let position = position(of: number) else { continue }
            if let claim = generations[position].claimLeastBusy(&context.workers) { return claim }
        }
        return nil
    }

    private func refusalAtTheDoor(_ context: borrowing PoolContext) -> Refusal? {
        if closing != nil { return .shuttingDown }
        if let reason = hopelessness(context) { return reason }
        let limit = queueSettings.maxRequestQueueSize
        return limit > 0 && queue.count >= limit ? .queueFull(limit: limit) : nil
    }

    /// Why waiting is of no use: nothing serves or boots, and nothing will without a person or after a back-off.
    func hopelessness(_ context: borrowing PoolContext) -> Refusal? {
        var failure: BootFailure?
        var known = false
        for generation in generations where generation.state == .live || generation.isPending {
            for slot in generation.slots where context.workers[slot].isKept { return nil }
            known = true
            failure = generation.bootFailure ?? failure
        }
        if !known { return .notBooted(summary: lastBootFailure?.summary ?? "no version of this app is live yet") }
        return failure.map { .notBooted(summary: $0.summary) }
    }

    mutating func refuseQueue(_ refusal: Refusal, _ context: inout PoolContext) {
        let refused = queue.count
        while let head = queue.popFirst() {
            count(refusal)
            context.act(.refuse(head, refusal))
        }
        if refused > 0 { tell(.refusedQueued(refused, refusal), about: nil, &context) }
    }

    mutating func refuseOverdue(_ context: inout PoolContext) {
        let limit = queueSettings.maxRequestQueueTime
        guard limit > .zero else { return }
        while let head = queue.first, context.now - head.since >= limit {
            _ = queue.popFirst()
            count(.queueTimeout)
            context.act(.refuse(head, .queueTimeout))
        }
    }

    private mutating func count(_ refusal: Refusal) {
        switch refusal {
        case .queueFull: totals.refusedQueueFull += 1
        case .queueTimeout: totals.refusedQueueTimeout += 1
        case .notBooted: totals.refusedNotBooted += 1
        case .shuttingDown: totals.refusedShuttingDown += 1
        }
    }
}

extension Generation {
    mutating func claimLeastBusy(_ workers: inout WorkerTable) -> Claim? {
        guard let slot = ready.first else { return nil }
        ready.remove(slot, from: &workers)
        workers[slot].busy += 1
        workers[slot].requests += 1
        if workers[slot].hasRoom { ready.insert(slot, into: &workers) }
        // A ready worker has had its handshake, which made the endpoint (an invariant).
        return Claim(endpoint: workers[slot].endpoint!)
    }

    mutating func release(_ slot: Int, _ workers: inout WorkerTable) {
        assert(workers[slot].busy > 0, "worker \(workers[slot].number) was given back more often than it was claimed")
        ready.remove(slot, from: &workers)
        workers[slot].busy -= 1
        if workers[slot].state == .available { ready.insert(slot, into: &workers) }
    }
}
