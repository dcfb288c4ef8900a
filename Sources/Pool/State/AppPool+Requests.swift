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
        _ waiter: any CheckoutWaiter, _ wish: CheckoutWish, now: () -> Instant, _ context: inout PoolContext
    ) -> CheckoutAnswer {
        if isRefusedAfterRestart(wish) { return refuseAfterRestart() }
        if takesAhead { context.now = now() }
        var line = wish.isUnlimited ? CheckoutQueue.Line.unlimited : .anyPlace
        if closing == nil {
            let sticky =
                wish.sticky.flatMap { routedWorker($0, context) }
                ?? wish.generation.flatMap { sharingWorker(of: $0, &context) }
            if pause == nil, let claim = claim(wish, sticky, &context) {
                totals.granted += 1
                return .granted(claim)
            }
            if let sticky, !wish.isUnlimited { line = .worker(context.workers[sticky.slot].number) }
        }
        if let refusal = refusalAtTheDoor(wish, context) {
            count(refusal)
            return .refused(refusal)
        }
        totals.queued += 1
        context.now = now()
        return .queued(
            queue.append(
                waiter, to: line, at: context.now, mayGoAhead: wish.mayGoAhead, first: wish.goesFirst))
    }

    /// A request whose worker is busy waits for that one. (Passenger does so too: the session's data may be there alone.)
    private mutating func claim(
        _ wish: CheckoutWish, _ sticky: (position: Int, slot: Int)?, _ context: inout PoolContext
    ) -> Claim? {
        if let sticky {
            if wish.isUnlimited {
                return generations[sticky.position].claimStream(sticky.slot, &context.workers)
            }
            // With room, nobody waits for it (an invariant).
            guard context.workers[sticky.slot].hasRoom else { return nil }
            return generations[sticky.position].claim(
                sticky.slot, isSafe: wish.mayGoAhead, at: context.now, &context.workers)
        }
        if wish.isUnlimited { return claimStream(&context) }
        // Nothing may overtake the queue, and as long as there is one no routed worker has room (an invariant).
        if queue.hasAnyPlace { return nil }
        return claimLeastBusy(isSafe: wish.mayGoAhead, &context) ?? (wish.mayGoAhead ? claimAhead(&context) : nil)
    }

    /// The worker of that id, if this app's requests may go there.
    private func routedWorker(
        _ id: StickyID, _ context: borrowing PoolContext
    ) -> (position: Int, slot: Int)? {
        guard let slot = context.workers.slot(of: id) else { return nil }
        guard context.workers[slot].app == index, context.workers[slot].state == .available,
            table.contains(context.workers[slot].generation),
            let position = position(of: context.workers[slot].generation)
        else { return nil }
        return (position, slot)
    }

    /// While two generations share the traffic: a worker of the client's own one, with room where there is one.
    private func sharingWorker(
        of number: GenerationNumber, _ context: inout PoolContext
    ) -> (position: Int, slot: Int)? {
        guard table.entries.count > 1, table.contains(number), let position = position(of: number) else { return nil }
        if let slot = generations[position].ready.first { return (position, slot) }
        var serving: [Int] = []
        for slot in generations[position].slots where context.workers[slot].state == .available { serving.append(slot) }
        return serving.randomElement(using: &context.random).map { (position, $0) }
    }

    /// False when it was answered already (a grant wins over a cancel).
    mutating func cancel(_ ticket: Ticket) -> Bool {
        guard queue.remove(ticket) != nil else { return false }
        totals.cancelled += 1
        return true
    }

    /// The claimed worker may have exited before, and its generation be gone: then there is only something to count.
    mutating func checkin(
        _ claim: Claim, _ outcome: ExchangeOutcome, _ now: () -> Instant, _ context: inout PoolContext
    ) -> CheckinAnswer {
        guard let position = position(of: claim.endpoint.generation) else { return .done }
        generations[position].count(outcome)
        guard context.workers.holds(claim) else { return .done }
        let slot = claim.endpoint.slot
        guard claim.takesPlace else { return streamEnded(slot, of: position, &context) }
        if claim.endpoint.takesAhead {
            context.now = now()
            if outcome != .notForwarded { context.workers[slot].pace.answered(at: context.now) }
        }
        generations[position].release(slot, &context.workers)
        return placeFreed(slot, of: position, &context)
    }

    /// The connection goes on for as long as it likes, without the place that it had; but no longer than its worker's
    /// drain, when that one drains.
    mutating func becomeStream(
        _ claim: Claim, _ outcome: ExchangeOutcome, _ context: inout PoolContext
    ) -> (answer: CheckinAnswer, drainsUntil: Instant?) {
        guard let position = position(of: claim.endpoint.generation) else { return (.done, nil) }
        generations[position].count(outcome)
        guard context.workers.holds(claim) else { return (.done, nil) }
        let slot = claim.endpoint.slot
        if claim.takesPlace {
            generations[position].addStream(slot, &context.workers)
            generations[position].release(slot, &context.workers)
        }
        let answer = placeFreed(slot, of: position, &context)
        switch context.workers[slot].state {
        case .draining: return (answer, context.workers[slot].streamDeadline)
        case .stopping: return (answer, .zero)
        case .launching, .loading, .proving, .unknown, .available, .working, .suspected, .gone: return (answer, nil)
        }
    }

    mutating func streamEnded(_ claim: Claim, _ context: inout PoolContext) -> CheckinAnswer {
        guard let position = position(of: claim.endpoint.generation), context.workers.holds(claim) else { return .done }
        return streamEnded(claim.endpoint.slot, of: position, &context)
    }

    private mutating func streamEnded(_ slot: Int, of position: Int, _ context: inout PoolContext) -> CheckinAnswer {
        generations[position].removeStream(slot, &context.workers)
        return context.workers[slot].state == .draining ? ofDraining(slot, context) : .done
    }

    mutating func placeFreed(_ slot: Int, of position: Int, _ context: inout PoolContext) -> CheckinAnswer {
        if context.workers[slot].state == .draining { return ofDraining(slot, context) }
        guard !queue.isEmpty, let next = takeOver(slot, of: position, &context) else { return .done }
        return .handOver(next.0, next.1)
    }

    /// Perhaps it was only waited for what is gone now.
    func ofDraining(_ slot: Int, _ context: borrowing PoolContext) -> CheckinAnswer {
        let isOver = context.workers[slot].due ?? .zero <= context.now
        return isOver ? .lastOfWorker(slot: slot) : .done
    }

    /// The worker that has just got room takes the oldest request that waits for it or for any. It is the only one with
    /// room for those, so no choice is made.
    private mutating func takeOver(
        _ slot: Int, of position: Int, _ context: inout PoolContext
    ) -> (QueuedCheckout, Claim)? {
        guard pause == nil, table.contains(generations[position].number), context.workers[slot].state == .available
        else { return nil }
        let hasRoom = context.workers[slot].hasRoom
        if !hasRoom {
            let isStalled = context.workers[slot].pace.isStalled(at: context.now)
            guard context.workers[slot].hasRoomAhead, !isStalled else { return nil }
        }
        guard let head = queue.popFirst(for: context.workers[slot].number, ahead: !hasRoom) else { return nil }
        totals.granted += 1
        let claim = generations[position].claim(slot, isSafe: head.mayGoAhead, at: context.now, &context.workers)
        return (head, claim)
    }

    /// Whenever a routed worker may have got room, or hope for one may be gone.
    mutating func dispatch(_ context: inout PoolContext) {
        guard pause == nil else { return }
        while queue.hasUnlimited, let claim = claimStream(&context) { grant(claim, .unlimited, &context) }
        while queue.hasAnyPlace, let claim = claimLeastBusy(isSafe: queue.firstMayGoAhead, &context) {
            grant(claim, .anyPlace, &context)
        }
        sendAhead(&context)
        if !queue.isEmpty, let reason = hopelessness(context) { refuseQueue(reason, &context) }
    }

    mutating func grant(_ claim: Claim, _ line: CheckoutQueue.Line, _ context: inout PoolContext) {
        guard let head = queue.popFirst(of: line) else { return }
        totals.granted += 1
        context.act(.grant(head, claim))
    }

    private mutating func claimLeastBusy(isSafe: Bool, _ context: inout PoolContext) -> Claim? {
        guard let position = choose(&context, where: { $0.ready.count > 0 }),
            let slot = generations[position].ready.first
        else { return nil }
        return generations[position].claim(slot, isSafe: isSafe, at: context.now, &context.workers)
    }

    /// The worker with the fewest streams, busy or not.
    private mutating func claimStream(_ context: inout PoolContext) -> Claim? {
        guard let position = choose(&context, where: { $0.inService.count > 0 }),
            let slot = generations[position].inService.first
        else { return nil }
        return generations[position].claimStream(slot, &context.workers)
    }

    /// The table's choice; the next of the other generations in it when that one does not do.
    func choose(_ context: inout PoolContext, where does: (borrowing Generation) -> Bool) -> Int? {
        guard !table.isEmpty else { return nil }
        let chosen = table.choose(context.random.next())
        for step in 0..<table.entries.count {
            let number = table.entries[(chosen + step) % table.entries.count].generation
            if let position = position(of: number), does(generations[position]) { return position }
        }
        return nil
    }

    private func refusalAtTheDoor(_ wish: CheckoutWish, _ context: borrowing PoolContext) -> Refusal? {
        if closing != nil { return .shuttingDown }
        if pause == nil, let reason = hopelessness(context) { return reason }
        let limit = queueSettings.maxRequestQueueSize
        guard limit > 0, queue.count >= limit, !wish.goesFirst else { return nil }
        return pause == nil ? .queueFull(limit: limit) : .paused
    }

    /// Why waiting is of no use: nothing serves or boots, and nothing will without a person or after a back-off.
    func hopelessness(_ context: borrowing PoolContext) -> Refusal? {
        var failure: BootFailure?
        var known = false
        for generation in generations where generation.state == .live || generation.isPending {
            for slot in generation.slots where context.workers[slot].isKept { return nil }
            // The request wakes it.
            if generation.isAsleep, generation.bootFailure == nil || context.now >= generation.backOff.notBefore {
                return nil
            }
            known = true
            failure = generation.bootFailure ?? failure
        }
        if !known, let onDemand, onDemand.mayWait(context.now) { return nil }
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

    mutating func count(_ refusal: Refusal) {
        switch refusal {
        case .queueFull: totals.refusedQueueFull += 1
        case .queueTimeout: totals.refusedQueueTimeout += 1
        case .notBooted: totals.refusedNotBooted += 1
        case .shuttingDown: totals.refusedShuttingDown += 1
        case .paused: totals.refusedPaused += 1
        }
    }
}

