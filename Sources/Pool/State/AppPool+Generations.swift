import Model

/// What Deploys asks for.
extension AppPool {
    /// `room` is what the pool's limits leave for this generation.
    mutating func boot(
        _ spec: GenerationSpec, _ purpose: Generation.Purpose, room: Int, _ context: inout PoolContext
    ) -> GenerationNumber {
        let number = nextGenerationNumber()
        let byHand = purpose == .takesTraffic && spec.workers > 0 ? scale : nil
        let target = AppPool.target(byHand ?? spec.workers, spec.settings.pool, room: room)
        generations.append(
            Generation(number: number, spec: spec, purpose: purpose, target: target, bornAt: context.now))
        tell(.generationBooting(workers: target, wanted: spec.workers), about: number, &context)
        topUp(generations.count - 1, &context)
        return number
    }

    /// Nil, and nothing changed, unless the generation may take the traffic.
    mutating func switchTraffic(
        to number: GenerationNumber, room: Int, _ context: inout PoolContext
    ) -> GenerationNumber? {
        guard closing == nil, mayTakeTraffic(number, context), table != RoutingTable(all: number) else { return nil }
        let previous = table.primary
        let capacity = previous.flatMap { position(of: $0) }.map { generations[$0].target } ?? 0
        route(by: RoutingTable(all: number))
        tell(.switched(from: previous, queued: queue.count), about: number, &context)
        // One that waited to be the first has come too late.
        for position in generations.indices where generations[position].isPending {
            beginDrain(position, until: .now(context), &context)
        }
        forgetGone(&context)
        if let previous, let position = position(of: previous) { trim(position, &context) }
        if let position = position(of: number) {
            // The one before may have grown since this one's boot was asked for.
            let wanted = scale ?? max(generations[position].wanted, capacity)
            resize(position, to: AppPool.target(wanted, generations[position].spec.settings.pool, room: room), &context)
        }
        dispatch(&context)
        return previous == number ? nil : previous
    }

    /// Two generations have the traffic; or one again, and the other waits like a standby.
    mutating func share(with number: GenerationNumber, tenThousandths: Int?, _ context: inout PoolContext) {
        guard closing == nil, let primary = table.primary else { return }
        guard let parts = tenThousandths else {
            route(by: RoutingTable(all: primary))
            return dispatch(&context)
        }
        guard number != primary, mayTakeTraffic(number, context) else { return }
        let share = min(max(parts, 1), 9_999)
        route(
            by: RoutingTable([
                RoutingTable.Entry(generation: primary, weight: 10_000 - share),
                RoutingTable.Entry(generation: number, weight: share),
            ]))
        dispatch(&context)
    }

    /// Proved, and not dead since; unless what is live is dead as well.
    private func mayTakeTraffic(_ number: GenerationNumber, _ context: borrowing PoolContext) -> Bool {
        guard let position = position(of: number) else { return false }
        let generation = generations[position]
        guard generation.state == .proved || generation.state == .standby || generation.state == .live else {
            return false
        }
        if generation.available(in: context.workers) > 0 || generation.isAsleep { return true }
        return !generations.contains { $0.state == .live && $0.available(in: context.workers) > 0 }
    }

    mutating func scale(_ position: Int, workers wanted: Int, room: Int, _ context: inout PoolContext) {
        guard generations[position].state.keepsWorkers else { return }
        generations[position].wanted = max(0, wanted)
        let settings = generations[position].spec.settings.pool
        resize(position, to: AppPool.target(generations[position].wanted, settings, room: room), &context)
        settle(position, &context)
    }

    /// A standby needs no more workers than it has.
    mutating func park(_ position: Int, workers: Int, _ context: inout PoolContext) {
        guard generations[position].state == .standby else { return }
        resize(position, to: min(max(1, workers), generations[position].target), &context)
        settle(position, &context)
    }

    /// No more requests, for ever. A live generation is left alone: the table would be empty.
    mutating func drain(_ position: Int, until deadline: DrainDeadline, _ context: inout PoolContext) {
        guard !table.contains(generations[position].number) else { return }
        if generations[position].canFail {
            let aborted = BootFailure(step: "aborted", summary: "the boot was given up before it was complete")
            fail(position, aborted, &context)
        } else {
            beginDrain(position, until: deadline, &context)
        }
        settle(position, &context)
    }

    mutating func beginDrain(_ position: Int, until deadline: DrainDeadline, _ context: inout PoolContext) {
        let number = generations[position].number
        let streams = generations[position].slots.reduce(0) { $0 + context.workers[$1].streams }
        if generations[position].state != .draining {
            generations[position].move(to: .draining)
            var inFlight = 0
            for slot in generations[position].slots { inFlight += context.workers[slot].busy }
            tell(.draining(workers: generations[position].slots.count, inFlight: inFlight), about: number, &context)
        }
        let before = generations[position].streamDeadline ?? .distantFuture
        let earliest = DrainDeadline(
            requests: min(deadline.requests, generations[position].drainDeadline ?? deadline.requests),
            streams: min(deadline.streams, before))
        generations[position].drainDeadline = earliest.requests
        generations[position].streamDeadline = earliest.streams
        if streams > 0, earliest.streams < before {
            context.act(.endStreams(index, number, nil, spreadOver: max(earliest.streams - context.now, .zero)))
        }
        for slot in generations[position].slots { retire(slot, position, until: earliest, &context) }
    }

    /// Sets the target, stops what is too much and asks for what is missing.
    mutating func resize(_ position: Int, to target: Int, _ context: inout PoolContext) {
        generations[position].target = target
        trim(position, &context)
        topUp(position, &context)
    }

    /// Those that are missed least: still booting, then suspected, then the idlest; of equals the youngest.
    func victims(_ position: Int, _ count: Int, _ context: borrowing PoolContext) -> [Int] {
        var candidates: [(rank: Int, number: WorkerNumber, slot: Int)] = []
        for slot in generations[position].slots where context.workers[slot].state.isKept {
            let worker = context.workers[slot]
            let rank =
                worker.state.isBooting
                ? -2 : worker.state == .suspected || worker.state == .unknown ? -1 : worker.busy + worker.streams
            candidates.append((rank, worker.number, slot))
        }
        candidates.sort { $0.rank != $1.rank ? $0.rank < $1.rank : $0.number > $1.number }
        return candidates.prefix(count).map(\.slot)
    }

    /// May change positions: call it last.
    mutating func forgetIfGone(_ position: Int, _ context: inout PoolContext) {
        guard generations[position].state == .draining, generations[position].slots.isEmpty else { return }
        generations[position].move(to: .gone)
        tell(.generationGone, about: generations[position].number, &context)
        generations.remove(at: position)
    }

    mutating func forgetGone(_ context: inout PoolContext) {
        for position in generations.indices.reversed() { forgetIfGone(position, &context) }
    }
}

/// When what a draining worker still has is cut: requests and streams have each their own time.
struct DrainDeadline {
    var requests: Instant
    var streams: Instant

    static func now(_ context: borrowing PoolContext) -> DrainDeadline {
        DrainDeadline(requests: context.now, streams: context.now)
    }

    /// Neither later than `limit`.
    func limited(to limit: Instant) -> DrainDeadline {
        DrainDeadline(requests: min(requests, limit), streams: min(streams, limit))
    }
}
