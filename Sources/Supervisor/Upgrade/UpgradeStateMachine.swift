package import Model

/// Another version in the place of the one that runs, one at a time: a child of the new program makes a plan, a core of the new
/// program makes itself ready beside the one that serves, that one hands over, and only then does the supervisor itself
/// become the new program. Whatever goes wrong before the hand-over leaves everything as it was.
package struct UpgradeStateMachine: Sendable {
    package enum Action: Equatable, Sendable {
        /// Answered at once by `compilerStarted` or `notStarted`.
        case startCompiler
        case killCompiler(pid: Int32)
        /// Bind what is new and start a core beside the one that serves. Answered at once by `successorStarted` or `notStarted`.
        case startSuccessor
        case endSuccessor(reason: String)
        /// Ask the core that serves to hand over.
        case retireCore
        /// It is not to, after all.
        case keepCore
        /// It has handed over although nobody waits for it any more.
        case replaceCore([ChildTag])
        /// The successor owns the pool, with these children.
        case promote([ChildTag])
        /// The core that serves neither hands over nor refuses.
        case giveUpCore(reason: String)
        /// The new version serves: its plan holds, and the supervisor can become the new program.
        case commit(version: String)
        /// What was bound for it is given up.
        case withdraw
        case answer(ticket: UInt64, version: String)
        case refuse(ticket: UInt64, reason: String)
        case log(String)
    }

    enum State: Equatable {
        case idle
        /// The core before the one that serves has still clients, and there is never more than one; or the configuration is being read.
        case waiting
        case starting
        case compiling(pid: Int32, deadline: Instant, isLate: Bool)
        case launching
        case preparing(deadline: Instant)
        case handingOver(version: String, deadline: Instant)
        case adopting(version: String, deadline: Instant)
    }

    static let compileTime = Duration.seconds(60)
    /// A core that makes itself ready reads certificates and a list of apps; more than that it does not need.
    static let prepareTime = Duration.seconds(60)
    /// The core itself gives up after ten minutes, when a deploy takes so long.
    static let handOverTime = Duration.seconds(660)
    /// From the hand-over on connections wait.
    static let adoptTime = Duration.seconds(30)

    private(set) var state = State.idle
    /// The last of the requests that the running upgrade answers; 0 is a signal's, whom nobody waits for.
    private var ticket: UInt64 = 0

    package init() {}

    package var isIdle: Bool { state == .idle }

    /// Not so while it waits.
    package var isUnderWay: Bool { state != .idle && state != .waiting }

    package var nextDeadline: Instant? {
        switch state {
        case .compiling(_, let deadline, isLate: false), .preparing(let deadline), .handingOver(_, let deadline),
            .adopting(_, let deadline):
            deadline
        case .idle, .waiting, .starting, .compiling, .launching: nil
        }
    }

    /// - Parameters:
    ///   - objection: why there can be none now.
    ///   - waitsFor: what has to be over first.
    package mutating func requested(_ ticket: UInt64, objection: String?, waitsFor: String?) -> [Action] {
        if let objection { return [.log("upgrade: \(objection)"), .refuse(ticket: ticket, reason: objection)] }
        switch state {
        case .idle: break
        case .waiting, .starting, .compiling:
            // It has not begun to do anything that a newer program could do otherwise.
            self.ticket = max(self.ticket, ticket)
            return []
        case .launching, .preparing, .handingOver, .adopting:
            return [.refuse(ticket: ticket, reason: "an upgrade is under way")]
        }
        self.ticket = ticket
        guard let waitsFor else {
            state = .starting
            return [.startCompiler]
        }
        state = .waiting
        return [.log("upgrade: waits until \(waitsFor)")]
    }

    /// What it waited for is over.
    package mutating func mayBegin() -> [Action] {
        guard state == .waiting else { return [] }
        state = .starting
        return [.startCompiler]
    }

    /// Of the compiler, or of the successor.
    package mutating func notStarted(_ reason: String) -> [Action] {
        switch state {
        case .starting: return refuse(reason)
        case .launching: return [.withdraw] + refuse(reason)
        case .idle, .waiting, .compiling, .preparing, .handingOver, .adopting: return []
        }
    }

    package mutating func compilerStarted(pid: Int32, now: Instant) {
        state = .compiling(pid: pid, deadline: now + Self.compileTime, isLate: false)
    }

    package func isCompiler(_ pid: Int32) -> Bool {
        if case .compiling(pid, _, _) = state { true } else { false }
    }

    /// `refusal` is nil when it has made a plan.
    package mutating func compilerEnded(refusal: String?) -> [Action] {
        guard case .compiling(_, _, let isLate) = state else { return [] }
        if isLate { return refuse("the new program has made no plan within \(Self.compileTime.inWords)") }
        if let refusal { return refuse(refusal) }
        state = .launching
        return [.startSuccessor]
    }

    package mutating func successorStarted(now: Instant) { state = .preparing(deadline: now + Self.prepareTime) }

    package mutating func successorIsPrepared(version: String, now: Instant) -> [Action] {
        guard case .preparing = state else { return [] }
        state = .handingOver(version: version, deadline: now + Self.handOverTime)
        return [.log("upgrade: a core of version \(version) is prepared"), .retireCore]
    }

    package mutating func coreHandedOver(_ children: [ChildTag], refusal: String?, now: Instant) -> [Action] {
        guard case .handingOver(let version, _) = state else { return refusal == nil ? [.replaceCore(children)] : [] }
        if let refusal { return giveUp(refusal) }
        state = .adopting(version: version, deadline: now + Self.adoptTime)
        return [.promote(children)]
    }

    package mutating func successorIsReady() -> [Action] {
        guard case .adopting(let version, _) = state else { return [] }
        state = .idle
        return [.answer(ticket: ticket, version: version), .commit(version: version)]
    }

    /// `reason`: how it ended, or what it said.
    package mutating func successorIsGone(_ reason: String) -> [Action] {
        switch state {
        case .preparing: return [.withdraw] + refuse("the new core: \(reason)")
        case .handingOver: return [.keepCore, .withdraw] + refuse("the new core: \(reason)")
        case .idle, .waiting, .starting, .compiling, .launching, .adopting: return []
        }
    }

    /// The one that owns the pool: after the hand-over that is the successor, and a core of the version before takes its place.
    package mutating func coreIsGone() -> [Action] {
        switch state {
        case .idle, .waiting: return []
        case .starting: return refuse("the core has ended")
        case .launching: return [.withdraw] + refuse("the core has ended")
        case .compiling(let pid, _, _): return [.killCompiler(pid: pid)] + refuse("the core has ended")
        case .preparing, .handingOver: return giveUp("the core that serves has ended")
        case .adopting:
            return [.withdraw]
                + refuse("the new core ended before it served; a core of the version before takes its place")
        }
    }

    /// The server ends.
    package mutating func serverStops() -> [Action] {
        switch state {
        case .idle: return []
        case .waiting, .starting, .launching, .adopting: return refuse("the server is stopping")
        case .compiling(let pid, _, _): return [.killCompiler(pid: pid)] + refuse("the server is stopping")
        case .preparing: return giveUp("the server is stopping")
        case .handingOver: return [.keepCore] + giveUp("the server is stopping")
        }
    }

    package mutating func timePassed(now: Instant) -> [Action] {
        switch state {
        case .compiling(let pid, let deadline, isLate: false) where deadline <= now:
            state = .compiling(pid: pid, deadline: deadline, isLate: true)
            return [.killCompiler(pid: pid)]
        case .preparing(let deadline) where deadline <= now:
            return giveUp("the new core was not ready to take over within \(Self.prepareTime.inWords)")
        case .handingOver(_, let deadline) where deadline <= now:
            let reason = "it has not handed over within \(Self.handOverTime.inWords)"
            return [.giveUpCore(reason: reason)] + giveUp("the core that serves hangs")
        case .adopting(let version, let deadline) where deadline <= now:
            // Its end is told by `coreIsGone`.
            state = .adopting(version: version, deadline: .distantFuture)
            return [.giveUpCore(reason: "it has not served within \(Self.adoptTime.inWords) of the hand-over")]
        default: return []
        }
    }

    private mutating func giveUp(_ reason: String) -> [Action] {
        [.endSuccessor(reason: reason), .withdraw] + refuse(reason)
    }

    private mutating func refuse(_ reason: String) -> [Action] {
        defer { state = .idle }
        let outcome = isTaken ? "the version before goes on" : "nothing was changed"
        return [.log("upgrade: not done, \(outcome): \(reason)"), .refuse(ticket: ticket, reason: reason)]
    }

    private var isTaken: Bool { if case .adopting = state { true } else { false } }
}
