import Model

extension AppPool {
    /// Takes a worker out of service, and has it replaced.
    mutating func detach(pid: Int32, _ context: inout PoolContext) -> Detachment? {
        for position in generations.indices {
            for slot in generations[position].slots where context.workers[slot].pid == pid {
                return detach(slot, position, &context)
            }
        }
        return nil
    }

    private mutating func detach(_ slot: Int, _ position: Int, _ context: inout PoolContext) -> Detachment {
        let worker = context.workers[slot]
        func answer(_ outcome: Detachment.Outcome) -> Detachment { Detachment(worker: worker.number, outcome: outcome) }
        guard worker.state.isKept else { return answer(.leaving) }
        if worker.state == .available, generations[position].available(in: context.workers) == 1 {
            wear(slot, position, .byHand, &context)
            return answer(.replacedFirst)
        }
        tell(.workerWorn(worker.number, .byHand), about: worker.generation, &context)
        retireAlone(slot, position, &context)
        settle(position, &context)
        return answer(.detached)
    }
}
