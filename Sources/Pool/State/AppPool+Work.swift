import Model

/// Out-of-band work: what an app wants done while no request waits for it, such as collecting its garbage. One worker of a
/// generation at a time, one of the whole pool is told so, and never the last one that serves.
extension AppPool {
    /// The only worker cannot be missed: another one boots beside it, and goes when the work is done.
    func needsStandIn(_ position: Int, _ context: borrowing PoolContext) -> Bool {
        guard generations[position].target == 1, generations[position].state == .live else { return false }
        for slot in generations[position].slots where context.workers[slot].isDueToWork { return true }
        return false
    }

    /// Called by the shell's timer.
    mutating func workNext(_ position: Int, _ context: inout PoolContext) {
        guard closing == nil, generations[position].state == .live else { return }
        var waiting: Int?
        for slot in generations[position].slots {
            if context.workers[slot].state == .working { return goOnWorking(slot, position, &context) }
            guard context.workers[slot].wantsWork, context.workers[slot].state == .available,
                context.workers[slot].probedSince == nil
            else { continue }
            waiting = waiting ?? slot
        }
        guard let slot = waiting else { return }
        guard generations[position].available(in: context.workers) > 1 else { return topUp(position, &context) }
        leaveService(slot, position, &context)
        context.workers[slot].move(to: .working, until: context.now + context.limits.workTime)
        tellToWork(slot, &context)
        dispatch(&context)
    }

    private mutating func goOnWorking(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        guard !context.workers[slot].isToldToWork else { return }
        if generations[position].available(in: context.workers) > 0 { return tellToWork(slot, &context) }
        // The others are gone: its work has to wait.
        returnToService(slot, position, &context)
    }

    private mutating func returnToService(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        context.workers[slot].move(to: .available)
        generations[position].enterService(slot, &context.workers)
        settle(position, &context)
    }

    /// Once it has answered what it has.
    private func tellToWork(_ slot: Int, _ context: inout PoolContext) {
        guard context.workers[slot].busy == 0, !context.workers.isAnyToldToWork,
            let endpoint = context.workers[slot].endpoint
        else { return }
        context.workers[slot].isToldToWork = true
        context.workers[slot].busy += 1
        context.act(.work(endpoint))
    }

    mutating func workerWorked(_ slot: Int, _ failure: BootFailure?, _ context: inout PoolContext) {
        guard context.workers[slot].isToldToWork, let position = position(of: context.workers[slot].generation) else {
            return
        }
        context.workers[slot].isToldToWork = false
        context.workers[slot].wantsWork = false
        context.workers[slot].busy -= 1
        if let failure {
            generations[position].lastError = failure
            tell(.workFailed(context.workers[slot].number, failure), about: generations[position].number, &context)
        }
        switch context.workers[slot].state {
        case .working: returnToService(slot, position, &context)
        case .draining:
            if context.workers[slot].due ?? .zero <= context.now { lastRequestDone(slot, &context) }
        case .launching, .loading, .proving, .unknown, .available, .suspected, .stopping, .gone: break
        }
    }

    /// It does not come back from its work.
    mutating func workTimedOut(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let worker = context.workers[slot]
        let failure = BootFailure(
            step: "oob_work", summary: "its out-of-band work took longer than \(context.limits.workTime.inWords)")
        stop(slot, grace: generations[position].stopTimeout, &context)
        died(position, worker, failure, &context)
    }
}
