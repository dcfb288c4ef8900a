import Model

/// The room that all apps share, and who gets it.
extension PoolStateMachine {
    /// A request was queued just now. Only an app that sleeps cannot wait for the timer.
    mutating func requestWaits(_ app: AppIndex, now: () -> Instant) -> [PoolAction] {
        guard apps[app.rawValue].isAsleep else { return [] }
        begin(now())
        grow(app.rawValue)
        return finish()
    }

    mutating func setScale(_ app: AppIndex, workers: Int?, now: Instant) -> [PoolAction] {
        begin(now)
        apps[app.rawValue].setScale(workers, room: liveRoom(for: app.rawValue), &context)
        grow()
        return finish()
    }

    /// One worker each, in turn, until nobody wants more or there is no room: no app takes all that is left.
    mutating func grow() {
        var hungry = apps.indices.filter { apps[$0].lacking(context) > 0 }
        if let first = hungry.indices.randomElement(using: &context.random) {
            hungry = Array(hungry[first...] + hungry[..<first])
        }
        while !hungry.isEmpty { hungry = hungry.filter { grow($0) } }
        relieve()
    }

    /// True: it got one, and wants more.
    @discardableResult
    private mutating func grow(_ index: Int) -> Bool {
        guard apps[index].lacking(context) > 0 else { return false }
        // An app always gets one.
        guard makeRoom(for: index) || apps[index].scaledTarget == 0 else { return false }
        apps[index].growByOne(&context)
        return apps[index].lacking(context) > 0
    }

    /// For one more worker than it has. Others that are over the size because each app gets one have to go first.
    private mutating func makeRoom(for index: Int) -> Bool {
        let target = apps[index].scaledTarget
        guard target < context.limits.maxPoolSize else { return false }
        while liveRoom(for: index) <= target {
            guard evict(for: index) else { return false }
        }
        return true
    }

    /// An idle worker of the app that can spare it best makes room.
    private mutating func evict(for index: Int?) -> Bool {
        var best: (app: Int, spare: AppPool.Spare)?
        for other in apps.indices where other != index {
            guard let spare = apps[other].spare(context) else { continue }
            guard let known = best?.spare else {
                best = (other, spare)
                continue
            }
            let isBetter =
                spare.surplus == known.surplus ? spare.lastUsed < known.lastUsed : spare.surplus > known.surplus
            if isBetter { best = (other, spare) }
        }
        guard let best else { return false }
        apps[best.app].giveUp(best.spare, &context)
        return true
    }

    /// Apps that got their one worker when there was no room for it are a reason to stop others that do nothing.
    private mutating func relieve() {
        while liveRoom(for: nil) < 0, evict(for: nil) {}
    }
}
