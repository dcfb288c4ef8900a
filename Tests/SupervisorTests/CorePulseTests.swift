import Model
import Testing

@testable import Supervisor

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

@Suite("Core pulse")
struct CorePulseTests {
    private func serving(ready: Bool = true) -> SupervisorStateMachine {
        var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        _ = machine.start()
        _ = machine.coreStarted(pid: 100, now: at(0))
        if ready { _ = machine.received(.ready(summary: "up"), now: at(1)) }
        return machine
    }

    private func kills(_ actions: [SupervisorStateMachine.Action]) -> Bool {
        actions.contains(.signalGroup(pid: 100, signal: Signal.kill))
    }

    @Test(
        "a core is asked six times within the limit, killed when nothing comes back, and said so; the next one is asked too"
    )
    func silence() {
        var machine = serving()
        for number in 1...6 {
            #expect(machine.nextDeadline == at(Double(number) * 5))
            #expect(machine.timePassed(now: at(Double(number) * 5)) == [.send(.ping)])
        }
        let actions = machine.timePassed(now: at(35))
        #expect(
            actions == [
                .log("core 1 (pid 100) is killed: it hangs, there was no answer for 30 s"),
                .signalGroup(pid: 100, signal: Signal.kill),
            ])
        #expect(machine.nextDeadline == nil, "once is enough")
        let next = machine.ended(
            pid: 100, reason: .signalled(9, dumpedCore: false), launchFailure: nil, now: at(36))
        #expect(next.last == .startCore(number: 2))
        _ = machine.coreStarted(pid: 101, now: at(36))
        #expect(machine.timePassed(now: at(41)) == [.send(.ping)])
    }

    @Test("one that answers lives, also when it is never ready: apps may take long to boot")
    func answers() {
        var machine = serving(ready: false)
        for number in 1...1000 {
            #expect(machine.timePassed(now: at(Double(number) * 5)) == [.send(.ping)])
            if number % 6 == 0 { _ = machine.received(.pong, now: at(Double(number) * 5 + 1)) }
        }
        for number in 1001...1002 { _ = machine.timePassed(now: at(Double(number) * 5)) }
        let last = machine.timePassed(now: at(1003 * 5))
        #expect(kills(last))
        #expect(
            last.first
                == .log("core 1 (pid 100) is killed: it hangs in its start, there was no answer for 30 s"))
    }

    @Test("time that passed for everybody is nobody's silence")
    func frozen() {
        var machine = serving()
        for number in 1...5 { _ = machine.timePassed(now: at(Double(number) * 5)) }
        // A suspended machine, a frozen control group.
        #expect(machine.timePassed(now: at(10_000)) == [.send(.ping)])
        #expect(machine.timePassed(now: at(10_001)).isEmpty)
        _ = machine.received(.pong, now: at(10_002))
        #expect(machine.timePassed(now: at(10_005)) == [.send(.ping)])
    }

    @Test("a core that drains is not asked: it has its own deadline")
    func stopping() {
        var machine = serving()
        for number in 1...6 { _ = machine.timePassed(now: at(Double(number) * 5)) }
        _ = machine.requested(.terminate, now: at(31))
        #expect(machine.timePassed(now: at(36)).isEmpty)
        #expect(machine.nextDeadline == at(61))
    }
}
