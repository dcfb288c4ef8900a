import Model

/// Probes of workers that serve. Each takes a place like a request, on a worker that has none, one at a time for a
/// generation: a busy worker is judged by its requests.
extension AppPool {
    /// Whose turn it is: the one that was not asked for longest. Called by the shell's timer.
    mutating func probeNext(_ position: Int, _ context: inout PoolContext) {
        let health = generations[position].spec.settings.health
        guard closing == nil, generations[position].state == .live, health.path != nil,
            health.afterSwitchInterval > .zero
        else { return }
        var next: Int?
        for slot in generations[position].slots {
            guard context.workers[slot].probedSince == nil else { return probeLate(slot, position, &context) }
            guard context.workers[slot].state == .available, context.workers[slot].busy == 0,
                context.now - max(context.workers[slot].probedAt, context.workers[slot].provedAt ?? .zero)
                    >= health.afterSwitchInterval
            else { continue }
            if let known = next, context.workers[known].probedAt <= context.workers[slot].probedAt { continue }
            next = slot
        }
        guard let slot = next else { return }
        let claim = generations[position].claim(slot, isSafe: false, at: context.now, &context.workers)
        context.workers[slot].requests -= 1  // nobody's request
        context.workers[slot].probedSince = context.now
        context.act(.probe(claim.endpoint))
    }

    /// The prober has its own time limit; this is for one that never answers.
    private mutating func probeLate(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let limit = generations[position].spec.settings.health.timeout + context.limits.proofSlack
        guard let since = context.workers[slot].probedSince, context.now - since >= limit else { return }
        let failure = BootFailure(step: "health", summary: "no health probe came to an end in \(limit.inWords)")
        workerProbed(slot, failure, &context)
    }

    mutating func workerProbed(_ slot: Int, _ failure: BootFailure?, _ context: inout PoolContext) {
        guard context.workers[slot].probedSince != nil,
            let position = position(of: context.workers[slot].generation)
        else { return }
        context.workers[slot].probedSince = nil
        context.workers[slot].probedAt = context.now
        context.workers[slot].failedProbes = failure == nil ? 0 : context.workers[slot].failedProbes + 1
        giveBack(slot, position, &context)
        guard generations[position].state == .live, context.workers[slot].state == .available else { return }
        if let failure { generations[position].lastError = failure }
        judge(slot, position, failure, &context)
    }

    /// A place that the pool itself had.
    private mutating func giveBack(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        generations[position].release(slot, &context.workers)
        switch placeFreed(slot, of: position, &context) {
        case .done: break
        case .handOver(let next, let claim): context.act(.grant(next, claim))
        case .lastOfWorker(let slot): lastRequestDone(slot, &context)
        }
    }

    /// When most fail it is the database, or the network: others in their place would fail too. The only worker is
    /// replaced by one that proved itself first, so there it does no harm to try.
    private mutating func judge(
        _ slot: Int, _ position: Int, _ failure: BootFailure?, _ context: inout PoolContext
    ) {
        let generation = generations[position].number
        let serving = generations[position].available(in: context.workers)
        let failing = generations[position].count(in: context.workers) {
            $0.state == .available && $0.failedProbes > 0
        }
        let mostFail = serving > 1 && failing * 2 > serving
        if !mostFail, generations[position].isAlarmed {
            generations[position].isAlarmed = false
            tell(.mostHealthyAgain, about: generation, &context)
        }
        let worker = context.workers[slot]
        guard let failure, worker.failedProbes >= generations[position].spec.settings.health.failures else { return }
        if mostFail {
            guard !generations[position].isAlarmed else { return }
            generations[position].isAlarmed = true
            return tell(.mostUnhealthy(failing: failing, of: serving, failure), about: generation, &context)
        }
        if serving == 1 { return wear(slot, position, .unhealthy(failure), &context) }
        tell(.workerUnhealthy(worker.number, failure), about: generation, &context)
        retireAlone(slot, position, &context)
        settle(position, &context)
    }
}
