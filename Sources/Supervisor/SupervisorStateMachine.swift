package import Model

/// What becomes of the core, its children and the server: all decisions of the supervisor, without clock or I/O.
///
/// Events are methods that return actions, to be carried out in their order. `nextDeadline` says when `timePassed` has
/// something to do.
package struct SupervisorStateMachine: Sendable {
    package enum Action: Equatable, Sendable {
        /// Answered at once by `coreStarted` or `coreDidNotStart`.
        case startCore(number: UInt32)
        /// To the core that owns the pool.
        case send(SupervisorMessage)
        case sendToRetiring(SupervisorMessage)
        case signalLeader(pid: Int32, signal: Int32)
        case signalGroup(pid: Int32, signal: Int32)
        /// It has been a booting worker until now (`BootPriority`).
        case endBootPriority(pid: Int32)
        /// Children of this process that are in no table: descendants that lost their parents.
        case signalStrays(signal: Int32)
        /// No child is in this control group any more: what is left in it is to end.
        case endControlGroup(String)
        /// A child that is in no table, and leads its own group.
        case endStray(pid: Int32)
        /// The forked child is there: keep what was made for it under the ticket.
        case keepForked(pid: Int32, ticket: UInt64)
        /// Nobody will come for what was made under this ticket.
        case forgetFork(ticket: UInt64)
        /// Nobody reads the output of this child any more.
        case drainOutput(pid: Int32)
        /// A core reads it again.
        case stopDraining(pid: Int32)
        case report(StartReport)
        /// Whoever started the service, if it wants to hear.
        case tell(ServiceNotice)
        case log(String)
        /// Clean up and exit. Always the last action there is.
        case finish(exitCode: Int32)
    }

    enum Phase: Equatable {
        case serving
        /// The core has been asked to drain; at the deadline it is over without it.
        case stopping(deadline: Instant, signals: Int)
        /// Everything is being ended: TERM has been sent; KILL at `nextKill`, and again after each interval, because
        /// a descendant becomes our child only when its parent is gone.
        case ending(nextKill: Instant, giveUp: Instant, exitCode: Int32)
        case finished
    }

    enum CoreState: Equatable {
        case absent
        case starting(number: UInt32)
        case running(CoreLife)
        case waiting(until: Instant)
    }

    struct CoreLife: Equatable {
        var number: UInt32
        var pid: Int32
        var startedAt: Instant
        var isReady = false
        var pulse: CorePulse
        /// Set when it has closed the control socket: alive or not, it can do nothing useful any more.
        var killAt: Instant?
    }

    struct Row: Equatable {
        var entry: ChildEntry
        /// The core that asked for it. Tags are unique within one core only.
        var coreNumber: UInt32
        /// The core that has handed it over, for as long as that one answers its last clients.
        var formerCore: UInt32?
        var controlGroup: String?
        /// Its core has died, and no other gets it.
        var isOrphan = false
        /// Set while an orphan has been asked to end; nil again once it has been killed.
        var killAt: Instant?
        /// Set while no core reads its output, until somebody has to.
        var drainAt: Instant?
        var isDrained = false
    }

    /// Changed by a reload.
    var shutdownTimeout: Duration
    let silenceLimit: Duration
    var watchdog: WatchdogPulse?
    var phase = Phase.serving
    var core = CoreState.absent
    var successor: OtherCore?
    var retiring: OtherCore?
    /// The core that owns the pool has done its part of a stop, and ends by itself.
    var ownerIsDone = false
    /// By pid: a pid is nobody else's until we have reaped it.
    var table: [Int32: Row] = [:]
    /// By ticket.
    var forks: [UInt64: PendingFork] = [:]
    var lastTicket: UInt64 = 0
    var restarts = CoreRestarts()
    var hasReported = false

    /// - Parameter watchdogTime: after which a service that gives no sign of life is ended. A core that hangs is replaced
    ///   before that: it has half of it at most.
    package init(shutdownTimeout: Duration, watchdogTime: Duration? = nil) {
        self.shutdownTimeout = shutdownTimeout
        silenceLimit = min(CorePulse.limit, watchdogTime.map { $0 / 2 } ?? CorePulse.limit)
        watchdog = watchdogTime.map { WatchdogPulse(time: $0) }
    }

    // MARK: What the shell asks

    /// When to call `timePassed`; nil when only events matter.
    package var nextDeadline: Instant? {
        var deadlines = table.values.compactMap(\.killAt) + table.values.compactMap(\.drainAt)
        switch core {
        case .waiting(let until): deadlines.append(until)
        case .running(let life):
            if let killAt = life.killAt { deadlines.append(killAt) }
            if phase == .serving, let question = life.pulse.nextQuestion { deadlines.append(question) }
        case .absent, .starting: break
        }
        if let question = retiring?.pulse?.nextQuestion { deadlines.append(question) }
        if let sign = watchdog?.deadline(isStopping: phase != .serving) { deadlines.append(sign) }
        switch phase {
        case .serving, .finished: break
        case .stopping(let deadline, _): deadlines.append(deadline)
        case .ending(let nextKill, let giveUp, _): deadlines += [nextKill, giveUp]
        }
        return deadlines.min()
    }

    package var runningCore: (number: UInt32, pid: Int32)? {
        if case .running(let life) = core { (life.number, life.pid) } else { nil }
    }

    package var isEnding: Bool { if case .ending = phase { true } else { false } }

    /// Whether this is the leader of a process group that we made.
    package func isGroupLeader(_ pid: Int32) -> Bool { table[pid] != nil || corePids.contains(pid) }

    /// Of the owner, and of those beside it.
    var corePids: [Int32] { [runningCore?.pid, successor?.pid, retiring?.pid].compactMap { $0 } }

    /// Why no child with this tag may be started now; nil when one may.
    ///
    /// No companion runs beside one of another core, or a scheduler would run every job twice.
    package func refusal(of tag: ChildTag, as role: ChildRole) -> String? {
        guard let number = runningCore?.number else { return "no core runs" }
        switch phase {
        case .ending, .finished: return "the server is ending"
        case .serving, .stopping: break
        }
        if row(tag, of: number) != nil || pendingFork(tag, of: number) != nil { return "\(tag) is still in the table" }
        let isDoubled =
            role == .companion
            && table.values.contains { $0.entry.role == .companion && ($0.isOrphan || $0.coreNumber != number) }
        return isDoubled ? "a companion that an earlier core started has not ended yet" : nil
    }

    func row(_ tag: ChildTag, of core: UInt32) -> Row? {
        table.values.first { $0.entry.tag == tag && $0.coreNumber == core }
    }

    // MARK: The core

    package mutating func start() -> [Action] { startNextCore() }

    mutating func startWaitingCore(now: Instant) -> [Action] {
        guard case .waiting(let until) = core, until <= now else { return [] }
        return startNextCore()
    }

    mutating func startNextCore() -> [Action] {
        let number = restarts.nextNumber()
        core = .starting(number: number)
        return [.startCore(number: number)]
    }

    package mutating func coreStarted(pid: Int32, now: Instant) -> [Action] {
        guard case .starting(let number) = core else { return [] }
        core = .running(
            CoreLife(number: number, pid: pid, startedAt: now, pulse: CorePulse(limit: silenceLimit, now: now)))
        return [.log("core \(number) started (pid \(pid))")] + handOver(to: number)
    }

    package mutating func coreDidNotStart(reason: String, now: Instant) -> [Action] {
        guard case .starting(let number) = core else { return [] }
        return coreIsGone("core \(number) could not be started: \(reason)", life: .zero, now: now)
    }

    package func isCore(_ pid: Int32) -> Bool { runningCore?.pid == pid }

    /// Its end of the control socket is closed: mostly because it is ending, and we shall hear how in a moment.
    package mutating func coreDisconnected(now: Instant) {
        guard case .running(var life) = core else { return }
        life.killAt = now + Delays.disconnectedGrace
        life.pulse.stop()
        core = .running(life)
    }

    /// What it says cannot be understood, or it does not listen.
    package func coreIsUnusable(reason: String) -> [Action] {
        guard let running = runningCore else { return [] }
        return [
            .log("core \(running.number) (pid \(running.pid)) is killed: \(reason)"),
            .signalGroup(pid: running.pid, signal: Signal.kill),
        ]
    }

    mutating func endDisconnectedCore(now: Instant) -> [Action] {
        guard case .running(var life) = core, let killAt = life.killAt, killAt <= now else { return [] }
        life.killAt = nil
        core = .running(life)
        return coreIsUnusable(reason: "it has closed its control socket")
    }

    mutating func signOfLife(now: Instant) -> [Action] {
        watchdog?.isDue(isStopping: phase != .serving, now: now) == true ? [.tell(.watchdog)] : []
    }

    /// A core that drains has a deadline of its own.
    mutating func askCore(now: Instant) -> [Action] {
        guard phase == .serving, case .running(var life) = core else { return [] }
        let verdict = life.pulse.timePassed(now: now)
        core = .running(life)
        switch verdict {
        case .none: return []
        case .ask: return [.send(.ping)]
        case .hangs:
            let how = life.isReady ? "it hangs" : "it hangs in its start"
            return coreIsUnusable(reason: "\(how), there was no answer for \(silenceLimit.inWords)")
        }
    }

    private mutating func coreIsGone(
        _ what: String, life: Duration, now: Instant
    ) -> [Action] {
        core = .absent
        switch phase {
        case .finished: return []
        case .ending: return [.log(what)]
        case .stopping where ownerIsDone: return [.log(what)]
        case .stopping: return [.log(what)] + beginEnding(exitCode: 0, now: now)
        case .serving: break
        }
        switch restarts.coreEnded(after: life) {
        case .giveUp:
            return [.log(what)] + failStart("\(what); it was never ready", exitCode: 1, now: now)
        case .restart(let delay):
            let parting = partFromCore(now: now)
            if delay == .zero { return [.log(what), .tell(.status(what))] + parting + startNextCore() }
            core = .waiting(until: now + delay)
            let line = "\(what); the next one starts in \(delay.inWords)"
            return [.log(line), .tell(.status(line))] + parting
        }
    }

    // MARK: What the core says (a spawn request goes to the launcher instead)

    /// - Parameter number: of the core that says it; nil: of the one that owns the pool.
    package mutating func received(_ message: CoreMessage, from number: UInt32? = nil, now: Instant) -> [Action] {
        if let retired = retiring?.number, retired == number { return received(message, fromRetiring: retired) }
        guard case .running(var life) = core, life.number == number ?? life.number else { return [] }
        switch message {
        case .hello(let version):
            if version == SupervisionProtocol.version { return [] }
            return coreIsUnusable(reason: "it speaks protocol version \(version)")
        case .ready(let summary):
            life.isReady = true
            core = .running(life)
            restarts.coreIsReady()
            return [.log("core \(life.number) is ready: \(summary)"), .tell(.ready(status: summary))]
                + report(.ready(summary: summary))
        case .pong:
            life.pulse.answered()
            core = .running(life)
            watchdog?.coreAnswered()
            return signOfLife(now: now)
        case .status(let line):
            return [.tell(.status(line))]
        case .spawn, .fork, .openFile, .startMeter, .requestReload, .reloadAnswer, .requestUpgrade, .prepared,
            .handedOver, .loads:
            return []
        case .signal(let tag, let signal, let scope):
            guard (1...64).contains(signal) else { return [] }
            if let ticket = pendingFork(tag, of: life.number) { return giveUp(ticket, "it was given up") }
            guard let row = row(tag, of: life.number) else { return [] }
            let pid = row.entry.pid
            return [scope == .group ? .signalGroup(pid: pid, signal: signal) : .signalLeader(pid: pid, signal: signal)]
        case .serves(let tag):
            return row(tag, of: life.number).map { [.endBootPriority(pid: $0.entry.pid)] } ?? []
        case .failed(let reason, let exitCode):
            if hasReported || phase != .serving { return [.log("core \(life.number): \(reason)")] }
            return failStart(reason, exitCode: exitCode, now: now)
        case .done:
            ownerIsDone = true
            guard retiring != nil else { return beginEnding(exitCode: 0, now: now) }
            return letRetiringCoreFinish(now: now)
        }
    }

    private mutating func report(_ report: StartReport) -> [Action] {
        if hasReported { return [] }
        hasReported = true
        return [.report(report)]
    }

    private mutating func failStart(_ reason: String, exitCode: Int32, now: Instant) -> [Action] {
        [.log("cannot start: \(reason)")] + report(.failed(reason: reason, exitCode: exitCode))
            + beginEnding(exitCode: exitCode, now: now)
    }

    // MARK: Children

    package mutating func childStarted(_ entry: ChildEntry, controlGroup: String? = nil) -> [Action] {
        guard let number = runningCore?.number else { return [] }
        table[entry.pid] = Row(entry: entry, coreNumber: number, controlGroup: controlGroup)
        return [.send(.spawned(entry))]
    }

    /// Any child that was reaped, known or not.
    package mutating func ended(
        pid: Int32, reason: ExitReason, launchFailure: LaunchFailure?, now: Instant
    ) -> [Action] {
        let why = launchFailure.map { "\($0.step) \($0.subject): errno \($0.errno)" } ?? "\(reason)"
        if case .running(let life) = core, life.pid == pid {
            return coreIsGone(
                "core \(life.number) (pid \(pid)) ended: \(why)", life: now - life.startedAt, now: now)
        }
        if retiring?.pid == pid { return retiringCoreIsGone(why, now: now) }
        if let gone = successor, gone.pid == pid {
            successor = nil
            return [.log("core \(gone.number) (pid \(pid)) ended: \(why)")]
        }
        guard let row = table.removeValue(forKey: pid) else { return [] }
        let left = endIfEmpty(row.controlGroup)
        return left + exitReports(of: row, pid, reason, launchFailure)
            + giveUpForks("its preloader ended: \(reason)") { $0.preloader == pid }
    }

    /// Also for a group that was made for a child that could not be started.
    package func endIfEmpty(_ controlGroup: String?) -> [Action] {
        guard let controlGroup, !table.values.contains(where: { $0.controlGroup == controlGroup }) else { return [] }
        return [.endControlGroup(controlGroup)]
    }

    package mutating func noChildrenLeft() -> [Action] {
        guard case .ending(_, _, let exitCode) = phase else { return [] }
        phase = .finished
        return [.finish(exitCode: exitCode)]
    }
}
