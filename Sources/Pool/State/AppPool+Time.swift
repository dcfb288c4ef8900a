import Model

/// What happens because time passed.
extension AppPool {
    mutating func tick(_ context: inout PoolContext) {
        refuseOverdue(&context)
        refuseHeldTooLong(&context)
        callForStart(&context)
        for position in generations.indices {
            var cut = 0
            for slot in generations[position].slots {
                guard let due = context.workers[slot].due, due <= context.now else { continue }
                if context.workers[slot].state == .draining {
                    cut += context.workers[slot].busy + context.workers[slot].streams
                }
                deadlinePassed(slot, position, &context)
            }
            if cut > 0 { tell(.drainDeadline(inFlight: cut), about: generations[position].number, &context) }
            topUp(position, &context)
            advance(position, &context)
        }
        if !context.isRetired, let position = scaledPosition {
            observe(position, &context)
            shrink(position, &context)
            probeNext(position, &context)
            workNext(position, &context)
        }
        forgetGone(&context)
        proceedClosing(&context)
        dispatch(&context)
    }

    private mutating func deadlinePassed(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let worker = context.workers[slot]
        switch worker.state {
        case .launching, .loading: bootTimedOut(slot, position, &context)
        case .working: workTimedOut(slot, position, &context)
        case .unknown: unknownForTooLong(slot, position, &context)
        case .proving, .suspected:
            workerUnproved(slot, position, &context)
        case .draining:
            stop(slot, grace: generations[position].stopTimeout, &context)
        case .stopping:
            // The process would not even die; the failure cannot wait for its last words any longer.
            guard let timeout = worker.timeout else { return }
            context.workers[slot].timeout = nil
            context.workers[slot].move(to: .stopping)
            bootFailed(position, worker.number, attempt: worker.attempt, timeout, decisive: true, &context)
        case .available, .gone: break
        }
    }

    private mutating func bootTimedOut(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let limit = generations[position].startTimeout
        let loading = context.workers[slot].pid == nil ? "its process was never started" : "it was not ready"
        let grace = shortGrace(of: position, context)
        stop(slot, grace: grace, &context)
        context.workers[slot].timeout = BootFailure(
            step: "start_timeout", summary: "\(loading) after \(limit.inWords) (start_timeout)",
            hint: "if the app needs longer to boot, raise start_timeout")
        context.workers[slot].move(to: .stopping, until: context.now + grace + context.limits.shortGrace)
    }

    /// A request of the core before would have been given up by now.
    private mutating func unknownForTooLong(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let limit = generations[position].spec.settings.http.maxRequestTime
        context.workers[slot].isStuck = true
        let failure = BootFailure(
            step: "max_request_time",
            summary: "it has not answered for \(limit.inWords), since the core was replaced (max_request_time)")
        judgeUnhealthy(slot, position, failure, &context)
        settle(position, &context)
    }

    /// The prober has its own deadline and better evidence; this is for one that never answers.
    private mutating func workerUnproved(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        let limit = generations[position].proofTimeout
        let failure = BootFailure(
            step: "health_timeout", summary: "it was not proved healthy within \(limit.inWords) of being ready")
        judgeUnhealthy(slot, position, failure, &context)
    }
}
