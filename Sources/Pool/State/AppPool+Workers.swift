import Model

/// News about one worker. `slot` is that of a worker which has not exited.
extension AppPool {
    mutating func workerSpawned(_ slot: Int, pid: Int32, _ context: inout PoolContext) {
        context.workers[slot].pid = pid
        guard context.workers[slot].state == .launching else { return }
        context.workers[slot].move(to: .loading, until: context.workers[slot].deadline)
    }

    mutating func workerBooted(
        _ slot: Int, address: WorkerAddress, wireProtocol: WorkerProtocol, concurrency: Int,
        _ context: inout PoolContext
    ) {
        let worker = context.workers[slot]
        guard worker.endpoint == nil, let position = position(of: worker.generation) else { return }
        makeEndpoint(
            slot, position, address: address, wireProtocol: wireProtocol, concurrency: concurrency, &context)
        guard let endpoint = context.workers[slot].endpoint else { return }
        guard worker.state == .launching || worker.state == .loading else {
            // It was to be stopped before it was ready: a late arrival never serves.
            return context.act(.stop(worker.number, endpoint, grace: shortGrace(of: position, context)))
        }
        if generations[position].spec.proof == .handshake {
            becomeAvailable(slot, position, &context)
        } else {
            let proof = generations[position].proofTimeout + context.limits.proofSlack
            context.workers[slot].move(to: .proving, until: context.now + proof)
            context.act(.prove(endpoint))
        }
        topUp(position, &context)
    }

    mutating func makeEndpoint(
        _ slot: Int, _ position: Int, address: WorkerAddress, wireProtocol: WorkerProtocol, concurrency: Int,
        _ context: inout PoolContext
    ) {
        let worker = context.workers[slot]
        let settings = generations[position].spec.settings
        let forced = settings.pool.forceMaxConcurrentRequestsPerProcess
        let concurrency = forced >= 0 ? forced : max(0, concurrency)
        // Our loaders with one thread read a request when they are at it, and not before. Of other programs nobody knows.
        let readsInTurn = wireProtocol == .session && settings.pool.requestThreads == 1
        let endpoint = WorkerEndpoint(
            worker: worker.number, generation: worker.generation, app: index, slot: slot,
            sticky: worker.sticky, address: address, wireProtocol: wireProtocol,
            takesAhead: readsInTurn && concurrency == 1, settings: settings)
        if endpoint.takesAhead { takesAhead = true }
        context.workers[slot].endpoint = endpoint
        context.workers[slot].concurrency = concurrency
        context.workers[slot].pace = Pace(context.limits.pace)
    }

    mutating func workerProved(_ slot: Int, weak: Bool, by path: String?, _ context: inout PoolContext) {
        guard let position = position(of: context.workers[slot].generation) else { return }
        switch context.workers[slot].state {
        case .proving:
            if weak { generations[position].weakProof = true }
            generations[position].provedBy = path ?? generations[position].provedBy
            becomeAvailable(slot, position, weak: weak, &context)
            topUp(position, &context)
        case .suspected:
            context.workers[slot].move(to: .available)
            generations[position].enterService(slot, &context.workers)
            tell(.workerReturned(context.workers[slot].number), about: generations[position].number, &context)
            advance(position, &context)
            trim(position, &context)
            topUp(position, &context)
            dispatch(&context)
        case .unknown: unknownAnswered(slot, position, &context)
        case .launching, .loading, .available, .working, .draining, .stopping, .gone: break
        }
    }

    private mutating func becomeAvailable(
        _ slot: Int, _ position: Int, weak: Bool = false, _ context: inout PoolContext
    ) {
        context.workers[slot].move(to: .available)
        context.workers[slot].provedAt = context.now
        context.workers[slot].lastUsed = context.now
        limitRequests(slot, position, &context)
        generations[position].rampUp(slot, &context)
        generations[position].enterService(slot, &context.workers)
        generations[position].bootFailure = nil
        lastBootFailure = nil
        let worker = context.workers[slot]
        tell(
            .workerReady(worker.number, bootTime: context.now - worker.bornAt, weak: weak), about: worker.generation,
            &context)
        advance(position, &context)
        trim(position, &context)
        topUp(position, &context)
        dispatch(&context)
    }

    /// A connection to it failed. No request goes there until it is proved again, or has exited.
    mutating func workerUnreachable(_ slot: Int, _ context: inout PoolContext) {
        guard let position = position(of: context.workers[slot].generation),
            context.workers[slot].state == .available, let endpoint = context.workers[slot].endpoint
        else { return }
        tell(.workerSuspected(endpoint.worker), about: endpoint.generation, &context)
        suspect(slot, position, endpoint, &context)
    }

    mutating func suspect(_ slot: Int, _ position: Int, _ endpoint: WorkerEndpoint, _ context: inout PoolContext) {
        leaveService(slot, position, &context)
        let proof = generations[position].proofTimeout + context.limits.proofSlack
        context.workers[slot].move(to: .suspected, until: context.now + proof)
        context.act(.prove(endpoint))
    }

    mutating func workerUnhealthy(_ slot: Int, _ failure: BootFailure, _ context: inout PoolContext) {
        guard let position = position(of: context.workers[slot].generation) else { return }
        judgeUnhealthy(slot, position, failure, &context)
        settle(position, &context)
    }

    mutating func judgeUnhealthy(
        _ slot: Int, _ position: Int, _ failure: BootFailure, _ context: inout PoolContext
    ) {
        let worker = context.workers[slot]
        switch worker.state {
        case .proving:
            stop(slot, grace: shortGrace(of: position, context), &context)
            bootFailed(position, worker.number, attempt: worker.attempt, failure, decisive: true, &context)
        case .unknown, .suspected:
            stop(slot, grace: generations[position].stopTimeout, &context)
            died(position, worker, failure, &context)
        case .launching, .loading, .available, .working, .draining, .stopping, .gone: break
        }
    }