extension Generation {
    /// A worker that is ready, or has room ahead.
    mutating func claim(_ slot: Int, isSafe: Bool, at now: Instant, _ workers: inout WorkerTable) -> Claim {
        ready.remove(slot, from: &workers)
        if workers[slot].busy == 0 {
            workers[slot].pace.begin(at: now)
            workers[slot].isAtUnsafe = !isSafe
        }
        workers[slot].busy += 1
        workers[slot].requests += 1
        if workers[slot].hasRoom { ready.insert(slot, into: &workers) }
        relistAhead(slot, &workers)
        // A ready worker has had its handshake, which made the endpoint (an invariant).
        return Claim(endpoint: workers[slot].endpoint!)
    }

    /// A worker in service, with room or without.
    mutating func claimStream(_ slot: Int, _ workers: inout WorkerTable) -> Claim {
        addStream(slot, &workers)
        workers[slot].requests += 1
        // As above.
        return Claim(endpoint: workers[slot].endpoint!, takesPlace: false)
    }

    mutating func addStream(_ slot: Int, _ workers: inout WorkerTable) { changeStreams(slot, by: 1, &workers) }

    mutating func removeStream(_ slot: Int, _ workers: inout WorkerTable) {
        assert(workers[slot].streams > 0, "worker \(workers[slot].number) had more streams end than begin")
        changeStreams(slot, by: -1, &workers)
    }

