import Deploys
import Model

/// What a deploy's actions mean for generations and traffic, and the rules that it lives by.
struct DeployWorld {
    let old: GenerationNumber?
    var done: [DeployStep] = []
    var watched: Set<DeployStep> = []
    var isApproved = false
    var live: GenerationNumber?
    /// Shares the traffic with what is live.
    var sharing: GenerationNumber?
    var whole: Set<GenerationNumber>
    var healthy: Set<GenerationNumber>
    var isOldSmaller = false
    var isRestoring = false
    var isStopped = false
    var isInterrupted = false
    var isStable = false
    var endings = 0
    var broken: [String] = []

    init(old: GenerationNumber?, plan: OperationPlan) {
        self.old = old
        live = old
        whole = Set([old, plan.warm].compactMap { $0 })
        healthy = whole
    }

    /// The world's part of an event, before the machine hears of it.
    mutating func happen(_ event: DeployStateMachine.Event, _ machine: DeployStateMachine) {
        let running: DeployStep? =
            if case .running(let index) = machine.state { machine.plan.steps[index] } else { nil }
        let watching: Bool = if case .watching = machine.state { true } else { false }
        switch event {
        case .stepDone(let step) where step == running && step != .boot: done.append(step)
        case .stepFailed(let step, _) where step == running: isStopped = true
        case .booted(let generation) where machine.currentStep == .boot:
            whole.insert(generation)
            healthy.insert(generation)
            if running == .boot { done.append(.boot) }
        case .switched:
            live = machine.fresh
            sharing = nil
        case .switchedBack:
            if case .returning = machine.state { live = machine.previous }
        case .restored:
            if case .restoring = machine.state {
                isOldSmaller = false
                isRestoring = false
            }
        case .stop, .interrupt, .oldFails:
            if event == .interrupt { isInterrupted = true }
            if running != nil || watching { isStopped = true }
        case .approve: isApproved = true
        default: break
        }
    }

    mutating func apply(_ action: DeployStateMachine.Action, _ plan: OperationPlan) {
        switch action {
        case .switchTraffic(let generation): checkSwitch(to: generation, plan)
        case .switchBack(let generation):
            check(whole.contains(generation), "switched back to a generation that is gone")
            check(!isOldSmaller, "switched back before the old generation had its size")
        case .shareTraffic(let generation):
            check(healthy.contains(generation) && whole.contains(generation), "shared with what is not healthy")
            sharing = generation
        case .run(.roll):
            isOldSmaller = true
            sharing = GenerationNumber(2)
        case .run(.replace): isOldSmaller = true
        case .restoreOld: isRestoring = true
        case .takeTrafficBack: sharing = nil
        case .discard(let generation), .drain(let generation):
            check(live != generation, "ended the live generation")
            check(sharing != generation, "ended a generation that has a part of the traffic")
            whole.remove(generation)
        case .keepStandby(let generation): check(live != generation, "the live generation is no standby")
        case .startWatch(.bake, _): check(old != nil, "a first version is watched, and there is nothing to go back to")
        case .endWatch(let step): watched.insert(step)
        case .finish(let ending): end(ending)
        case .run, .cancel, .startWatch, .moveCurrent, .moveCurrentBack, .parkAgain, .alarm: break
        }
    }

    private mutating func checkSwitch(to generation: GenerationNumber, _ plan: OperationPlan) {
        check(whole.contains(generation) && healthy.contains(generation), "switched to what is not there and healthy")
        check(!isStopped, "switched after an abort or a failed step")
        check(done == plan.steps.filter { $0 != .switchTraffic && !$0.isWatch }, "switched before every step was done")
        check(!plan.steps.contains(.canary) || watched.contains(.canary), "switched before the canary was over")
        check(
            !plan.steps.contains(.approve) || watched.contains(.approve) || isApproved, "switched without approval")
    }

    private mutating func end(_ ending: DeployStateMachine.Ending) {
        endings += 1
        isStable = ending == .done
        check(sharing == nil, "it ended, and two generations share the traffic")
        // A server that goes away waits for no workers.
        if isInterrupted || ending == .done { return }
        if case .failed(.bake, _) = ending { return }
        check(!isOldSmaller, "it ended, and the old generation is smaller than it was")
    }

    mutating func checkInvariants() {
        check(endings <= 1, "more than one end")
        if let old {
            check(isStable || whole.contains(old), "the old generation went before stable")
            check(live != nil, "nothing is live although something was")
        }
        if let live { check(whole.contains(live), "what is live is not there") }
        if let sharing { check(whole.contains(sharing), "what shares the traffic is not there") }
    }

    private mutating func check(_ truth: Bool, _ what: String) { if !truth { broken.append(what) } }

    static let plans: [OperationPlan] = {
        let begun: [OperationPlan] = [
            .deploy(bake: .seconds(5)), .resume(bake: .seconds(5)), .resume(bake: .seconds(5), isProved: true),
            .resumeBuild(bake: .seconds(5)), .restart, .coldRollback,
        ]
        var plans: [OperationPlan] = [
            .preparationOnly, .warmRollback(GenerationNumber(9), now: false),
            .warmRollback(GenerationNumber(9), now: true),
        ]
        for plan in begun {
            for strategy in DeployStrategy.allCases {
                for approve in [false, true] {
                    for reversible in [true, false] {
                        var plan = plan
                        plan.rollOut(strategy, canary: .seconds(5), approve: approve)
                        plan.isReversible = reversible
                        plans.append(plan)
                    }
                }
            }
        }
        return plans
    }()
}
