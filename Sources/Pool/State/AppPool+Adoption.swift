import Model

/// Workers that an earlier core had booted.
extension AppPool {
    /// Only before anything else: for an app that has nothing yet. What is missing of the generations' workers is asked for.
    mutating func adopt(_ record: AppRecord, _ context: inout PoolContext) {
        guard closing == nil, generations.isEmpty else { return }
        skip(to: record.lastGeneration)
        scale = record.scale
        // Who has no worker to serve is booted, as at any start.
        guard let live = record.generations.first(where: { $0.number == record.live }) else { return }
        for known in record.generations.sorted(by: { $0.number < $1.number }) where position(of: known.number) == nil {
            skip(to: known.number)
            generations.append(Generation(adopting: known, isLive: known.number == live.number))
            let workers = known.workers.count { adopt($0, generations.count - 1, &context) }
            tell(.adopted(workers: workers), about: known.number, &context)
        }
        route(by: RoutingTable(all: live.number))
        for position in generations.indices {
            trim(position, &context)
            topUp(position, &context)
        }
    }

    private mutating func adopt(_ record: WorkerRecord, _ position: Int, _ context: inout PoolContext) -> Bool {
        guard let slot = context.workers.add(record, generation: generations[position].number, app: index) else {
            return false
        }
        generations[position].add(slot)
        makeEndpoint(
            slot, position, address: record.address, wireProtocol: record.wireProtocol,
            concurrency: record.concurrency, &context)
        context.workers[slot].requests = record.requests
        context.workers[slot].seenRequests = record.requests
        context.workers[slot].provedAt = record.bornAt
        context.workers[slot].lastUsed = context.now
        limitRequests(slot, position, &context)
        if let load = record.load {
            goOn(slot, position, beside: load, &context)
            return true
        }
        let longest = generations[position].spec.settings.http.maxRequestTime
        context.workers[slot].move(to: .unknown, until: longest > .zero ? context.now + longest : nil)
        if let endpoint = context.workers[slot].endpoint { context.act(.greet(endpoint)) }
        return true
    }

    /// The core before it vouches for it, and goes on to answer its own clients.
    private mutating func goOn(
        _ slot: Int, _ position: Int, beside load: WorkerShare, _ context: inout PoolContext
    ) {
        context.workers[slot].foreign = load
        context.workers[slot].busy = load.requests
        context.workers[slot].streams = load.streams
        context.workers[slot].move(to: .available)
        generations[position].enterService(slot, &context.workers)
        tell(.workerAnswered(context.workers[slot].number), about: generations[position].number, &context)
    }

    mutating func foreignLoad(
        _ load: WorkerShare, _ slot: Int, _ position: Int, _ context: inout PoolContext
    ) -> CheckinAnswer {
        generations[position].setForeign(load, slot, &context.workers)
        if context.workers[slot].state == .draining { return ofDraining(slot, context) }
        dispatch(&context)
        return .done
    }

    /// Nothing but the core before it has gone.
    mutating func unknownAnswered(_ slot: Int, _ position: Int, _ context: inout PoolContext) {
        context.workers[slot].move(to: .available)
        generations[position].enterService(slot, &context.workers)
        tell(.workerAnswered(context.workers[slot].number), about: generations[position].number, &context)
        trim(position, &context)
        dispatch(&context)
    }

    // MARK: For the next core

    /// - Parameter vouching: the next core can rely on what is said of its workers now.
    func record(_ workers: borrowing WorkerTable, vouching: Bool) -> AppRecord {
        var record = AppRecord(
            name: name, live: table.primary, lastGeneration: GenerationNumber(lastGeneration), scale: scale)
        for generation in generations where generation.state.keepsWorkers {
            record.generations.append(generation.record(workers, vouching: vouching))
        }
        return record
    }
}

extension Generation {
    /// In the place of what it was.
    fileprivate mutating func setForeign(_ load: WorkerShare, _ slot: Int, _ workers: inout WorkerTable) {
        let serves = workers[slot].state == .available
        if serves { leaveService(slot, &workers) }
        workers[slot].busy += load.requests - workers[slot].foreign.requests
        workers[slot].streams += load.streams - workers[slot].foreign.streams
        workers[slot].foreign = load
        if serves { enterService(slot, &workers) }
    }

    fileprivate func record(_ workers: borrowing WorkerTable, vouching: Bool) -> GenerationRecord {
        var record = GenerationRecord(
            number: number, spec: spec, state: state, target: target, bornAt: bornAt, workers: [])
        for slot in slots {
            if let worker = workers[slot].record(vouching: vouching) { record.workers.append(worker) }
        }
        return record
    }
}

extension Worker {
    /// Nil: it does not serve yet, or not any more.
    fileprivate func record(vouching: Bool) -> WorkerRecord? {
        switch state {
        case .unknown, .available, .working, .suspected: break
        case .launching, .loading, .proving, .draining, .stopping, .gone: return nil
        }
        guard let endpoint else { return nil }
        return WorkerRecord(
            number: number, sticky: sticky, address: endpoint.address, wireProtocol: endpoint.wireProtocol,
            concurrency: concurrency, requests: requests, bornAt: bornAt,
            load: vouching && state == .available ? WorkerShare(requests: busy, streams: streams) : nil)
    }
}