    private mutating func changeStreams(_ slot: Int, by change: Int, _ workers: inout WorkerTable) {
        let isListed = inService.contains(workers[slot])
        inService.remove(slot, from: &workers)
        workers[slot].streams += change
        if isListed { inService.insert(slot, into: &workers) }
        relistAhead(slot, &workers)
    }

    /// It has become available.
    mutating func enterService(_ slot: Int, _ workers: inout WorkerTable) {
        ready.prepare(limit: workers[slot].concurrency)
        inService.prepare(limit: 0)
        ahead.prepare(limit: Pace.placesAhead + 1)
        if workers[slot].hasRoom { ready.insert(slot, into: &workers) }
        inService.insert(slot, into: &workers)
        relistAhead(slot, &workers)
    }

    /// It is not available any more.
    mutating func leaveService(_ slot: Int, _ workers: inout WorkerTable) {
        ready.remove(slot, from: &workers)
        inService.remove(slot, from: &workers)
        ahead.remove(slot, from: &workers)
    }

    mutating func release(_ slot: Int, _ workers: inout WorkerTable) {
        assert(workers[slot].busy > 0, "worker \(workers[slot].number) was given back more often than it was claimed")
        ready.remove(slot, from: &workers)
        workers[slot].busy -= 1
        if workers[slot].state == .available, workers[slot].hasRoom { ready.insert(slot, into: &workers) }
        relistAhead(slot, &workers)
    }
}
