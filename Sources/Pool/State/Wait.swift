import Model

/// An async caller of the pool, as the machine sees it. (Boots are not here: their generation knows who waits.)
struct Wait {
    enum Goal {
        case ready(AppIndex, GenerationNumber, workers: Int, deadline: Instant)
        case gone(AppIndex, GenerationNumber)
        case empty(AppIndex, GenerationNumber, deadline: Instant)
        /// Every worker of every app has exited.
        case shutDown
    }

    let id: WaitID
    let goal: Goal

    /// Nil: go on waiting.
    func outcome(_ pool: borrowing PoolStateMachine) -> Bool? {
        switch goal {
        case .ready(let app, let number, let workers, let deadline):
            let generations = pool.apps[app.rawValue].generations
            guard let generation = generations.first(where: { $0.number == number }), generation.state.keepsWorkers
            else { return false }
            if generation.available(in: pool.context.workers) >= min(workers, generation.target) { return true }
            return pool.context.now >= deadline ? false : nil
        case .gone(let app, let number):
            return pool.apps[app.rawValue].position(of: number) == nil ? true : nil
        case .empty(let app, let number, let deadline):
            let generations = pool.apps[app.rawValue].generations
            guard let generation = generations.first(where: { $0.number == number }) else { return true }
            if generation.slots.isEmpty { return true }
            return pool.context.now >= deadline ? false : nil
        case .shutDown:
            return pool.context.workers.count == 0 ? true : nil
        }
    }
}
