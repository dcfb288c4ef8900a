import Model

/// Up to the switch: steps, watches, and the way back from where both versions have traffic.
extension DeployStateMachine {
    mutating func handleRunning(_ index: Int, _ event: Event, now: Instant) -> [Action] {
        let step = plan.steps[index]
        switch event {
        case .stepDone(step) where step != .boot: return enter(step: index + 1, now: now)
        case .booted(let generation) where step == .boot:
            fresh = generation
            return enter(step: index + 1, now: now)
        case .stepFailed(step, let failure): return comeBack(ended(by: failure, in: step))
        case .sampled(.rollBack(let reason)) where isSharing && plan.isReversible:
            return giveUp(index, .rolledBack(DeployFailure(.badBake, reason), byHand: false))
        case .oldFails(let failure): return giveUp(index, ended(by: failure, in: step), atItsEnd: step.isHook)
        case .stop(let by): return giveUp(index, stopped(by))
        case .interrupt: return giveUp(index, .interrupted(step))
        case .approve:
            isApproved = true
            return []
        default: return []  // late or doubled
        }
    }

    mutating func handleWatching(_ index: Int, _ until: Instant, _ event: Event, now: Instant) -> [Action] {
        let step = plan.steps[index]
        switch event {
        case .sampled(let verdict): return judgeSharing(verdict, index, until, now: now)
        case .approve: return [.endWatch(step)] + enter(step: index + 1, now: now)
        case .oldFails(let failure): return comeBack(ended(by: failure, in: step))
        case .stop(let by): return comeBack(stopped(by))
        case .interrupt: return comeBack(.interrupted(step))
        default: return []
        }
    }

    mutating func handleStopping(_ index: Int, _ ending: Ending, _ event: Event) -> [Action] {
        let step = plan.steps[index]
        switch event {
        case .stepDone(step), .stepFailed(step, _): return comeBack(ending)
        case .interrupt:
            state = .stopping(index: index, .interrupted(step))
            return []
        case .booted(let generation) where step == .boot:
            fresh = generation
            return comeBack(ending)
        default: return []
        }
    }

    mutating func enter(step index: Int, now: Instant) -> [Action] {
        guard index < plan.steps.count else { return finish(.pending) }
        let step = plan.steps[index]
        switch step {
        case .switchTraffic:
            guard let fresh else { return finish(.pending) }
            state = .switching(stopBy: nil)
            return [.switchTraffic(to: fresh)]
        case .approve where isApproved: return enter(step: index + 1, now: now)
        case .canary, .approve: return watch(index, now: now)
        case .roll:
            isSharing = true
            isOldSmaller = true
        case .replace: isOldSmaller = true
        default: break
        }
        state = .running(index: index)
        return [.run(step)]
    }

    private mutating func watch(_ index: Int, now: Instant) -> [Action] {
        let step = plan.steps[index]
        let until = now + (step == .canary ? plan.canaryTime : DeployStateMachine.patience)
        state = .watching(index: index, until: until)
        guard step == .canary, let fresh else { return [.startWatch(step, until: until)] }
        isSharing = true
        return [.shareTraffic(with: fresh), .startWatch(step, until: until)]
    }

    private mutating func judgeSharing(
        _ verdict: BakeVerdict, _ index: Int, _ until: Instant, now: Instant
    ) -> [Action] {
        let step = plan.steps[index]
        var actions: [Action] = []
        var mayGoOn = step == .canary
        switch verdict {
        case .rollBack(let reason) where isSharing && plan.isReversible:
            return comeBack(.rolledBack(DeployFailure(.badBake, reason), byHand: false))
        case .deserted(let reason) where isSharing && now >= until:
            return judgeSharing(.rollBack(reason), index, until, now: now)
        case .rollBack(let reason), .hold(let reason):
            if !alarmed { actions.append(.alarm(reason)) }
            alarmed = true
            mayGoOn = false
        case .good, .deserted: break
        }
        guard now >= until else { return actions }
        if mayGoOn { return actions + [.endWatch(step)] + enter(step: index + 1, now: now) }
        // Nobody has said anything, and by itself it must not go on.
        guard step == .approve || now >= until + DeployStateMachine.patience else { return actions }
        let waited = DeployFailure(
            .notApproved, "nobody has approved it for \(Int(DeployStateMachine.patience.inSeconds / 3600)) hours")
        return actions + comeBack(ended(by: waited, in: step))
    }

    /// `atItsEnd`: half a migration would be worse than a whole one.
    private mutating func giveUp(_ index: Int, _ ending: Ending, atItsEnd: Bool = false) -> [Action] {
        state = .stopping(index: index, ending)
        return atItsEnd ? [] : [.cancel(plan.steps[index])]
    }

    /// A release that had traffic was rolled back from, for whatever reason.
    func ended(by failure: DeployFailure, in step: DeployStep) -> Ending {
        isSharing ? .rolledBack(failure, byHand: false) : .failed(step, failure)
    }

    private func stopped(_ by: String) -> Ending {
        isSharing ? .rolledBack(rollbackOf(by), byHand: true) : .aborted(by: by)
    }

    func rollbackOf(_ by: String) -> DeployFailure { DeployFailure(.cancelled, "rolled back by \(by)") }

    /// Not switched, and it will not be.
    mutating func comeBack(_ ending: Ending) -> [Action] {
        // A server that goes away does not wait for workers to boot.
        if case .interrupted = ending { return leaveFresh() + finish(ending) }
        guard isOldSmaller else { return leaveFresh() + finish(ending) }
        state = .restoring(ending, isSwitched: false)
        // What cannot run twice has to be gone first; what shares the traffic keeps its part until the old one is whole.
        return (plan.strategy == .replace ? leaveFresh() : []) + [.restoreOld]
    }

    mutating func leaveFresh() -> [Action] {
        guard let leaving = fresh else { return [] }
        fresh = nil
        if isSharing { return [.takeTrafficBack, .drain(leaving)] }
        return [plan.warm == nil ? .discard(leaving) : .parkAgain(leaving)]
    }
}
