package import Model

/// What becomes of children when their core dies: those that serve, and what must not be cut off, are kept for the next one; the
/// others are ended.
extension SupervisorStateMachine {
    /// Children of earlier cores that the core which runs now has got: under the tags that they had, of which it gives none
    /// again. To be told to it before it begins.
    package var handedOver: [ChildEntry] {
        table.values.filter { !$0.isOrphan && $0.coreNumber == runningCore?.number }.map(\.entry)
            .sorted { $0.pid < $1.pid }
    }

    mutating func partFromCore(now: Instant) -> [Action] {
        var actions = giveUpForks("its core is gone")
        for (pid, row) in table.sorted(by: { $0.key < $1.key })
        where !row.isOrphan && row.coreNumber != retiring?.number {
            if row.entry.role.outlivesCore {
                // Drained already, if it has lost two cores in a row.
                if !row.isDrained { table[pid]?.drainAt = row.drainAt ?? now + Delays.unreadOutput }
                continue
            }
            actions += orphan(pid, now: now)
        }
        return actions
    }

    /// It decides what it goes on with, and ends the rest.
    mutating func handOver(to core: UInt32) -> [Action] {
        var actions: [Action] = []
        for (pid, row) in table.sorted(by: { $0.key < $1.key })
        where !row.isOrphan && row.coreNumber != retiring?.number {
            table[pid]?.coreNumber = core
            table[pid]?.drainAt = nil
            guard row.isDrained else { continue }
            table[pid]?.isDrained = false
            actions.append(.stopDraining(pid: pid))
        }
        return actions
    }

    /// A log never blocks an app, whether there is a core or not.
    mutating func drainUnread(now: Instant) -> [Action] {
        var actions: [Action] = []
        for (pid, row) in table.sorted(by: { $0.key < $1.key }) {
            guard let drainAt = row.drainAt, drainAt <= now else { continue }
            table[pid]?.drainAt = nil
            table[pid]?.isDrained = true
            actions.append(.drainOutput(pid: pid))
        }
        return actions
    }
}

extension ChildRole {
    /// Workers serve whichever core there is, and preloaders fork for it. Nobody could tell what a command that was cut off has
    /// done, so runners go on. What a core does through the others ends with it.
    var outlivesCore: Bool {
        switch self {
        case .worker, .preloader, .runner: true
        case .builder, .watcher, .tool, .companion: false
        }
    }
}
