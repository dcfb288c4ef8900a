package import Model

/// The life of one operation: which step is next, what a failure, an abort or a rollback means at each point, and when
/// the old generation may go. No clock, no I/O: events in, actions out.
///
/// Two rules are worth more than the rest. Until `finish(.done)` the old generation is whole: nothing here drains or
/// parks it before. And a stop before the switch leaves the routing table alone.
package struct DeployStateMachine: Sendable {
    package enum Ending: Sendable, Equatable {
        case done
        case pending
        case failed(DeployStep, DeployFailure)
        case aborted(by: String)
        /// Switched back after the switch. `byHand`: a person asked, so the release is withdrawn.
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
        case bakeSampled(BakeVerdict)
        /// A person's abort or rollback: before the switch it is an abort, after it the switch back.
        case stop(by: String)
        /// The server goes away: leave everything so that a later core can go on.
        case interrupt
    }

    package enum Action: Sendable, Equatable {
        case run(DeployStep)
        /// Ask the running step to give up; its end is still reported.
        case cancel(DeployStep)
        case switchTraffic(to: GenerationNumber)
        case switchBack(to: GenerationNumber)
        case startBake(until: Instant)
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
        /// `plan.steps[index]` runs -> stopping, switching, finished
        case running(index: Int)
        /// The step at `index` was told to give up -> finished
        case stopping(index: Int, Ending)
        /// The pool is switching; a stop that comes meanwhile is kept -> baking, returning, finished
        case switching(stopBy: String?)
        /// The new generation has the traffic, the old one is whole -> returning, finished
        case baking(until: Instant)
        /// Switching back -> finished
        case returning(Ending)
        case finished(Ending)
    }

    package private(set) var plan: OperationPlan
    package private(set) var state: State = .idle
    /// The generation this operation booted or, for a warm rollback, grew.
    package private(set) var fresh: GenerationNumber?
    /// What was live at the switch.
    package private(set) var previous: GenerationNumber?
    private var alarmed = false

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

    /// Whether the configuration that will be live is fixed: a change after that needs another restart.
    package var hasReadSettings: Bool {
        guard case .running(let index) = state else { return true }
        return index >= plan.steps.firstIndex { $0 == .seal || $0 == .inspect } ?? 0
    }

    package var isFinished: Bool { if case .finished = state { true } else { false } }

    /// Whether the pool's routing was changed, or is being changed, by this operation.
    package var hasSwitched: Bool {
        switch state {
        case .switching, .baking, .returning: true
        case .idle, .running, .stopping, .finished: false
        }
    }

    package var currentStep: DeployStep? {
        switch state {
        case .running(let index), .stopping(let index, _): plan.steps[index]
        case .switching: .switchTraffic
        case .baking, .returning: .bake
        case .idle, .finished: nil
        }
    }

    package mutating func handle(_ event: Event, now: Instant) -> [Action] {
        switch (state, event) {
        case (.idle, .begin):
            return enter(step: 0)
        case (.idle, .stop(let by)):
            return finish(.aborted(by: by))
        case (.running(let index), .stepDone(let step)) where plan.steps[index] == step && step != .boot:
            return enter(step: index + 1)
        case (.running(let index), .booted(let generation)) where plan.steps[index] == .boot:
            fresh = generation
            return enter(step: index + 1)
        case (.running(let index), .stepFailed(let step, let failure)) where plan.steps[index] == step:
            return finishUnswitched(.failed(step, failure))
        case (.running(let index), .stop(let by)):
            return giveUp(index, .aborted(by: by))
        case (.running(let index), .interrupt):
            return giveUp(index, .interrupted(plan.steps[index]))
        case (.stopping(let index, let ending), .stepDone(let step)) where plan.steps[index] == step:
            return finishUnswitched(ending)
        case (.stopping(let index, let ending), .stepFailed(let step, _)) where plan.steps[index] == step:
            return finishUnswitched(ending)
        case (.stopping(let index, let ending), .booted(let generation)) where plan.steps[index] == .boot:
            fresh = generation
            return finishUnswitched(ending)
        default:
            return handleSwitched(event, now: now)
        }
    }

    /// Events at and after the switch.
    private mutating func handleSwitched(_ event: Event, now: Instant) -> [Action] {
        switch (state, event) {
        case (.switching(let stopBy), .switched(let previous)):
            self.previous = previous
            return afterSwitch(stopBy: stopBy, now: now)
        case (.switching(nil), .stop(let by)):
            state = .switching(stopBy: by)
            return []
        case (.switching, .stepFailed(.switchTraffic, let failure)):
            // A worker of it died between its proof and now: the pool did not switch.
            return finishUnswitched(.failed(.switchTraffic, failure))
        case (.returning, .stepFailed(.bake, let failure)):
            // The old generation is gone for a reason of its own. What is live stays.
            return [.alarm(failure.summary)] + finish(.failed(.bake, failure))
        case (.baking(let until), .bakeSampled(let verdict)):
            return judge(verdict, until: until, now: now)
        case (.baking, .stop(let by)):
            return switchBack(DeployFailure(.cancelled, "rolled back by \(by)"), byHand: true)
        case (.baking, .interrupt):
            return finish(.interrupted(.bake))
        case (.returning(let ending), .switchedBack):
            guard let fresh else { return finish(ending) }
            return (plan.movesCurrent ? [.moveCurrentBack] : []) + [.drain(fresh)] + finish(ending)
        default:
            // Late or doubled: the answer to a step that is over, a stop after the end.
            return []
        }
    }

    private mutating func enter(step index: Int) -> [Action] {
        guard index < plan.steps.count else { return finish(.pending) }
        if plan.steps[index] == .switchTraffic, let fresh {
            state = .switching(stopBy: nil)
            return [.switchTraffic(to: fresh)]
        }
        state = .running(index: index)
        return [.run(plan.steps[index])]
    }

    private mutating func afterSwitch(stopBy: String?, now: Instant) -> [Action] {
        let moves: [Action] = plan.movesCurrent ? [.moveCurrent] : []
        guard let bake = plan.bake else { return moves + settle() }
        let until = now + bake
        state = .baking(until: until)
        if let stopBy { return switchBack(DeployFailure(.cancelled, "rolled back by \(stopBy)"), byHand: true) }
        return moves + [.startBake(until: until)]
    }

    private mutating func judge(_ verdict: BakeVerdict, until: Instant, now: Instant) -> [Action] {
        var actions: [Action] = []
        switch verdict {
        case .rollBack(let reason) where previous != nil && plan.isReversible:
            return switchBack(DeployFailure(.badBake, reason), byHand: false)
        case .rollBack(let reason), .hold(let reason):
            // Nothing to go back to, or the old version is as badly off, or cannot run any more: a switch would mend nothing.
            if !alarmed { actions.append(.alarm(reason)) }
            alarmed = true
        case .deserted(let reason) where now >= until:
            return judge(.rollBack(reason), until: until, now: now)
        case .deserted, .good:
            break
        }
        return now >= until ? actions + settle() : actions
    }

    private mutating func switchBack(_ failure: DeployFailure, byHand: Bool) -> [Action] {
        guard let previous else {
            // The first version ever: keeping it is better than serving nobody.
            return [.alarm("there is no earlier version to switch back to")] + settle()
        }
        state = .returning(.rolledBack(failure, byHand: byHand))
        return [.switchBack(to: previous)]
    }

    /// The only place where the old generation may start to go.
    private mutating func settle() -> [Action] {
        guard let previous, previous != fresh else { return finish(.done) }
        switch plan.oldGeneration {
        case .keptAsStandby: return [.keepStandby(previous)] + finish(.done)
        case .drained: return [.drain(previous)] + finish(.done)
        }
    }

    private mutating func giveUp(_ index: Int, _ ending: Ending) -> [Action] {
        state = .stopping(index: index, ending)
        return [.cancel(plan.steps[index])]
    }

    private mutating func finishUnswitched(_ ending: Ending) -> [Action] {
        guard let fresh else { return finish(ending) }
        return [plan.warm == nil ? .discard(fresh) : .parkAgain(fresh)] + finish(ending)
    }

    private mutating func finish(_ ending: Ending) -> [Action] {
        state = .finished(ending)
        return [.finish(ending)]
    }
}
