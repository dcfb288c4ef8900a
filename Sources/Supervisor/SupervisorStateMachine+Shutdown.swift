package import Model

extension SupervisorStateMachine {
    package enum Request: Sendable, CaseIterable {
        case terminate, reopenLogs
    }

    /// A signal from outside.
    package mutating func requested(_ request: Request, now: Instant) -> [Action] {
        switch request {
        case .reopenLogs:
            return (runningCore == nil ? [] : [.send(.reopenLogs)])
                + (retiring == nil ? [] : [.sendToRetiring(.reopenLogs)])
        case .terminate: return terminate(now: now)
        }
    }

    private mutating func terminate(now: Instant) -> [Action] {
        switch phase {
        case .serving:
            guard runningCore != nil else { return beginEnding(exitCode: 0, now: now) }
            phase = .stopping(deadline: now + shutdownTimeout + Delays.beyondShutdownTimeout, signals: 1)
            return [.log("stopping"), .tell(.stopping), .send(.shutdown(hurry: false))] + tellRetiring(hurry: false)
        case .stopping(let deadline, signals: 1):
            phase = .stopping(deadline: min(deadline, now + Delays.hurry), signals: 2)
            return [.log("stopping in a hurry"), .send(.shutdown(hurry: true))] + tellRetiring(hurry: true)
        case .stopping:
            return beginEnding(exitCode: 0, now: now)
        case .ending, .finished:
            return []
        }
    }

    /// The owner was told to stop by somebody else than us.
    mutating func letRetiringCoreFinish(now: Instant) -> [Action] {
        guard phase == .serving else { return [] }
        phase = .stopping(deadline: now + shutdownTimeout + Delays.beyondShutdownTimeout, signals: 1)
        return [.tell(.stopping)] + tellRetiring(hurry: false)
    }

    private func tellRetiring(hurry: Bool) -> [Action] {
        retiring == nil ? [] : [.sendToRetiring(.shutdown(hurry: hurry))]
    }

    mutating func beginEnding(exitCode: Int32, now: Instant) -> [Action] {
        var told: [Action] = []
        switch phase {
        case .ending, .finished: return []
        case .serving: told = [.tell(.stopping)]
        case .stopping: break
        }
        let nextKill = now + Delays.lastGrace
        phase = .ending(nextKill: nextKill, giveUp: nextKill + Delays.giveUp, exitCode: exitCode)
        if case .waiting = core { core = .absent }
        for pid in table.keys {
            table[pid]?.killAt = nil
            table[pid]?.drainAt = nil
        }
        return told + giveUpForks("the server is ending") + drainEverything() + signalEverything(Signal.terminate)
    }

    /// The core that read the output is told to go too.
    private func drainEverything() -> [Action] { table.keys.sorted().map { .drainOutput(pid: $0) } }

    /// A core that is done ends by itself.
    private func signalEverything(_ signal: Int32) -> [Action] {
        let ends = ownerIsDone && signal == Signal.terminate ? runningCore?.pid : nil
        let leaders = table.keys.sorted() + corePids.filter { $0 != ends }
        return leaders.map { .signalGroup(pid: $0, signal: signal) } + [.signalStrays(signal: signal)]
    }

    package mutating func timePassed(now: Instant) -> [Action] {
        var actions: [Action] = []
        for (pid, row) in table.sorted(by: { $0.key < $1.key }) {
            guard let killAt = row.killAt, killAt <= now else { continue }
            table[pid]?.killAt = nil
            actions.append(.signalGroup(pid: pid, signal: Signal.kill))
        }
        actions += drainUnread(now: now) + endDisconnectedCore(now: now) + askCore(now: now)
        actions += askRetiringCore(now: now) + signOfLife(now: now)
        switch phase {
        case .serving:
            actions += startWaitingCore(now: now)
        case .stopping(let deadline, _) where deadline <= now:
            actions += [.log("the core has not finished in time")] + beginEnding(exitCode: 0, now: now)
        case .ending(_, let giveUp, let exitCode) where giveUp <= now:
            phase = .finished
            actions += [.log("some processes cannot be ended"), .finish(exitCode: exitCode)]
        case .ending(let nextKill, let giveUp, let exitCode) where nextKill <= now:
            phase = .ending(nextKill: now + Delays.killAgain, giveUp: giveUp, exitCode: exitCode)
            actions += signalEverything(Signal.kill)
        case .stopping, .ending, .finished:
            break
        }
        return actions
    }
}

/// Signal numbers of Linux on every architecture that Swift runs on.
enum Signal {
    static let hangUp: Int32 = 1
    static let interrupt: Int32 = 2
    static let kill: Int32 = 9
    static let user1: Int32 = 10
    static let user2: Int32 = 12
    static let pipe: Int32 = 13
    static let terminate: Int32 = 15
    static let child: Int32 = 17
}

enum Delays {
    /// From TERM to KILL of a child whose core died.
    static let orphanGrace = Duration.seconds(5)
    /// How long output of a child that is kept for the next core waits to be read by it.
    static let unreadOutput = Duration.seconds(2)
    /// The core enforces shutdownTimeout itself; this much later it is taken to be stuck.
    static let beyondShutdownTimeout = Duration.seconds(5)
    /// What a core in a hurry gets.
    static let hurry = Duration.seconds(2)
    /// From TERM to KILL when everything is ended.
    static let lastGrace = Duration.seconds(2)
    static let killAgain = Duration.milliseconds(100)
    /// From the end of its control socket to KILL of a core.
    static let disconnectedGrace = Duration.seconds(1)
    /// A process in an uninterruptible sleep cannot be killed: do not wait for it for ever.
    static let giveUp = Duration.seconds(5)
}
