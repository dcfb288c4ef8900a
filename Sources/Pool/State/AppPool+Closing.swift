import Model

/// An app that is being removed, or whose server shuts down.
struct Closing {
    /// After this nothing is waited for.
    var deadline: Instant

    /// Bounds every `stop_timeout`: what is left of the time, and a moment at least.
    func grace(_ context: borrowing PoolContext) -> Duration { max(deadline - context.now, context.limits.shortGrace) }
}

extension AppPool {
    var isClosed: Bool { closing != nil && generations.isEmpty }

    /// No new request, no new worker; all that is not live drains at once, what is live as soon as the queue is answered.
    mutating func close(by deadline: Instant, _ context: inout PoolContext) {
        let closing = Closing(deadline: min(deadline, closing?.deadline ?? deadline))
        self.closing = closing
        // Who was held gets an answer while there are workers.
        resumeRequests(&context)
        shortenStops(to: closing.grace(context), &context)
        for position in generations.indices {
            if generations[position].canFail {
                let aborted = BootFailure(step: "aborted", summary: "the app is being shut down")
                fail(position, aborted, &context)
            } else if !table.contains(generations[position].number) {
                beginDrain(position, until: drainDeadline(position, closing, context), &context)
            } else {
                for slot in generations[position].slots where context.workers[slot].state.isBooting {
                    retire(slot, position, until: drainDeadline(position, closing, context), &context)
                }
                for slot in generations[position].slots where context.workers[slot].state == .draining {
                    retire(slot, position, until: drainDeadline(position, closing, context), &context)
                }
            }
        }
        forgetGone(&context)
        proceedClosing(&context)
    }

    /// Whenever the queue may have become empty, or hope for it may be gone.
    mutating func proceedClosing(_ context: inout PoolContext) {
        guard let closing else { return }
        if !queue.isEmpty, context.now >= closing.deadline || !isServing(context) {
            refuseQueue(.shuttingDown, &context)
        }
        guard queue.isEmpty, !table.isEmpty else { return }
        let routed = table.entries.map(\.generation)
        route(by: .empty)
        for number in routed {
            guard let position = position(of: number) else { continue }
            beginDrain(position, until: drainDeadline(position, closing, context), &context)
        }
        forgetGone(&context)
    }

    /// Streams have no longer than everything else then, and less if `stream_drain` says so.
    private func drainDeadline(
        _ position: Int, _ closing: Closing, _ context: borrowing PoolContext
    ) -> DrainDeadline {
        DrainDeadline(requests: closing.deadline, streams: context.now + generations[position].streamDrain)
            .limited(to: closing.deadline)
    }

    private func isServing(_ context: borrowing PoolContext) -> Bool {
        for generation in generations where generation.state == .live {
            let serving = generation.count(in: context.workers) { $0.state.isKept && !$0.state.isBooting }
            if serving > 0 { return true }
        }
        return false
    }

    /// Workers that were given long to stop have less time now.
    private func shortenStops(to grace: Duration, _ context: inout PoolContext) {
        for generation in generations where generation.stopTimeout > grace {
            for slot in generation.slots where context.workers[slot].state == .stopping {
                context.act(.stop(context.workers[slot].number, context.workers[slot].endpoint, grace: grace))
            }
        }
    }
}
