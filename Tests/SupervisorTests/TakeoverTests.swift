import Model
import Testing

@testable import Supervisor

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

private func entry(_ tag: UInt64, pid: Int32, role: ChildRole = .worker) -> ChildEntry {
    ChildEntry(tag: ChildTag(tag), role: role, pid: pid, startTime: 1, title: "w\(tag)")
}

@Suite("One core takes the place of another")
struct TakeoverTests {
    /// Core 1 (pid 100) serves with workers 200 and 201 and a watcher 202; core 2 (pid 110) is prepared.
    private func prepared() -> SupervisorStateMachine {
        var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        _ = machine.start()
        _ = machine.coreStarted(pid: 100, now: at(0))
        _ = machine.received(.ready(summary: "up"), now: at(1))
        _ = machine.childStarted(entry(1, pid: 200))
        _ = machine.childStarted(entry(2, pid: 201))
        _ = machine.childStarted(entry(3, pid: 202, role: .watcher))
        let number = machine.nextCoreNumber()
        _ = machine.successorStarted(number: number, pid: 110, now: at(2))
        return machine
    }

    private func promoted() -> SupervisorStateMachine {
        var machine = prepared()
        _ = machine.promote([ChildTag(1)], now: at(3))
        _ = machine.received(.ready(summary: "up"), from: 2, now: at(4))
        return machine
    }

    private func end(_ machine: inout SupervisorStateMachine, _ pid: Int32, _ seconds: Double = 5)
        -> [SupervisorStateMachine.Action]
    {
        machine.ended(pid: pid, reason: .exited(0), launchFailure: nil, now: at(seconds))
    }

    private func exited(_ tag: UInt64, _ pid: Int32) -> SupervisorMessage {
        .exited(tag: ChildTag(tag), pid: pid, reason: .exited(0), launchFailure: nil)
    }

    @Test func `a core beside the one that serves has no say, and its end changes nothing`() {
        var machine = prepared()
        #expect(machine.role(of: 1) == .owner && machine.role(of: 2) == .successor)
        #expect(machine.isGroupLeader(110))
        #expect(machine.received(.signal(tag: ChildTag(1), signal: 9, scope: .group), from: 2, now: at(3)).isEmpty)
        #expect(machine.received(.done, from: 2, now: at(3)).isEmpty)
        #expect(end(&machine, 110).count == 1, "a line in the log")
        #expect(machine.role(of: 2) == nil && machine.role(of: 1) == .owner)
    }

    @Test func `what was handed over is the new owner's, everything else stays where it was`() {
        var machine = promoted()
        #expect(machine.role(of: 2) == .owner && machine.role(of: 1) == .retiring)
        #expect(machine.handedOver.map(\.pid) == [200])
        let kill = CoreMessage.signal(tag: ChildTag(1), signal: 15, scope: .group)
        #expect(machine.received(kill, from: 1, now: at(5)).isEmpty, "it is not its own any more")
        #expect(machine.received(kill, from: 2, now: at(5)) == [.signalGroup(pid: 200, signal: 15)])
        let own = CoreMessage.signal(tag: ChildTag(2), signal: 15, scope: .leader)
        #expect(machine.received(own, from: 1, now: at(5)) == [.signalLeader(pid: 201, signal: 15)])
        #expect(machine.received(.done, from: 1, now: at(5)).isEmpty, "it does not end the server")
        // Both have to know of the end of a worker that one of them has and the other asks.
        #expect(end(&machine, 200) == [.sendToRetiring(exited(1, 200)), .send(exited(1, 200))])
        #expect(end(&machine, 201) == [.sendToRetiring(exited(2, 201))])
    }

    @Test func `loads of the core before go to the owner`() {
        var machine = promoted()
        let loads = [WorkerLoad(tag: ChildTag(1), requests: 1, streams: 0)]
        #expect(machine.received(.loads(loads), from: 1, now: at(5)) == [.send(.loads(loads))])
        #expect(machine.received(.loads(loads), from: 2, now: at(5)).isEmpty)
    }

    @Test func `with the retiring core its own children end, and no load is left`() {
        var machine = promoted()
        let actions = end(&machine, 100)
        #expect(actions.contains(.signalGroup(pid: 201, signal: Signal.terminate)))
        #expect(actions.contains(.signalGroup(pid: 202, signal: Signal.terminate)))
        #expect(!actions.contains(.signalGroup(pid: 200, signal: Signal.terminate)))
        #expect(actions.last == .send(.loads([])))
        #expect(machine.retiring == nil)
    }

