import Deploys
import Dispatch
import Model
import Testing

/// Every interleaving of what can happen to an operation: all reachable states of all plans, each left by every event. Time is
/// either before or after what is waited for, so there is an end to them, and no bound of depth.
@Suite struct DeployStateMachineModelTests {
    private struct Node {
        var machine: DeployStateMachine
        var world: DeployWorld
        var path: [DeployStateMachine.Event]
    }

    private static let early = Instant(nanoseconds: 1)
    private static let late = early + .seconds(1_000_000)

    /// On a thread of its own: it computes for seconds, and there are few threads that all tests share.
    @Test func `no interleaving of events breaks a rule`() async {
        await withCheckedContinuation { done in
            DispatchQueue.global().async {
                exploreAll()
                done.resume()
            }
        }
    }

    private func exploreAll() {
        var states = 0
        var transitions = 0
        for plan in DeployWorld.plans {
            for old in plan.warm != nil ? [GenerationNumber(1)] : [GenerationNumber(1), nil] {
                explore(plan, old: old, &states, &transitions)
            }
        }
        print("DeployStateMachine: \(states) states, \(transitions) transitions")
        #expect(states > 40_000)
    }

    private func explore(_ plan: OperationPlan, old: GenerationNumber?, _ states: inout Int, _ transitions: inout Int) {
        var seen: Set<String> = []
        var open = [Node(machine: DeployStateMachine(plan: plan), world: DeployWorld(old: old, plan: plan), path: [])]
        var ends = 0
        while let node = open.popLast() {
            for (event, now) in events(node) {
                transitions += 1
                var next = node
                next.path.append(event)
                next.world.happen(event, next.machine)
                let actions = next.machine.handle(event, now: now)
                for action in actions { next.world.apply(action, next.machine.plan) }
                next.world.checkInvariants()
                guard next.world.broken.isEmpty else {
                    Issue.record("\(plan.steps), \(next.path) -> \(actions): \(next.world.broken)")
                    return
                }
                if node.machine.isFinished, !actions.isEmpty {
                    Issue.record("\(next.path) did something after the end")
                }
                // How often a person approved, and in what order the world took note of things, changes nothing.
                guard seen.insert(key(next)).inserted else { continue }
                states += 1
                ends += next.machine.isFinished ? 1 : 0
                open.append(next)
            }
        }
        #expect(ends > 0, "\(plan.steps) never came to an end")
    }

    /// Everything that decides what comes next.
    private func key(_ node: Node) -> String {
        let (machine, world) = (node.machine, node.world)
        let flags = [
            machine.isSharing, machine.isOldSmaller, machine.isApproved, machine.alarmed, machine.fresh != nil,
            machine.previous != nil, world.isOldSmaller, world.isApproved, world.isStopped, world.isRestoring,
            world.isInterrupted,
            world.sharing != nil, world.watched.contains(.canary), world.watched.contains(.approve),
        ]
        let bits = flags.reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
        return "\(machine.state) \(bits) \(world.done.count) \(world.live?.rawValue ?? 0) \(world.whole.count)"
    }

    /// Whatever can come in this state, and some that comes late.
    private func events(_ node: Node) -> [(DeployStateMachine.Event, Instant)] {
        let failure = DeployFailure(.internalError, "it broke")
        var events: [DeployStateMachine.Event] = [
            .stop(by: "ann"), .interrupt, .approve, .begin, .oldFails(failure), .restored, .switchedBack,
            .stepFailed(.fetch, failure), .stepDone(.health), .stepFailed(.bake, failure),
        ]
        switch node.machine.state {
        case .running(let index), .stopping(let index, _):
            let step = node.machine.plan.steps[index]
            events += [.stepFailed(step, failure), step == .boot ? .booted(GenerationNumber(2)) : .stepDone(step)]
        case .switching:
            events = [.stop(by: "ann"), .switched(previous: node.world.old), .stepFailed(.switchTraffic, failure)]
        case .returning: events = [.switchedBack, .stepFailed(.bake, failure), .stop(by: "ann")]
        // What is not there cannot come back.
        case .restoring, .idle, .watching, .baking, .finished: break
        }
        let verdicts: [BakeVerdict] = [.good, .rollBack("errors"), .hold("both"), .deserted("all died")]
        let early = events + verdicts.map { .sampled($0) }
        return early.map { ($0, Self.early) } + verdicts.map { (.sampled($0), Self.late) }
    }
}
