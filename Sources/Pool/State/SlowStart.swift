import Model

/// A worker that has just come up has cold caches and unopened connections. The least busy one gets the next request, so it
/// would get a crowd at once; instead it counts as busier than it is, by less and less. With one request at a time there
/// is nothing to spread.
enum SlowStart {
    /// - Parameters:
    ///   - age: since the worker became available.
    ///   - others: requests that the generation's other workers have on average.
    static func handicap(age: Duration, others: Int, limits: borrowing PoolLimits) -> Int {
        let whole = limits.slowStart.wholeNanoseconds
        let left = whole - age.wholeNanoseconds
        guard left > 0, whole > 0, others > 0 else { return 0 }
        return Int((Double(others) * Double(left) / Double(whole)).rounded(.up))
    }
}

extension Generation {
    mutating func rampUp(_ slot: Int, _ context: inout PoolContext) {
        let (concurrency, before) = (context.workers[slot].concurrency, context.workers[slot].handicap)
        guard concurrency != 1, let since = context.workers[slot].provedAt,
            before > 0 || context.now - since < context.limits.slowStart
        else { return }
        let handicap = SlowStart.handicap(
            age: context.now - since, others: meanBusy(without: slot, context.workers), limits: context.limits)
        guard handicap != before else { return }
        let isReady = ready.contains(context.workers[slot])
        ready.remove(slot, from: &context.workers)
        context.workers[slot].handicap = handicap
        if isReady { ready.insert(slot, into: &context.workers) }
    }

    private func meanBusy(without slot: Int, _ workers: borrowing WorkerTable) -> Int {
        var (busy, count) = (0, 0)
        for other in slots where other != slot && workers[other].state == .available {
            busy += workers[other].busy
            count += 1
        }
        return count == 0 ? 0 : busy / count
    }
}
