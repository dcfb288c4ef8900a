import Model

/// An app whose requests are held.
struct Pause: Equatable {
    var since: Instant
    /// How long a request is held.
    var hold: Duration
}

extension AppPool {
    /// Requests in flight go on; those that come, and those that wait, are held.
    mutating func pauseRequests(hold: Duration, _ context: inout PoolContext) {
        guard closing == nil else { return }
        pause = Pause(since: pause?.since ?? context.now, hold: hold)
    }

    mutating func resumeRequests(_ context: inout PoolContext) {
        guard pause != nil else { return }
        pause = nil
        dispatchPinned(&context)
        dispatch(&context)
        proceedClosing(&context)
    }

    /// Only during a pause a request waits for a worker that has room.
    private mutating func dispatchPinned(_ context: inout PoolContext) {
        for number in queue.pinnedWorkers.sorted() {
            guard let slot = context.workers.slot(of: number),
                let position = position(of: context.workers[slot].generation)
            else { continue }
            while context.workers[slot].hasRoom, let head = queue.popFirst(for: number) {
                totals.granted += 1
                let claim = generations[position].claim(
                    slot, isSafe: head.mayGoAhead, at: context.now, &context.workers)
                context.act(.grant(head, claim))
            }
        }
    }

    mutating func refuseHeldTooLong(_ context: inout PoolContext) {
        guard let pause else { return }
        while let head = queue.first, context.now - max(head.since, pause.since) >= pause.hold {
            _ = queue.popFirst()
            count(.paused)
            context.act(.refuse(head, .paused))
        }
    }
}
