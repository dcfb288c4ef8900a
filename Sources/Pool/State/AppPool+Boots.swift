import Model

/// Starting workers, and what happens when they do not start.
extension AppPool {
    /// Asks for the workers that a generation lacks, as far as parallel boots and back-off let it.
    mutating func topUp(_ position: Int, _ context: inout PoolContext) {
        let generation = generations[position]
        guard closing == nil, !context.isRetired, generation.state.keepsWorkers,
            context.now >= generation.backOff.notBefore
        else { return }
        let kept = generation.count(in: context.workers) { $0.isKept }
        let lacking = min(wantedWorkers(position, context) - kept, spawnsLeft(position, context))
        guard lacking > 0 else { return }
        for _ in 0..<lacking { spawn(position, &context) }
    }

    /// What `max_parallel_spawns` leaves. While boots fail, one at a time tries whether they still do.
    func spawnsLeft(_ position: Int, _ context: borrowing PoolContext) -> Int {
        let configured = generations[position].spec.settings.pool.maxParallelSpawns
        let parallel = max(1, configured > 0 ? configured : context.limits.processors)
        let loading = generations[position].count(in: context.workers) { $0.isLoading }
        return (generations[position].backOff.failures > 0 ? 1 : parallel) - loading
    }

    private mutating func spawn(_ position: Int, _ context: inout PoolContext) {
        let attempt = generations[position].retries.popLast() ?? 1
        let slot = context.workers.add(
            generation: generations[position].number, app: index, attempt: attempt, bornAt: context.now,
            deadline: context.now + generations[position].startTimeout, random: &context.stickyRandom)
        generations[position].add(slot)
        totals.spawned += 1
        context.act(.spawn(context.workers[slot].number, generations[position].number, generations[position].spec))
    }

    /// A worker that never served will not. `decisive`: its deadline has passed, so trying again would only make a caller
    /// wait as long once more.
    mutating func bootFailed(
        _ position: Int, _ number: WorkerNumber, attempt: Int, _ failure: BootFailure, decisive: Bool,
        _ context: inout PoolContext
    ) {
        totals.bootFailures += 1
        lastBootFailure = failure
        generations[position].failures += 1
        generations[position].lastError = failure
        generations[position].bootFailure = failure
        guard generations[position].state.keepsWorkers, closing == nil else { return }
        generations[position].backOff.failed(at: context.now, context.limits.backOff, random: &context.random)
        let givesUp = generations[position].canFail && (decisive || attempt >= Generation.attempts)
        let wait = generations[position].backOff.notBefore - context.now
        tell(
            .bootFailed(number, failure, retryIn: givesUp ? nil : max(wait, .zero)),
            about: generations[position].number, &context)
        if givesUp {
            fail(position, failure, &context)
        } else if generations[position].canFail {
            generations[position].retries.append(attempt + 1)
        }
    }

    /// Ends a generation that could not be proved, and tells the caller of `boot`.
    mutating func fail(_ position: Int, _ failure: BootFailure, _ context: inout PoolContext) {
        let generation = generations[position]
        let result = GenerationFailure(
            generation: generation.number, failure: failure, failures: generation.failures)
        tell(.generationFailed(result), about: generation.number, &context)
        if case .beside(let wait) = generation.purpose { context.act(.bootFinished(wait, .failure(result))) }
        beginDrain(position, until: .now(context), &context)
    }

    /// A worker came up: the first one of a pending generation takes the traffic, the last one of a booting one proves it.
    mutating func advance(_ position: Int, _ context: inout PoolContext) {
        guard generations[position].state == .booting, closing == nil else { return }
        let available = generations[position].available(in: context.workers)
        if generations[position].isPending {
            guard available > 0 else { return }
            route(by: RoutingTable(all: generations[position].number))
            tell(.switched(from: nil, queued: queue.count), about: generations[position].number, &context)
        } else if available >= generations[position].target {
            prove(position, &context)
        }
    }

    private mutating func prove(_ position: Int, _ context: inout PoolContext) {
        generations[position].move(to: .proved)
        let generation = generations[position]
        let bootTime = context.now - generation.bornAt
        tell(.generationProved(bootTime: bootTime), about: generation.number, &context)
        guard case .beside(let wait) = generation.purpose else { return }
        let booted = BootedGeneration(
            number: generation.number, weakProof: generation.weakProof, provedBy: generation.provedBy,
            bootTime: bootTime)
        context.act(.bootFinished(wait, .success(booted)))
    }
}
