import Model

/// How many workers an app has: growth when requests wait, idleness, sleep. The room that all apps share is the machine's
/// matter (`PoolStateMachine+Scaling`).
extension AppPool {
    /// All workers busy for so long ask for one more although nothing waits.
    static let busyTime = Duration.seconds(1)

    /// The generation that is scaled: the one that most traffic goes to, or that waits to take it.
    var scaledPosition: Int? {
        table.primary.flatMap { position(of: $0) } ?? generations.firstIndex { $0.isPending }
    }

    var isAsleep: Bool { scaledPosition.map { generations[$0].isAsleep } ?? false }

    var scaledTarget: Int { scaledPosition.map { generations[$0].target } ?? 0 }

    /// What it is kept at, needed or not.
    func floor(_ position: Int) -> Int {
        min(scale ?? generations[position].minInstances, generations[position].maxInstances)
    }

    private func ceiling(_ position: Int) -> Int {
        min(scale ?? .max, generations[position].maxInstances)
    }

    /// What a generation gets of the workers that are wanted for it. Never below one: an app that cannot have a worker
    /// could not even say why. Zero is only for one that sleeps.
    static func target(_ wanted: Int, _ settings: PoolSettings, room: Int) -> Int {
        let limit = settings.maxInstances > 0 ? min(room, settings.maxInstances) : room
        return wanted <= 0 ? 0 : max(1, min(wanted, limit))
    }

    // MARK: Growth

    /// How many more workers are wanted now, whether there is room for them or not.
    func lacking(_ context: borrowing PoolContext) -> Int {
        guard closing == nil, pause == nil, let position = scaledPosition,
            context.now >= generations[position].backOff.notBefore
        else { return 0 }
        let target = generations[position].target
        if target == 0 { return queue.isEmpty ? 0 : 1 }
        // While two generations share the traffic, whoever shares it out says how many workers each has.
        guard table.entries.count < 2 else { return 0 }
        if target < floor(position) { return floor(position) - target }
        guard target < ceiling(position), generations[position].bootFailure == nil, !isChangingInPlace(position) else {
            return 0
        }
        let kept = generations[position].count(in: context.workers) { $0.isKept }
        // What was asked for before has not even begun.
        guard kept >= target else { return 0 }
        let coming = kept - generations[position].available(in: context.workers)
        let parallel = spawnsLeft(position, context)
        return max(0, min(demanded(position, context) - coming, parallel, ceiling(position) - target))
    }

    /// In place one more worker would load the new code, and serve it beside the old before it was switched to.
    private func isChangingInPlace(_ position: Int) -> Bool {
        generations[position].spec.release == nil && generations.contains { $0.isBesideLive }
    }

    private func demanded(_ position: Int, _ context: borrowing PoolContext) -> Int {
        if queue.hasAnyPlace {
            let concurrency = concurrency(position, context)
            return concurrency == 0 ? 1 : (queue.count + concurrency - 1) / concurrency
        }
        return generations[position].demand.fullFor(context.now) >= AppPool.busyTime ? 1 : 0
    }

    /// Requests that one more worker would take at a time; 0 is unlimited.
    private func concurrency(_ position: Int, _ context: borrowing PoolContext) -> Int {
        for slot in generations[position].slots where context.workers[slot].state == .available {
            return context.workers[slot].concurrency
        }
        return 1
    }

    mutating func growByOne(_ context: inout PoolContext) {
        guard let position = scaledPosition else { return }
        generations[position].target += 1
        tell(.grown(workers: generations[position].target), about: generations[position].number, &context)
        topUp(position, &context)
    }

    // MARK: Idleness

