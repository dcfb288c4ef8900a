import Model
import Testing

@testable import Supervisor

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

private func entry(_ tag: UInt64, pid: Int32, role: ChildRole = .worker) -> ChildEntry {
    ChildEntry(tag: ChildTag(tag), role: role, pid: pid, startTime: 1, title: "w\(tag)")
}

@Suite("Supervisor state machine")
struct SupervisorStateMachineTests {
    private func serving(
        children: [(UInt64, Int32)] = [], role: ChildRole = .worker
    ) -> SupervisorStateMachine {
        var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        #expect(machine.start() == [.startCore(number: 1)])
        _ = machine.coreStarted(pid: 100, now: at(0))
        _ = machine.received(.ready(summary: "up"), now: at(1))
        for (tag, pid) in children { _ = machine.childStarted(entry(tag, pid: pid, role: role)) }
        return machine
    }

    private func end(_ machine: inout SupervisorStateMachine, _ pid: Int32, _ seconds: Double)
        -> [SupervisorStateMachine.Action]
    {
        machine.ended(pid: pid, reason: .exited(1), launchFailure: nil, now: at(seconds))
    }

    @Test("ready is reported once, however many cores say it")
    func reportsReadyOnce() {
        var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        _ = machine.start()
        _ = machine.coreStarted(pid: 100, now: at(0))
        #expect(machine.received(.ready(summary: "a"), now: at(1)).contains(.report(.ready(summary: "a"))))
        _ = end(&machine, 100, 2)
        _ = machine.coreStarted(pid: 101, now: at(2))
        let again = machine.received(.ready(summary: "b"), now: at(3))
        #expect(!again.contains(.report(.ready(summary: "b"))))
    }

