import Deploys
import Glibc
import Model
import Testing

/// Random events, legal and late ones, against a small model of a pool: whatever comes, the rules that a deploy lives by
/// hold after every event.
@Suite struct DeployStateMachineModelTests {
    /// SplitMix64: the same seed gives the same run on every machine.
    struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    /// What the actions mean for generations and traffic.
    struct Model {
        let old: GenerationNumber?
        let steps: [DeployStep]
        var done: [DeployStep] = []
        var live: GenerationNumber?
        var whole: Set<GenerationNumber>
        var healthy: Set<GenerationNumber> = []
        var stable = false
        var switches = 0
        var stoppedBeforeSwitch = false
        var endings = 0
        var broken: [String] = []

        mutating func apply(_ action: DeployStateMachine.Action) {
            switch action {
            case .switchTraffic(let generation), .switchBack(let generation):
                check(whole.contains(generation), "switched to a generation that is gone")
                check(healthy.contains(generation), "switched before it was healthy")
                if case .switchTraffic = action {
                    switches += 1
                    check(!stoppedBeforeSwitch, "switched after an abort or a failed step")
                    check(done == steps.filter { $0 != .switchTraffic }, "switched before every step was done")
                }
            case .discard(let generation), .drain(let generation):
                check(live != generation, "ended the live generation")
                whole.remove(generation)
            case .keepStandby(let generation): check(live != generation, "the live generation is no standby")
            case .finish(let ending):
                endings += 1
                stable = ending == .done
            case .run, .cancel, .startBake, .moveCurrent, .moveCurrentBack, .parkAgain, .alarm: break
            }
        }

        mutating func checkInvariants() {
            check(endings <= 1, "more than one end")
            if let old { check(stable || whole.contains(old), "the old generation went before stable") }
            if let live { check(whole.contains(live), "what is live is not there") }
            if old != nil { check(live != nil, "nothing is live although something was") }
        }

        mutating func check(_ truth: Bool, _ what: String) { if !truth { broken.append(what) } }
    }

    static let plans: [OperationPlan] = [
        .deploy(bake: .seconds(5)), .resume(bake: .seconds(5)), .preparationOnly, .restart, .coldRollback,
        .warmRollback(GenerationNumber(9), now: false), .warmRollback(GenerationNumber(9), now: true),
    ]

    @Test func `120,000 random events never break a rule`() {
        let seed = UInt64.random(in: 0 ... .max)
        print("DeployStateMachine model test, seed \(seed)")
        var random = Random(state: seed)
        var events = 0
        var finished = 0
        while events < (getenv("PASSENGER_LONG_TESTS") != nil ? 20 : 1) * 120_000 {
            let plan = DeployStateMachineModelTests.plans.randomElement(using: &random)!  // the list is not empty
            finished += run(plan, &random, &events, seed) ? 1 : 0
        }
        #expect(finished > 1000, "seed \(seed): only \(finished) operations came to their end")
    }

    /// One operation; whether it came to its end.
    private func run(_ plan: OperationPlan, _ random: inout Random, _ events: inout Int, _ seed: UInt64) -> Bool {
        let old: GenerationNumber? = plan.warm != nil || Bool.random(using: &random) ? GenerationNumber(1) : nil
        var model = Model(old: old, steps: plan.steps, live: old, whole: Set([old, plan.warm].compactMap { $0 }))
        model.healthy = model.whole
        var machine = DeployStateMachine(plan: plan)
        var now = Instant(nanoseconds: 1)
        for _ in 0..<60 where !machine.isFinished {
            events += 1
            now = now + .milliseconds(Int64.random(in: 0...2000, using: &random))
            let event = nextEvent(machine, model, &random)
            prepare(event, machine, &model)
            let actions = machine.handle(event, now: now)
            for action in actions { model.apply(action) }
            model.checkInvariants()
            if !model.broken.isEmpty {
                Issue.record("seed \(seed), \(plan.steps), \(event) -> \(actions): \(model.broken)")
                return true
            }
        }
        if machine.isFinished {
            // Nothing comes out of an operation that is over.
            for _ in 0..<5 {
                events += 1
                let late = nextEvent(machine, model, &random)
                if !machine.handle(late, now: now).isEmpty { Issue.record("seed \(seed): \(late) after the end") }
            }
            #expect(model.endings == 1, "seed \(seed)")
        }
        return machine.isFinished
    }

    /// The world's part of an event: a boot makes a generation, the pool switches.
    private func prepare(_ event: DeployStateMachine.Event, _ machine: DeployStateMachine, _ model: inout Model) {
        let running: DeployStep? =
            if case .running(let index) = machine.state { machine.plan.steps[index] } else { nil }
        switch event {
        case .stepDone(let step) where step == running && step != .boot: model.done.append(step)
        case .stepFailed(let step, _) where step == running: model.stoppedBeforeSwitch = true
        case .booted(let generation):
            model.whole.insert(generation)
            model.healthy.insert(generation)
            if running == .boot { model.done.append(.boot) }
        case .switched: model.live = machine.fresh
        case .switchedBack: model.live = machine.previous
        case .stop where running != nil, .interrupt where running != nil: model.stoppedBeforeSwitch = true
        default: break
        }
    }

    private func nextEvent(
        _ machine: DeployStateMachine, _ model: Model, _ random: inout Random
    ) -> DeployStateMachine.Event {
        let failure = DeployFailure(.internalError, "random")
        let noise: [DeployStateMachine.Event] = [
            .stop(by: "random"), .interrupt, .stepDone(DeployStep.allCases.randomElement(using: &random)!),
            .stepFailed(.fetch, failure), .bakeSampled(.good), .begin,
        ]
        if Int.random(in: 0..<12, using: &random) == 0 { return noise.randomElement(using: &random)! }
        switch machine.state {
        case .idle: return .begin
        case .running(let index), .stopping(let index, _):
            let step = machine.plan.steps[index]
            if Int.random(in: 0..<15, using: &random) == 0 { return .stepFailed(step, failure) }
            return step == .boot ? .booted(GenerationNumber(2)) : .stepDone(step)
        case .switching:
            if Int.random(in: 0..<10, using: &random) == 0 { return .stepFailed(.switchTraffic, failure) }
            return .switched(previous: model.old)
        case .baking:
            let verdicts: [BakeVerdict] = [
                .good, .good, .good, .rollBack("errors"), .hold("both"), .deserted("all died"),
            ]
            return .bakeSampled(verdicts.randomElement(using: &random)!)
        case .returning:
            return Int.random(in: 0..<10, using: &random) == 0 ? .stepFailed(.bake, failure) : .switchedBack
        case .finished: return noise.randomElement(using: &random)!
        }
    }
}