    @Test func `an owner that dies beside a retiring core leaves its workers to the next, and nothing of the other's`()
    {
        var machine = promoted()
        #expect(end(&machine, 110).last == .startCore(number: 3))
        _ = machine.coreStarted(pid: 120, now: at(6))
        #expect(machine.handedOver.map(\.pid) == [200])
        #expect(machine.table[201]?.coreNumber == 1 && machine.table[202]?.isOrphan == false)
        #expect(end(&machine, 200).contains(.sendToRetiring(exited(1, 200))))
    }

    @Test func `an owner that has handed over to nobody is followed by the next core, which gets its workers`() {
        var machine = prepared()
        _ = end(&machine, 110, 3)
        #expect(machine.replaceCore([ChildTag(1)], now: at(4)).last == .startCore(number: 3))
        #expect(machine.role(of: 1) == .retiring)
        _ = machine.coreStarted(pid: 120, now: at(4))
        #expect(machine.handedOver.map(\.pid) == [200])
        #expect(end(&machine, 201) == [.sendToRetiring(exited(2, 201))])
        _ = end(&machine, 100)
        #expect(machine.retiring == nil && machine.role(of: 3) == .owner)
    }

    @Test func `an owner that hands over while the server stops is not followed, and waited for`() {
        var machine = prepared()
        _ = machine.requested(.terminate, now: at(3))
        #expect(machine.replaceCore([ChildTag(1)], now: at(4)).isEmpty)
        #expect(!machine.isEnding)
        _ = end(&machine, 100)
        #expect(machine.isEnding)
    }

    @Test func `no companion runs while the one of the core before has not ended`() {
        var machine = prepared()
        _ = machine.childStarted(entry(4, pid: 203, role: .companion))
        _ = machine.promote([ChildTag(1)], now: at(3))
        #expect(machine.refusal(of: ChildTag(9), as: .companion) != nil)
        #expect(machine.refusal(of: ChildTag(9), as: .worker) == nil)
        _ = end(&machine, 203)
        #expect(machine.refusal(of: ChildTag(9), as: .companion) == nil)
    }

    @Test func `a retiring core that hangs is ended, one that answers may take its time`() {
        var machine = promoted()
        var asked = 0
        var now = at(4)
        while now < at(600), let deadline = machine.nextDeadline {
            now = deadline
            let actions = machine.timePassed(now: now)
            if actions.contains(.sendToRetiring(.ping)) { asked += 1 }
            #expect(!actions.contains { if case .signalGroup = $0 { true } else { false } })
            _ = machine.received(.pong, from: 1, now: now)
            _ = machine.received(.pong, from: 2, now: now)
        }
        #expect(asked > 50)
        var killed = false
        while now < at(700), !killed, let deadline = machine.nextDeadline {
            now = deadline
            _ = machine.received(.pong, from: 2, now: now)
            killed = machine.timePassed(now: now).contains(.signalGroup(pid: 100, signal: Signal.kill))
        }
        #expect(killed && now < at(640))
    }

    @Test func `a stop is told to both, and waits for both`() {
        var machine = promoted()
        let actions = machine.requested(.terminate, now: at(5))
        #expect(actions.contains(.send(.shutdown(hurry: false))))
        #expect(actions.contains(.sendToRetiring(.shutdown(hurry: false))))
        #expect(machine.received(.done, from: 2, now: at(6)).isEmpty)
        _ = end(&machine, 110, 6)
        #expect(!machine.isEnding)
        _ = end(&machine, 100, 7)
        #expect(machine.isEnding)
    }

    @Test func `an owner that stops by itself waits for the other one too`() {
        var machine = promoted()
        #expect(
            machine.received(.done, from: 2, now: at(6)) == [
                .tell(.stopping), .sendToRetiring(.shutdown(hurry: false)),
            ])
        _ = end(&machine, 110, 6)
        #expect(!machine.isEnding)
        _ = end(&machine, 100, 7)
        #expect(machine.isEnding)
    }

    @Test func `a retiring core that does not end does not keep the server from its end`() {
        var machine = promoted()
        _ = machine.requested(.terminate, now: at(5))
        _ = machine.received(.done, from: 2, now: at(6))
        let actions = machine.timePassed(now: at(36))
        #expect(machine.isEnding)
        #expect(actions.contains(.signalGroup(pid: 100, signal: Signal.terminate)))
    }
}