    @Test("a core that dies is replaced at once, then after 100 ms, doubling to 10 s; a long life clears that")
    func backOff() {
        var machine = serving()
        #expect(end(&machine, 100, 1).last == .startCore(number: 2))
        var now = at(1)
        var pid: Int32 = 101
        for milliseconds in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            let delay = Duration.milliseconds(milliseconds)
            _ = machine.coreStarted(pid: pid, now: now)
            _ = machine.ended(pid: pid, reason: .exited(1), launchFailure: nil, now: now)
            #expect(machine.nextDeadline == now + delay)
            #expect(machine.timePassed(now: now + delay / 2).isEmpty)
            now = now + delay
            guard case .startCore = machine.timePassed(now: now).last else {
                Issue.record("no core after \(delay)")
                return
            }
            pid += 1
        }
        _ = machine.coreStarted(pid: pid, now: now)
        let afterLongLife = machine.ended(
            pid: pid, reason: .exited(1), launchFailure: nil, now: now + .seconds(31))
        guard case .startCore = afterLongLife.last else {
            Issue.record("a core that lived for 31 s is not replaced at once")
            return
        }
    }

    @Test("each 5 s that a core has lived make up for one that died: cores that work for a while are replaced at once")
    func lifeMakesUp() {
        var restarts = CoreRestarts()
        restarts.coreIsReady()
        for _ in 1...20 { #expect(restarts.coreEnded(after: .seconds(5)) == .restart(after: .zero)) }
        for milliseconds in [100, 200, 400, 800] {
            #expect(restarts.coreEnded(after: .zero) == .restart(after: .milliseconds(milliseconds)))
        }
        #expect(restarts.coreEnded(after: .seconds(14)) == .restart(after: .milliseconds(400)))
        #expect(restarts.coreEnded(after: .milliseconds(4999)) == .restart(after: .milliseconds(800)))
        #expect(restarts.coreEnded(after: .seconds(30)) == .restart(after: .zero))
    }

    @Test(
        "what a dead core did through others is told to end, and killed 5 s later; the new core hears nothing of it",
        arguments: [ChildRole.builder, .watcher, .tool, .companion])
    func orphans(role: ChildRole) {
        var machine = serving(children: [(1, 200), (2, 201)], role: role)
        let actions = end(&machine, 100, 10)
        #expect(actions.contains(.signalGroup(pid: 200, signal: Signal.terminate)))
        #expect(actions.contains(.drainOutput(pid: 201)))
        _ = machine.coreStarted(pid: 101, now: at(10))
        #expect(machine.handedOver.isEmpty)
        #expect(machine.refusal(of: ChildTag(1), as: .worker) == nil, "the new core may use the tag")
        #expect(end(&machine, 200, 11).isEmpty)
        #expect(machine.timePassed(now: at(14)).isEmpty)
        #expect(machine.timePassed(now: at(15)).first == .signalGroup(pid: 201, signal: Signal.kill))
        #expect(machine.received(.signal(tag: ChildTag(2), signal: 9, scope: .group), now: at(15)).isEmpty)
    }

    @Test(
        "what serves, or runs a command, is the next core's, under its tag: it signals it, and hears of its end",
        arguments: [ChildRole.worker, .preloader, .runner])
    func handOver(role: ChildRole) {
        var machine = serving(children: [(1, 200), (2, 201)], role: role)
        let actions = end(&machine, 100, 10)
        #expect(actions.last == .startCore(number: 2))
        #expect(
            !actions.contains {
                if case .signalGroup = $0 { true } else if case .drainOutput = $0 { true } else { false }
            })
        #expect(end(&machine, 201, 10).isEmpty, "there is no core to tell it to")
        #expect(machine.handedOver.isEmpty, "nobody has got it yet")
        _ = machine.coreStarted(pid: 101, now: at(10))
        #expect(machine.handedOver == [entry(1, pid: 200, role: role)])
        #expect(machine.refusal(of: ChildTag(1), as: .worker) != nil, "the tag is taken")
        #expect(machine.refusal(of: ChildTag(2), as: .worker) == nil)
        #expect(
            machine.received(.signal(tag: ChildTag(1), signal: 15, scope: .group), now: at(11))
                == [.signalGroup(pid: 200, signal: 15)])
        // And so on, from core to core.
        _ = end(&machine, 101, 50)
        _ = machine.coreStarted(pid: 102, now: at(50))
        #expect(machine.handedOver == [entry(1, pid: 200, role: role)])
        #expect(
            end(&machine, 200, 51)
                == [.send(.exited(tag: ChildTag(1), pid: 200, reason: .exited(1), launchFailure: nil))])
    }

    @Test("output of what is kept waits 2 s for the next core, and is drained then until there is one")
    func unreadOutput() {
        var machine = serving(children: [(1, 200)])
        _ = end(&machine, 100, 1)
        #expect(machine.nextDeadline == at(3))
        _ = machine.coreStarted(pid: 101, now: at(1))
        #expect(machine.table[200]?.drainAt == nil, "it is read")
        // The second one in a row is replaced after 100 ms; let that one not start either, and so on.
        _ = end(&machine, 101, 2)
        var now = at(2)
        var drained: [SupervisorStateMachine.Action] = []
        while now < at(5), let deadline = machine.nextDeadline {
            now = deadline
            let actions = machine.timePassed(now: now)
            drained += actions.filter { $0 == .drainOutput(pid: 200) }
            #expect(drained.isEmpty || now >= at(4))
            if case .startCore = actions.last { _ = machine.coreDidNotStart(reason: "x", now: now) }
        }
        #expect(drained == [.drainOutput(pid: 200)])
        while case .waiting(let until) = machine.core { _ = machine.timePassed(now: until) }
        #expect(machine.coreStarted(pid: 103, now: at(20)).contains(.stopDraining(pid: 200)))
        #expect(machine.handedOver.map(\.pid) == [200])
    }

    @Test("a server that ends while no core runs ends what was kept")
    func endsKept() {
        var machine = serving(children: [(1, 200)])
        _ = end(&machine, 100, 1)
        _ = machine.coreStarted(pid: 101, now: at(1))
        _ = end(&machine, 101, 1)
        let actions = machine.requested(.terminate, now: at(1))
        #expect(actions.contains(.signalGroup(pid: 200, signal: Signal.terminate)))
        #expect(actions.contains(.drainOutput(pid: 200)))
    }

    @Test("no companion is started while one of an earlier core has not ended")
    func orphanedCompanions() {
        var machine = serving(children: [])
        let entry = ChildEntry(tag: ChildTag(1), role: .companion, pid: 200, startTime: 0, title: "blog clock.1")
        _ = machine.childStarted(entry)
        #expect(machine.refusal(of: ChildTag(2), as: .companion) == nil, "its own core may have several")
        _ = end(&machine, 100, 10)
        _ = machine.coreStarted(pid: 101, now: at(10))
        #expect(machine.refusal(of: ChildTag(1), as: .companion) != nil)
        #expect(machine.refusal(of: ChildTag(1), as: .worker) == nil)
        _ = end(&machine, 200, 11)
        #expect(machine.refusal(of: ChildTag(1), as: .companion) == nil)
    }

    @Test("an exit is told with what the launcher reported, and the tag is free again")
    func exits() {
        var machine = serving(children: [(1, 200)])
        #expect(machine.refusal(of: ChildTag(1), as: .worker) != nil)
        let failure = LaunchFailure(step: "chdir", errno: 2, subject: "/x")
        #expect(
            machine.ended(pid: 200, reason: .exited(127), launchFailure: failure, now: at(2))
                == [.send(.exited(tag: ChildTag(1), pid: 200, reason: .exited(127), launchFailure: failure))])
        #expect(machine.refusal(of: ChildTag(1), as: .worker) == nil)
        #expect(end(&machine, 4711, 3).isEmpty, "a stray is nobody's business")
    }

    @Test("TERM drains, a second one hurries, a third one ends everything")
    func shutdown() {
        var machine = serving(children: [(1, 200)])
        #expect(machine.requested(.terminate, now: at(10)).contains(.send(.shutdown(hurry: false))))
        #expect(machine.nextDeadline == at(40))
        #expect(machine.requested(.terminate, now: at(11)).contains(.send(.shutdown(hurry: true))))
        #expect(machine.nextDeadline == at(13))
        let ending = machine.requested(.terminate, now: at(12))
        #expect(ending.contains(.signalGroup(pid: 200, signal: Signal.terminate)))
        #expect(ending.contains(.signalGroup(pid: 100, signal: Signal.terminate)))
        #expect(ending.contains(.signalStrays(signal: Signal.terminate)))
        #expect(machine.timePassed(now: at(14)).contains(.signalGroup(pid: 200, signal: Signal.kill)))
        _ = end(&machine, 100, 14)
        _ = end(&machine, 200, 14)
        #expect(machine.noChildrenLeft() == [.finish(exitCode: 0)])
        #expect(machine.noChildrenLeft().isEmpty)
    }

    @Test("done ends what is left, and so does a core that is not done in time")
    func done() {
        var finished = serving(children: [(1, 200)])
        let ending = finished.received(.done, now: at(5))
        #expect(ending.contains(.signalGroup(pid: 200, signal: Signal.terminate)))
        // It ends by itself, unless it does not.
        #expect(!ending.contains(.signalGroup(pid: 100, signal: Signal.terminate)))
        #expect(finished.timePassed(now: at(7)).contains(.signalGroup(pid: 100, signal: Signal.kill)))
        var stuck = serving(children: [(1, 200)])
        _ = stuck.requested(.terminate, now: at(10))
        #expect(stuck.timePassed(now: at(39)).isEmpty)
        #expect(stuck.timePassed(now: at(40)).contains(.signalGroup(pid: 100, signal: Signal.terminate)))
    }

    @Test("no core is started any more once the shutdown has begun")
    func noRestartWhileStopping() {
        var machine = serving()
        _ = machine.requested(.terminate, now: at(10))
        let actions = end(&machine, 100, 11)
        #expect(!actions.contains(.startCore(number: 2)))
        #expect(machine.noChildrenLeft() == [.finish(exitCode: 0)])
    }

    @Test("a first core that fails is reported with its exit code, and ends the server")
    func failedStart() {
        var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        _ = machine.start()
        _ = machine.coreStarted(pid: 100, now: at(0))
        let actions = machine.received(.failed(reason: "no app", exitCode: 2), now: at(1))
        #expect(actions.contains(.report(.failed(reason: "no app", exitCode: 2))))
        _ = end(&machine, 100, 1)
        #expect(machine.noChildrenLeft() == [.finish(exitCode: 2)])
    }

    @Test("a core that was never ready is given up after its third life")
    func neverReady() {
        var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        _ = machine.start()
        _ = machine.coreStarted(pid: 100, now: at(0))
        #expect(end(&machine, 100, 0).last == .startCore(number: 2))
        _ = machine.coreStarted(pid: 101, now: at(0))
        _ = end(&machine, 101, 0)
        #expect(machine.timePassed(now: at(1)) == [.startCore(number: 3)])
        let last = machine.coreDidNotStart(reason: "no program", now: at(1))
        #expect(
            last.contains { if case .report(.failed(_, exitCode: 1)) = $0 { true } else { false } }, "\(last)")
        #expect(machine.noChildrenLeft() == [.finish(exitCode: 1)])
    }

    @Test("a core that closed its control socket but stays is killed a second later")
    func disconnected() {
        var machine = serving()
        machine.coreDisconnected(now: at(5))
        #expect(machine.nextDeadline == at(6))
        #expect(machine.timePassed(now: at(6)).contains(.signalGroup(pid: 100, signal: Signal.kill)))
        #expect(machine.nextDeadline == nil)
    }

    @Test("a process that cannot be killed does not keep the supervisor for ever")
    func unkillable() {
        var machine = serving(children: [(1, 200)])
        _ = machine.received(.done, now: at(0))
        var now = 0.0
        var last: SupervisorStateMachine.Action?
        while let deadline = machine.nextDeadline, now < 60 {
            now = Double(deadline.nanoseconds) / 1e9
            last = machine.timePassed(now: deadline).last ?? last
        }
        #expect(last == .finish(exitCode: 0))
        #expect(now < 10)
    }
}
