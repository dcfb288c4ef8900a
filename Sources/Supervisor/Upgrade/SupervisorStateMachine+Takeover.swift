package import Model

/// Cores beside the one that owns the pool: one that is to take its place, and one that has handed over and answers its last
/// clients. There is at most one of each, and only the owner may have children started.
extension SupervisorStateMachine {
    struct OtherCore: Equatable {
        var number: UInt32
        var pid: Int32
        var startedAt: Instant
        /// Of a retiring one: nobody else would notice that it hangs.
        var pulse: CorePulse?
    }

    package enum CoreRole: Sendable {
        case owner, successor, retiring
    }

    func role(of core: UInt32) -> CoreRole? {
        if runningCore?.number == core { return .owner }
        if successor?.number == core { return .successor }
        return retiring?.number == core ? .retiring : nil
    }

    /// Why no other version can take over now; nil when it can.
    package var upgradeObjection: String? {
        guard phase == .serving else { return "the server is stopping" }
        guard case .running(let life) = core, life.isReady else { return "no core serves yet" }
        return nil
    }

    // MARK: The successor

    package mutating func nextCoreNumber() -> UInt32 { restarts.nextNumber() }

    package mutating func successorStarted(number: UInt32, pid: Int32, now: Instant) -> [Action] {
        successor = OtherCore(number: number, pid: pid, startedAt: now)
        return [.log("core \(number) of the new version started (pid \(pid))")]
    }

    package mutating func endSuccessor(_ reason: String) -> [Action] {
        guard let successor else { return [] }
        return [
            .log("core \(successor.number) (pid \(successor.pid)) is killed: \(reason)"),
            .signalGroup(pid: successor.pid, signal: Signal.kill),
        ]
    }

    /// The owner has handed these children over. From here on its successor owns the pool; if that one dies, the next core is one
    /// of the version before, and adopts them too.
    package mutating func promote(_ children: [ChildTag], now: Instant) -> [Action] {
        guard case .running(let life) = core, let next = successor else { return [] }
        // It hears of them as refused while it can still say what became of them.
        let actions = giveUpForks("another core takes over")
        retire(life, children, to: next.number, now: now)
        successor = nil
        core = .running(
            CoreLife(
                number: next.number, pid: next.pid, startedAt: next.startedAt,
                pulse: CorePulse(limit: silenceLimit, now: now)))
        return actions + [.log("core \(life.number) (pid \(life.pid)) hands over to core \(next.number)")]
    }

    /// The owner has handed over, and there is nobody whom to: a core of the program that holds is started for it.
    package mutating func replaceCore(_ children: [ChildTag], now: Instant) -> [Action] {
        guard case .running(let life) = core else { return [] }
        let actions = giveUpForks("another core takes over")
        retire(life, children, to: 0, now: now)
        guard phase == .serving else {
            ownerIsDone = true
            return actions
        }
        return actions + [.log("core \(life.number) (pid \(life.pid)) has handed over; the next one starts")]
            + startNextCore()
    }

    private mutating func retire(_ life: CoreLife, _ children: [ChildTag], to next: UInt32, now: Instant) {
        let tags = Set(children)
        for (pid, row) in table where row.coreNumber == life.number && !row.isOrphan && tags.contains(row.entry.tag) {
            table[pid]?.coreNumber = next
            table[pid]?.formerCore = life.number
        }
        retiring = OtherCore(
            number: life.number, pid: life.pid, startedAt: life.startedAt,
            pulse: CorePulse(limit: silenceLimit, now: now))
        core = .absent
    }

    // MARK: The retiring one

    /// What a core that is not the owner may still say.
    mutating func received(_ message: CoreMessage, fromRetiring core: UInt32) -> [Action] {
        switch message {
        case .signal(let tag, let signal, let scope):
            guard (1...64).contains(signal), let row = row(tag, of: core) else { return [] }
            let pid = row.entry.pid
            return [scope == .group ? .signalGroup(pid: pid, signal: signal) : .signalLeader(pid: pid, signal: signal)]
        case .loads(let loads) where !loads.isEmpty: return [.send(.loads(loads))]
        case .pong:
            retiring?.pulse?.answered()
            return []
        default: return []
        }
    }

    mutating func askRetiringCore(now: Instant) -> [Action] {
        guard let verdict = retiring?.pulse?.timePassed(now: now) else { return [] }
        switch verdict {
        case .ask: return [.sendToRetiring(.ping)]
        case .hangs: return endRetiring("it hangs, there was no answer for \(silenceLimit.inWords)")
        case .none: return []
        }
    }

    package mutating func endRetiring(_ reason: String) -> [Action] {
        guard let retiring else { return [] }
        return [
            .log("core \(retiring.number) (pid \(retiring.pid)) is killed: \(reason)"),
            .signalGroup(pid: retiring.pid, signal: Signal.kill),
        ]
    }

    /// What it had for itself ends with it: tools, and workers that drained.
    mutating func retiringCoreIsGone(_ why: String, now: Instant) -> [Action] {
        guard let gone = retiring else { return [] }
        retiring = nil
        var actions: [Action] = [.log("core \(gone.number) (pid \(gone.pid)) ended: \(why)")]
        for (pid, row) in table.sorted(by: { $0.key < $1.key }) where row.formerCore == gone.number {
            table[pid]?.formerCore = nil
        }
        for (pid, row) in table.sorted(by: { $0.key < $1.key }) where row.coreNumber == gone.number && !row.isOrphan {
            actions += orphan(pid, now: now)
        }
        // None of its requests is under way any more.
        if runningCore != nil { actions.append(.send(.loads([]))) }
        if ownerIsDone { actions += beginEnding(exitCode: 0, now: now) }
        return actions
    }

    mutating func orphan(_ pid: Int32, now: Instant) -> [Action] {
        table[pid]?.killAt = now + Delays.orphanGrace
        table[pid]?.isOrphan = true
        return [.drainOutput(pid: pid), .signalGroup(pid: pid, signal: Signal.terminate)]
    }

    /// Whoever has a row hears of its end: its owner, and the core that had it before and still talks to it.
    func exitReports(
        of row: Row, _ pid: Int32, _ reason: ExitReason, _ launchFailure: LaunchFailure?
    ) -> [Action] {
        let message = SupervisorMessage.exited(
            tag: row.entry.tag, pid: pid, reason: reason, launchFailure: launchFailure)
        var actions: [Action] = []
        for core in Set([row.coreNumber] + (row.formerCore.map { [$0] } ?? [])).sorted() {
            switch role(of: core) {
            case .owner: actions.append(.send(message))
            case .retiring: actions.append(.sendToRetiring(message))
            case .successor, nil: break
            }
        }
        return actions
    }
}
