package import Model

/// The life of one operation: which step is next, what a failure, an abort or a rollback means at each point, and when
/// the old generation may go. No clock, no I/O: events in, actions out.
///
/// Three rules are worth more than the rest. Until `finish(.done)` the old generation can be gone back to: nothing here drains
/// or parks it before. A stop before any traffic went to the new one leaves the routing table alone; after that, the old one
/// has all of it again before anything ends. And only a generation that is healthy is ever routed to.
package struct DeployStateMachine: Sendable {
    package enum Ending: Sendable, Equatable {
        case done
        case pending
        case failed(DeployStep, DeployFailure)
        case aborted(by: String)
        /// It had traffic, and has none any more. `byHand`: a person asked, so the release is withdrawn.
        case rolledBack(DeployFailure, byHand: Bool)
        case interrupted(DeployStep)
    }

    package enum Event: Sendable, Equatable {
        case begin
        case stepDone(DeployStep)
        case booted(GenerationNumber)
        case stepFailed(DeployStep, DeployFailure)
        case switched(previous: GenerationNumber?)
        case switchedBack
        /// The old generation is as large as it was.
        case restored
        /// What the new version's traffic says of it; while it has none, that there is nothing to say.
        case sampled(BakeVerdict)
        /// The old version began to fail while this deploy changed what both live with.
        case oldFails(DeployFailure)
        /// A person has seen enough: what waits for that goes on, and a watch is over. Before there is anything to wait for,
        /// the word is kept.
        case approve
        /// A person's abort or rollback: before the new version has traffic it is an abort, after that the way back.
        case stop(by: String)
        /// The server goes away: leave everything so that a later core can go on.
        case interrupt
    }

    package enum Action: Sendable, Equatable {
        case run(DeployStep)
        /// Ask the running step to give up; its end is still reported.
        case cancel(DeployStep)
        /// A step of looking, until then or until somebody says so.
        case startWatch(DeployStep, until: Instant)
        case endWatch(DeployStep)
        /// The new generation gets its part.
        case shareTraffic(with: GenerationNumber)
        /// The old generation gets all of it again.
        case takeTrafficBack
        /// Bring the old generation back to its size, and say `restored` when it is, or cannot be.
        case restoreOld
        case switchTraffic(to: GenerationNumber)
        case switchBack(to: GenerationNumber)
        /// `current` follows traffic; nothing waits for it.
        case moveCurrent
        case moveCurrentBack
        /// Booted, but it never got traffic.
        case discard(GenerationNumber)
        /// It had traffic: finish what is in flight.
        case drain(GenerationNumber)
        case keepStandby(GenerationNumber)
        /// A standby that was grown for nothing.
        case parkAgain(GenerationNumber)
        case alarm(String)
        case finish(Ending)
    }

    package enum State: Sendable, Equatable {
        case idle
        /// `plan.steps[index]` runs -> running, watching, stopping, switching, finished
        case running(index: Int)
        /// `plan.steps[index]` looks -> running, switching, restoring, finished
        case watching(index: Int, until: Instant)
        /// The step at `index` was told to give up -> restoring, finished
        case stopping(index: Int, Ending)
        /// The pool is switching; a stop that comes meanwhile is kept -> baking, returning, restoring, finished
        case switching(stopBy: String?)
        /// The new generation has the traffic -> returning, restoring, finished
        case baking(until: Instant)
        /// The old generation comes back to its size -> returning, finished
        case restoring(Ending, isSwitched: Bool)
        /// Switching back -> finished
        case returning(Ending)
        case finished(Ending)
    }

    /// How long a canary that nobody can judge (both versions fail) is left as it is before its traffic is taken back, and how
    /// long a person is waited for.
    package static let patience = Duration.seconds(24 * 3600)

    package private(set) var plan: OperationPlan
    package internal(set) var state: State = .idle
    /// The generation this operation booted or, for a warm rollback, grew.
    package internal(set) var fresh: GenerationNumber?
    /// What was live at the switch.
    package internal(set) var previous: GenerationNumber?
    /// Both versions get requests.
    package internal(set) var isSharing = false
    /// The old generation has fewer workers than it had.
    package internal(set) var isOldSmaller = false
    package internal(set) var isApproved = false
    package internal(set) var alarmed = false

    package init(plan: OperationPlan) {
        self.plan = plan
        fresh = plan.warm
    }

    /// The bake's length is the release's own configuration, which is read on the way.
    package mutating func setBake(_ length: Duration) {
        if plan.bake != nil { plan.bake = length }
    }

    /// Also the release's own configuration: from now on only a person switches back.
    package mutating func setIrreversible() { plan.isReversible = false }

    /// And so is this.
    package mutating func rollOut(_ strategy: DeployStrategy, canary: Duration = .zero, approve: Bool) {
        plan.rollOut(strategy, canary: canary, approve: approve)
    }

    /// Whether the configuration that will be live is fixed: a change after that needs another restart.
    package var hasReadSettings: Bool {
        guard case .running(let index) = state else { return true }
        return index >= plan.steps.firstIndex { $0 == .seal || $0 == .inspect } ?? 0
    }

    package var isFinished: Bool { if case .finished = state { true } else { false } }

    /// Whether the pool's routing was switched, or is being switched, by this operation.
    package var hasSwitched: Bool {
        switch state {
        case .switching, .baking, .returning: true
        case .restoring(_, let isSwitched): isSwitched
        case .idle, .running, .watching, .stopping, .finished: false
        }
    }

    package var currentStep: DeployStep? {
        switch state {
        case .running(let index), .watching(let index, _), .stopping(let index, _): plan.steps[index]
        case .switching: .switchTraffic
        case .restoring(_, let isSwitched): isSwitched ? .bake : plan.steps.last
        case .baking, .returning: .bake
        case .idle, .finished: nil
        }
    }

    /// Between the first change that hooks make and the switch: what fails now in the old version is this deploy's doing.
    package var isChangingWhatBothLiveWith: Bool {
        let index: Int
        switch state {
        case .running(let running): index = running
        case .watching(let watching, _): index = watching
        default: return false
        }
        guard let hook = plan.steps.firstIndex(of: .beforeBoot) else { return false }
        return index >= hook && !isOldSmaller
    }

    package mutating func handle(_ event: Event, now: Instant) -> [Action] {
        switch (state, event) {
        case (.idle, .begin): return enter(step: 0, now: now)
        case (.idle, .stop(let by)): return finish(.aborted(by: by))
        case (.running(let index), _): return handleRunning(index, event, now: now)
        case (.watching(let index, let until), _): return handleWatching(index, until, event, now: now)
        case (.stopping(let index, let ending), _): return handleStopping(index, ending, event)
        default: return handleSwitched(event, now: now)
        }
    }
}
