import Deploys
import Model
import Testing

@Suite struct DeployStateMachineTests {
    private let now = Instant(nanoseconds: 1)
    private let old = GenerationNumber(1)
    private let new = GenerationNumber(2)
    private let broken = DeployFailure(.bootFailed, "it broke")

    /// A deploy that has come to the start of `step`.
    private func machine(at step: DeployStep, plan: OperationPlan = .deploy(bake: .seconds(10))) -> DeployStateMachine {
        var machine = DeployStateMachine(plan: plan)
        var actions = machine.handle(.begin, now: now)
        while case .run(let running)? = actions.first, running != step {
            actions = machine.handle(running == .boot ? .booted(new) : .stepDone(running), now: now)
        }
        return machine
    }

    private func baking() -> DeployStateMachine {
        var machine = machine(at: .switchTraffic)
        _ = machine.handle(.switched(previous: old), now: now)
        return machine
    }

    @Test func `a deploy takes its steps in order, switches, bakes and keeps the old generation as standby`() {
        var machine = DeployStateMachine(plan: .deploy(bake: .seconds(10)))
        var seen: [DeployStep] = []
        var actions = machine.handle(.begin, now: now)
        while case .run(let step)? = actions.first {
            seen.append(step)
            actions = machine.handle(step == .boot ? .booted(new) : .stepDone(step), now: now)
        }
        #expect(
            seen == [
                .fetch, .resolve, .checkout, .link, .build, .seal, .prove, .beforeBoot, .boot, .health,
                .beforeSwitch,
            ])
        #expect(actions == [.switchTraffic(to: new)])
        let until = now + .seconds(10)
        #expect(machine.handle(.switched(previous: old), now: now) == [.moveCurrent, .startWatch(.bake, until: until)])
        #expect(machine.handle(.sampled(.good), now: now) == [])
        #expect(machine.handle(.sampled(.good), now: until) == [.keepStandby(old), .finish(.done)])
        #expect(machine.isFinished)
    }

    @Test func `without a server it ends sealed and pending`() {
        var machine = machine(at: .seal, plan: .preparationOnly)
        #expect(machine.handle(.stepDone(.seal), now: now) == [.finish(.pending)])
    }

    @Test(arguments: [
        DeployStep.fetch, .resolve, .checkout, .link, .build, .seal, .prove, .beforeBoot, .boot,
    ])
    func `a step that fails before the new generation exists touches nothing`(step: DeployStep) {
        var machine = machine(at: step)
        #expect(machine.handle(.stepFailed(step, broken), now: now) == [.finish(.failed(step, broken))])
    }

    @Test func `workers that die after their proof cost the new generation and nothing else`() {
        var machine = machine(at: .health)
        #expect(
            machine.handle(.stepFailed(.health, broken), now: now)
                == [.discard(new), .finish(.failed(.health, broken))])
    }

    @Test(arguments: OperationPlan.deploy(bake: .seconds(1)).steps.filter { $0 != .switchTraffic })
    func `an abort at every step before the switch cancels it and leaves the old version alone`(step: DeployStep) {
        var machine = machine(at: step)
        #expect(machine.handle(.stop(by: "ann"), now: now) == [.cancel(step)])
        let rest = machine.handle(.stepFailed(step, .cancelled), now: now)
        #expect(
            rest == ([.health, .beforeSwitch].contains(step) ? [.discard(new)] : []) + [.finish(.aborted(by: "ann"))])
    }

    @Test func `a boot that succeeds after its abort is thrown away`() {
        var machine = machine(at: .boot)
        _ = machine.handle(.stop(by: "ann"), now: now)
        #expect(machine.handle(.booted(new), now: now) == [.discard(new), .finish(.aborted(by: "ann"))])
    }

    @Test func `a stop that comes during the switch switches back at once`() {
        var machine = machine(at: .switchTraffic)
        #expect(machine.handle(.stop(by: "ann"), now: now) == [])
        #expect(machine.handle(.switched(previous: old), now: now) == [.switchBack(to: old)])
    }

    @Test func `a switch that the pool refused leaves the old version live`() {
        var machine = machine(at: .switchTraffic)
        #expect(
            machine.handle(.stepFailed(.switchTraffic, broken), now: now)
                == [.discard(new), .finish(.failed(.switchTraffic, broken))])
    }

    @Test func `a bad bake switches back, and only then drains the new generation`() {
        var machine = baking()
        #expect(machine.handle(.sampled(.rollBack("errors")), now: now) == [.switchBack(to: old)])
        let ending = DeployStateMachine.Ending.rolledBack(DeployFailure(.badBake, "errors"), byHand: false)
        #expect(machine.handle(.switchedBack, now: now) == [.moveCurrentBack, .drain(new), .finish(ending)])
    }

    @Test func `a rollback in the bake is by hand, so the release is withdrawn`() {
        var machine = baking()
        #expect(machine.handle(.stop(by: "ann"), now: now) == [.switchBack(to: old)])
        guard case .finish(.rolledBack(_, byHand: true))? = machine.handle(.switchedBack, now: now).last else {
            Issue.record("not rolled back by hand")
            return
        }
    }

    @Test func `when both versions worsen it holds, alarms once, and ends with the bake`() {
        var machine = baking()
        #expect(machine.handle(.sampled(.hold("database")), now: now) == [.alarm("database")])
        #expect(machine.handle(.sampled(.hold("database")), now: now) == [])
        #expect(
            machine.handle(.sampled(.hold("database")), now: now + .seconds(10))
                == [.keepStandby(old), .finish(.done)])
    }

    @Test func `workers may die and come up again in the bake, but not be gone at its end`() {
        var machine = baking()
        #expect(machine.handle(.sampled(.deserted("all died")), now: now) == [])
        #expect(machine.handle(.sampled(.good), now: now) == [])
        #expect(machine.handle(.sampled(.deserted("all died")), now: now + .seconds(10)) == [.switchBack(to: old)])
    }

    @Test func `a first deploy is stable with its switch: there is nothing to compare it with or to go back to`() {
        var machine = machine(at: .switchTraffic)
        #expect(machine.handle(.switched(previous: nil), now: now) == [.moveCurrent, .finish(.done)])
    }

    @Test func `a stop during the switch of a first deploy keeps it, with an alarm`() {
        var machine = machine(at: .switchTraffic)
        #expect(machine.handle(.stop(by: "ann"), now: now) == [])
        #expect(
            machine.handle(.switched(previous: nil), now: now)
                == [.alarm("there is no earlier version to switch back to"), .finish(.done)])
    }

    @Test func `a server that stops in the bake leaves the new version live and both whole`() {
        var machine = baking()
        #expect(machine.handle(.interrupt, now: now) == [.finish(.interrupted(.bake))])
    }

    @Test func `a restart drains the old generation as soon as it switched`() {
        var machine = machine(at: .switchTraffic, plan: .restart)
        #expect(machine.handle(.switched(previous: old), now: now) == [.drain(old), .finish(.done)])
    }

    @Test func `a warm rollback grows the standby first, unless it has to be now`() {
        var slow = DeployStateMachine(plan: .warmRollback(old, now: false))
        #expect(slow.handle(.begin, now: now) == [.run(.grow)])
        #expect(slow.handle(.stepDone(.grow), now: now) == [.switchTraffic(to: old)])
        var fast = DeployStateMachine(plan: .warmRollback(old, now: true))
        #expect(fast.handle(.begin, now: now) == [.switchTraffic(to: old)])
        #expect(
            fast.handle(.switched(previous: new), now: now) == [.moveCurrent, .drain(new), .finish(.done)])
    }

    @Test func `a rollback that is stopped while it grows parks the standby again`() {
        var machine = DeployStateMachine(plan: .warmRollback(old, now: false))
        _ = machine.handle(.begin, now: now)
        #expect(machine.handle(.stop(by: "ann"), now: now) == [.cancel(.grow)])
        #expect(
            machine.handle(.stepDone(.grow), now: now) == [.parkAgain(old), .finish(.aborted(by: "ann"))])
    }
}