    /// The last word. Claims on it that were not given back yet come later and are only counted.
    mutating func workerExited(_ slot: Int, _ failure: BootFailure, _ context: inout PoolContext) {
        guard let position = position(of: context.workers[slot].generation) else { return }
        leaveService(slot, position, &context)
        generations[position].remove(slot)
        let before = context.workers[slot]
        _ = context.workers.remove(slot)
        switch before.state {
        case .launching, .loading, .proving:
            bootFailed(position, before.number, attempt: before.attempt, failure, decisive: false, &context)
        case .unknown, .available, .working, .suspected:
            died(position, before, failure, &context)
        case .stopping:
            guard let timeout = before.timeout else { break }
            let whole = timeout.completed(by: failure)
            bootFailed(position, before.number, attempt: before.attempt, whole, decisive: true, &context)
        case .draining, .gone: break
        }
        settle(position, &context)
    }

    /// It had proved itself. In a generation that is still booting that is a failed boot: exits after listening.
    mutating func died(
        _ position: Int, _ worker: Worker, _ failure: BootFailure, _ context: inout PoolContext
    ) {
        totals.crashes += 1
        generations[position].lastError = failure
        if generations[position].state == .live { generations[position].traffic.crashes += 1 }
        tell(.workerDied(worker.number, failure, inFlight: worker.busy), about: worker.generation, &context)
        if generations[position].canFail {
            bootFailed(position, worker.number, attempt: worker.attempt, failure, decisive: false, &context)
        } else {
            let age = context.now - (worker.provedAt ?? context.now)
            generations[position].backOff.died(
                at: context.now, age: age, context.limits.backOff, random: &context.random)
        }
    }

    /// After workers of a generation left: replace them, or be done with it; and nobody waits for nothing.
    mutating func settle(_ position: Int, _ context: inout PoolContext) {
        trim(position, &context)
        topUp(position, &context)
        advance(position, &context)
        forgetIfGone(position, &context)
        proceedClosing(&context)
        dispatch(&context)
    }

    // MARK: Stopping

    /// A draining worker has given its last answer.
    mutating func lastRequestDone(_ slot: Int, _ context: inout PoolContext) {
        guard let position = position(of: context.workers[slot].generation) else { return }
        stop(slot, grace: generations[position].stopTimeout, &context)
    }

    mutating func stop(_ slot: Int, grace: Duration, _ context: inout PoolContext) {
        let worker = context.workers[slot]
        if let position = position(of: worker.generation) {
            leaveService(slot, position, &context)
        }
        let grace = worker.isStuck ? min(grace, context.limits.shortGrace) : grace
        context.workers[slot].move(to: .stopping)
        context.act(.stop(worker.number, worker.endpoint, grace: min(grace, closing?.grace(context) ?? grace)))
    }

    /// No more requests for this worker, and who waits for it takes any other.
    mutating func leaveService(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        generations[position].leaveService(slot, &context.workers)
        queue.unpin(context.workers[slot].number)
    }

    /// It stops when it is idle, and in any case once its requests and its streams have each had their time.
    mutating func retire(_ slot: Int, _ position: Int, until drain: DrainDeadline, _ context: inout PoolContext) {
        switch context.workers[slot].state {
        case .launching, .loading, .proving:
            stop(slot, grace: shortGrace(of: position, context), &context)
        case .unknown:
            // Whoever asked it for something went with the core before.
            stop(slot, grace: generations[position].stopTimeout, &context)
        case .available, .working, .suspected, .draining:
            leaveService(slot, position, &context)
            context.workers[slot].drain(requestsUntil: drain.requests, streamsUntil: drain.streams)
            guard context.workers[slot].due ?? .zero <= context.now else { return }
            stop(slot, grace: generations[position].stopTimeout, &context)
        case .stopping, .gone: break
        }
    }

    /// One worker of a generation that goes on.
    mutating func retireAlone(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        beginRetirement(slot, position, &context)
        endStreams(ofRetired: slot, position, &context)
    }

    mutating func beginRetirement(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let drain = DrainDeadline(
            requests: context.now + generations[position].drainTimeout,
            streams: context.now + generations[position].streamDrain)
        retire(slot, position, until: drain, &context)
    }

    func endStreams(ofRetired slot: Int, _ position: Int, _ context: inout PoolContext) {
        let worker = context.workers[slot]
        guard worker.state == .draining, worker.streams > 0 else { return }
        let window = generations[position].streamDrain
        context.act(.endStreams(index, worker.generation, worker.number, spreadOver: window))
    }

    func shortGrace(of position: Int, _ context: borrowing PoolContext) -> Duration {
        min(context.limits.shortGrace, generations[position].stopTimeout)
    }
}

extension Generation {
    var drainTimeout: Duration { spec.settings.deploy.drainTimeout }
    var streamDrain: Duration { spec.settings.deploy.streamDrain }
}

extension BootFailure {
    /// The pool knows that time was up; the exit that follows brings all that was known when it was.
    func completed(by exit: BootFailure) -> BootFailure {
        var whole = exit
        whole.step = step
        whole.summary =
            switch exit.step {
            case "exited": summary
            // The look at where the app listens instead says what is wrong.
            case "listen": "\(summary): \(exit.summary)"
            default: "\(summary); it was at step \(exit.step)"
            }
        whole.hint = exit.hint ?? hint
        return whole
    }
}