    /// Looks at who has requests now. Called by the shell's timer.
    mutating func observe(_ position: Int, _ context: inout PoolContext) {
        var inFlight = 0
        var isUsed = false
        for slot in generations[position].slots where context.workers[slot].state == .available {
            generations[position].rampUp(slot, &context)
            let busy = context.workers[slot].busy - (context.workers[slot].probedSince == nil ? 0 : 1)
            inFlight += busy
            let requests = context.workers[slot].requests
            let isQuiet =
                busy == 0 && context.workers[slot].streams == 0 && context.workers[slot].seenRequests == requests
            if isQuiet { continue }
            context.workers[slot].seenRequests = requests
            context.workers[slot].lastUsed = context.now
            isUsed = true
            wearOut(slot, position, &context)
        }
        let isFull = generations[position].ready.count == 0 && generations[position].inService.count > 0
        generations[position].demand.observe(
            max(inFlight, isUsed || !queue.isEmpty ? 1 : 0), isFull: isFull, at: context.now,
            window: generations[position].spec.settings.pool.poolIdleTime)
    }

    /// Workers that were not needed for `pool_idle_time` stop, the longest unused first.
    mutating func shrink(_ position: Int, _ context: inout PoolContext) {
        guard closing == nil, pause == nil, scale == nil, table.entries.count < 2,
            generations[position].state == .live || generations[position].isPending,
            generations[position].spec.settings.pool.poolIdleTime > .zero, let peak = generations[position].demand.peak
        else { return }
        var excess = generations[position].target - needed(position, peak, context)
        guard excess > 0 else { return }
        let before = generations[position].target
        // Those that do not even come up first.
        let missing = before - generations[position].count(in: context.workers) { $0.isKept }
        let unfilled = max(0, min(excess, missing))
        generations[position].target -= unfilled
        excess -= unfilled
        for slot in idleSlots(position, context).prefix(excess) {
            generations[position].target -= 1
            retireAlone(slot, position, &context)
        }
        trim(position, &context)
        let target = generations[position].target
        if target < before { tell(.shrunk(workers: target), about: generations[position].number, &context) }
    }

    private func needed(_ position: Int, _ peak: Int, _ context: borrowing PoolContext) -> Int {
        let concurrency = concurrency(position, context)
        let busy = concurrency == 0 ? min(peak, 1) : (peak + concurrency - 1) / concurrency
        return max(floor(position), busy)
    }

    /// Available, without a request; the longest unused first, of equals the youngest.
    private func idleSlots(_ position: Int, _ context: borrowing PoolContext) -> [Int] {
        generations[position].slots
            .filter { context.workers[$0].state == .available && context.workers[$0].isIdle }
            .sorted { a, b in
                let (x, y) = (context.workers[a].lastUsed, context.workers[b].lastUsed)
                return x == y ? context.workers[a].number > context.workers[b].number : x < y
            }
    }

    // MARK: For other apps

    struct Spare {
        var slot: Int
        /// Workers beyond what has lately been needed.
        var surplus: Int
        var lastUsed: Instant
    }

    /// The worker that this app would miss least, if it can give one up: idle, and above its minimum.
    func spare(_ context: borrowing PoolContext) -> Spare? {
        guard closing == nil, pause == nil, scale == nil, let position = scaledPosition,
            generations[position].state == .live,
            generations[position].target > floor(position), let slot = idleSlots(position, context).first
        else { return nil }
        let lastUsed = context.workers[slot].lastUsed
        guard context.now - lastUsed >= context.limits.evictionAge else { return nil }
        let needed = needed(position, generations[position].demand.recentPeak, context)
        return Spare(slot: slot, surplus: generations[position].target - needed, lastUsed: lastUsed)
    }

    mutating func giveUp(_ spare: Spare, _ context: inout PoolContext) {
        guard let position = position(of: context.workers[spare.slot].generation) else { return }
        generations[position].target -= 1
        tell(.evicted(context.workers[spare.slot].number), about: generations[position].number, &context)
        retireAlone(spare.slot, position, &context)
        trim(position, &context)
    }

    // MARK: By hand

    /// Kept at so many, whatever is needed; nil goes back to what is needed.
    mutating func setScale(_ workers: Int?, room: Int, _ context: inout PoolContext) {
        scale = workers.map { max(1, $0) }
        guard let scale, let position = scaledPosition else { return }
        resize(position, to: AppPool.target(scale, generations[position].spec.settings.pool, room: room), &context)
        settle(position, &context)
    }
}
