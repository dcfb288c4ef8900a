import Model

/// The switch, and after it.
extension DeployStateMachine {
    mutating func handleSwitched(_ event: Event, now: Instant) -> [Action] {
        switch (state, event) {
        case (.switching(let stopBy), .switched(let previous)):
            self.previous = previous
            return afterSwitch(stopBy: stopBy, now: now)
        case (.switching(nil), .stop(let by)):
            state = .switching(stopBy: by)
            return []
        case (.switching, .stepFailed(.switchTraffic, let failure)):
            // A worker of it died between its proof and now: the pool did not switch.
            return comeBack(ended(by: failure, in: .switchTraffic))
        case (.baking(let until), .sampled(let verdict)): return judge(verdict, until: until, now: now)
        case (.baking, .approve): return settle()
        case (.baking, .stop(let by)): return switchBack(rollbackOf(by), byHand: true)
        case (.baking, .interrupt): return finish(.interrupted(.bake))
        case (.restoring(let ending, false), .restored): return leaveFresh() + finish(ending)
        case (.restoring(let ending, false), .interrupt): return leaveFresh() + finish(ending)
        case (.restoring(let ending, true), .restored): return returnTo(previous, ending)
        case (.restoring(_, true), .interrupt): return finish(.interrupted(.bake))
        case (.returning, .stepFailed(.bake, let failure)):
            // The old generation is gone for a reason of its own. What is live stays.
            return [.alarm("\(failure)")] + finish(.failed(.bake, failure))
        case (.returning(let ending), .switchedBack):
            guard let fresh else { return finish(ending) }
            return (plan.movesCurrent ? [.moveCurrentBack] : []) + [.drain(fresh)] + finish(ending)
        default: return []  // late or doubled: the answer to a step that is over, a stop after the end
        }
    }

    private mutating func afterSwitch(stopBy: String?, now: Instant) -> [Action] {
        isSharing = false
        alarmed = false
        let moves: [Action] = plan.movesCurrent ? [.moveCurrent] : []
        guard let bake = plan.bake else { return moves + settle() }
        if let stopBy { return switchBack(rollbackOf(stopBy), byHand: true) }
        // The first version of all: there are no errors to compare its own with, and nowhere to go back to. A watch could decide
        // nothing, and would only hold up the deploy after it.
        guard previous != nil else { return moves + settle() }
        let until = now + bake
        state = .baking(until: until)
        return moves + [.startWatch(.bake, until: until)]
    }

    private mutating func judge(_ verdict: BakeVerdict, until: Instant, now: Instant) -> [Action] {
        var actions: [Action] = []
        switch verdict {
        case .rollBack(let reason) where plan.isReversible:
            return switchBack(DeployFailure(.badBake, reason), byHand: false)
        case .rollBack(let reason), .hold(let reason):
            // The old version is as badly off, or cannot run any more: a switch would mend nothing.
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
        let ending = Ending.rolledBack(failure, byHand: byHand)
        guard previous != nil else {
            // The first version ever: keeping it is better than serving nobody.
            return [.alarm("there is no earlier version to switch back to")] + settle()
        }
        guard isOldSmaller else { return returnTo(previous, ending) }
        state = .restoring(ending, isSwitched: true)
        return [.restoreOld]
    }

    private mutating func returnTo(_ previous: GenerationNumber?, _ ending: Ending) -> [Action] {
        guard let previous else { return finish(ending) }
        state = .returning(ending)
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

    mutating func finish(_ ending: Ending) -> [Action] {
        state = .finished(ending)
        return [.finish(ending)]
    }
}
