package import Model

/// One change of the plan at a time: a child makes a new one, its listeners are bound, the core is asked, and only if it
/// takes the plan on does the supervisor keep it. Whatever goes wrong before leaves everything as it was.
package struct ReloadStateMachine: Sendable {
    package enum Action: Equatable, Sendable {
        /// Answered at once by `compilerStarted` or `compilerDidNotStart`.
        case startCompiler
        case killCompiler(pid: Int32)
        /// Bind what is new and ask the core. Answered at once by `offered` or `notOffered`.
        case offer(ticket: UInt64)
        /// The core has taken it on.
        case commit
        /// What was bound for it is given up.
        case withdraw
        /// Tell the core, and through it whoever asked.
        case refuse(ticket: UInt64, reason: String)
        /// The core neither takes it on nor refuses.
        case giveUpCore(reason: String)
        case log(String)
    }

    enum State: Equatable {
        case idle
        case starting
        case compiling(pid: Int32, deadline: Instant, isLate: Bool)
        case binding
        case offered(deadline: Instant?)
    }

    /// Reading files may hang on a lost mount.
    static let compileTime = Duration.seconds(60)
    /// What a core needs is far less: it looks at certificates, and changes nothing before it answers.
    static let answerTime = Duration.seconds(60)

    private(set) var state = State.idle
    /// The last of the requests that the running change answers; 0 is a signal's, whom nobody waits for.
    private var ticket: UInt64 = 0
    /// What was asked for since, and so may not have been read, or waits.
    private var next: UInt64?

    package init() {}

    package var nextDeadline: Instant? {
        switch state {
        case .compiling(_, let deadline, isLate: false): deadline
        case .offered(let deadline): deadline
        case .idle, .starting, .compiling, .binding: nil
        }
    }

    /// Nothing is under way, and nothing waits.
    package var isIdle: Bool { state == .idle && next == nil }

    /// - Parameters:
    ///   - objection: why there can be none.
    ///   - mustWait: until `proceed`: an upgrade is under way, or no core serves.
    package mutating func requested(_ ticket: UInt64, objection: String?, mustWait: Bool) -> [Action] {
        if let objection { return [.log("reload: \(objection)"), .refuse(ticket: ticket, reason: objection)] }
        let isNew = isIdle
        next = max(next ?? 0, ticket)
        guard mustWait else { return proceed(objection: nil) }
        return isNew ? [.log("reload: waits until a core serves that can take it on")] : []
    }

    /// Nothing is in the way any more, or something is for good.
    package mutating func proceed(objection: String?) -> [Action] {
        guard state == .idle, let ticket = next else { return [] }
        next = nil
        if let objection { return [.log("reload: \(objection)"), .refuse(ticket: ticket, reason: objection)] }
        self.ticket = ticket
        state = .starting
        return [.startCompiler]
    }

    /// Another core is about to take over. Whoever asked this one has to ask that one; what waits is read all the same.
    package mutating func ownerRetires() -> [Action] {
        guard state == .idle, let ticket = next, ticket > 0 else { return [] }
        next = 0
        return [.refuse(ticket: ticket, reason: "another core takes over")]
    }

    package mutating func compilerStarted(pid: Int32, now: Instant) {
        state = .compiling(pid: pid, deadline: now + Self.compileTime, isLate: false)
    }

    package mutating func compilerDidNotStart(_ reason: String) -> [Action] {
        refuse("the configuration could not be read: \(reason)")
    }

    package func isCompiler(_ pid: Int32) -> Bool {
        if case .compiling(pid, _, _) = state { true } else { false }
    }

    /// `refusal` is nil when it has made a plan.
    package mutating func compilerEnded(refusal: String?) -> [Action] {
        guard case .compiling(_, _, let isLate) = state else { return [] }
        if isLate { return refuse("the configuration could not be read within \(Self.compileTime.inWords)") }
        if let refusal { return refuse(refusal) }
        state = .binding
        return [.offer(ticket: ticket)]
    }

    package mutating func offered(now: Instant) { state = .offered(deadline: now + Self.answerTime) }

    package mutating func notOffered(_ reason: String) -> [Action] { refuse(reason) }

    package mutating func coreAnswered(refusal: String?) -> [Action] {
        guard case .offered = state else { return [] }
        guard let refusal else { return [.commit] + finish() }
        // The core has told whoever asked.
        return [.withdraw, .log("reload: refused, nothing was changed: \(refusal)")] + finish()
    }

    /// A new core starts with the plan that holds, and knows nobody who asked. What the one that is gone was not asked yet waits
    /// for the new one; what it was asked may be what it has died of.
    package mutating func coreIsGone() -> [Action] {
        switch state {
        case .idle:
            if next != nil { next = 0 }
            return []
        case .starting, .binding:
            (state, next) = (.idle, 0)
            return [.withdraw]
        case .compiling(let pid, _, _):
            (state, next) = (.idle, 0)
            return [.killCompiler(pid: pid), .log("reload: the core is gone, waits for the next")]
        case .offered:
            (state, next) = (.idle, nil)
            return [.withdraw, .log("reload: given up, the core is gone; nothing was changed")]
        }
    }

    package mutating func timePassed(now: Instant) -> [Action] {
        switch state {
        case .compiling(let pid, let deadline, isLate: false) where deadline <= now:
            state = .compiling(pid: pid, deadline: deadline, isLate: true)
            return [.killCompiler(pid: pid)]
        case .offered(let deadline?) where deadline <= now:
            state = .offered(deadline: nil)
            return [.giveUpCore(reason: "it has not answered to a new configuration within \(Self.answerTime.inWords)")]
        default: return []
        }
    }

    private mutating func refuse(_ reason: String) -> [Action] {
        [.log("reload: refused, nothing was changed: \(reason)"), .refuse(ticket: ticket, reason: reason)] + finish()
    }

    private mutating func finish() -> [Action] {
        state = .idle
        return proceed(objection: nil)
    }
}
