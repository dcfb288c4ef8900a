import Model

#if DEBUG
extension AppPool {
    func assertInvariants(_ context: PoolContext) {
        for entry in table.entries {
            assert(position(of: entry.generation) != nil, "the table names a generation that is gone")
        }
        for position in generations.indices { assertInvariants(of: generations[position], context) }
        let limit = queueSettings.maxRequestQueueSize
        assert(limit == 0 || queue.count - queue.returned <= limit || closing != nil, "the queue is over its limit")
        assert(queue.isEmpty == (queue.first == nil))
        if !queue.isEmpty, pause == nil {
            let room = generations.contains { $0.state == .live && $0.ready.count > 0 }
            assert(!room || !queue.hasAnyPlace, "a request waits although a worker has room")
            let serves = generations.contains { $0.state == .live && $0.inService.count > 0 }
            assert(!serves || !queue.hasUnlimited, "a request waits for a place that it does not need")
            for number in queue.pinnedWorkers {
                let slot = context.workers.slot(of: number)
                let worker = slot.map { context.workers[$0] }
                let isRouted = worker.map { table.contains($0.generation) } ?? false
                assert(isRouted && worker?.state == .available, "a request waits for a worker that is out of service")
                assert(worker?.hasRoom == false, "a request waits for its worker although that has room")
            }
            assert(hopelessness(context) == nil, "a request waits for nothing")
        }
        assert(closing == nil || !table.isEmpty || queue.isEmpty, "a closed app has requests waiting")
    }

    private func assertInvariants(of generation: borrowing Generation, _ context: borrowing PoolContext) {
        assert(generation.state != .gone, "a generation that is gone was kept")
        assert((generation.state == .live) == table.contains(generation.number), "live is what is in the table")
        assert(generation.state != .draining || !generation.slots.isEmpty, "nothing is left to drain")
        assert(generation.target >= 0)
        var kept = 0
        var ready = 0
        for slot in generation.slots {
            assertInvariants(of: context.workers[slot], generation)
            if context.workers[slot].state.isKept { kept += 1 }
            if context.workers[slot].link.bucket >= 0 { ready += 1 }
        }
        let mayStandIn = generation.target == 1 && generation.state == .live
        let more = generation.count(in: context.workers) { $0.isWorn || (mayStandIn && $0.isDueToWork) }
        let wanted = generation.target + (more > 0 ? 1 : 0)
        assert(kept <= wanted || !generation.state.keepsWorkers, "more workers than wanted")
        assert(ready == generation.ready.count, "ready workers were miscounted")
        let listed = generation.ready.slots(in: context.workers)
        assert(listed.count == ready, "ready workers are not all listed")
        if let first = generation.ready.first { assert(listed.first == first, "the least busy is not the first") }
        let available = generation.available(in: context.workers)
        assert(available == generation.inService.count, "workers in service were miscounted")
        assert(
            generation.inService.slots(in: context.workers).count == available, "workers in service are not all listed")
    }

    private func assertInvariants(of worker: borrowing Worker, _ generation: borrowing Generation) {
        assert(worker.generation == generation.number && worker.app == index, "a worker in two places")
        assert(worker.state != .gone && worker.busy >= 0 && worker.streams >= 0)
        let places = worker.concurrency + (worker.takesAhead ? Pace.placesAhead : 0)
        let own = worker.busy - worker.foreign.requests
        assert(worker.concurrency == 0 || own <= places, "more requests than a worker takes")
        assert(
            !generation.ahead.contains(worker) || worker.hasRoomAhead, "a worker gets requests ahead that should not")
        assert(worker.endpoint != nil || worker.isIdle, "requests at a worker without an address")
        let isReady = worker.state == .available && worker.hasRoom
        assert(generation.ready.contains(worker) == isReady, "ready is available with room")
        if isReady {
            assert(Int(worker.link.bucket) == RankedWorkers<ByRequests>.bucket(worker), "in the wrong bucket")
        }
        let serves = worker.state == .available
        assert(generation.inService.contains(worker) == serves, "in service is available")
        if serves {
            assert(Int(worker.streamLink.bucket) == RankedWorkers<ByStreams>.bucket(worker), "in the wrong bucket")
        }
        if generation.state == .draining {
            assert(worker.state == .draining || worker.state == .stopping, "a draining generation keeps a worker")
        }
        if worker.state == .draining { assert(!worker.isIdle && worker.due != nil, "an idle worker drains") }
        switch worker.state {
        case .unknown, .available, .working, .suspected, .proving, .draining: assert(worker.endpoint != nil)
        case .launching, .loading, .stopping, .gone: break
        }
    }
}
#endif
