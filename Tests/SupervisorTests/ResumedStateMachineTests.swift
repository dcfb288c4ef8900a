import Model
import Testing

@testable import Supervisor

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

@Suite struct `A state machine that another image goes on with` {
    private func entry(_ tag: UInt64, _ role: ChildRole, pid: Int32) -> ChildEntry {
        ChildEntry(tag: ChildTag(tag), role: role, pid: pid, startTime: 1, title: "child \(tag)")
    }

    /// Its first core has died, and left a tool that is being ended and a worker whose output was drained.
    private func machine() -> SupervisorStateMachine {
        var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        _ = machine.start()
        _ = machine.coreStarted(pid: 100, now: at(0))
        _ = machine.received(.ready(summary: ""), now: at(0))
        _ = machine.childStarted(entry(1, .tool, pid: 101))
        _ = machine.childStarted(entry(2, .worker, pid: 102), controlGroup: "g1")
        _ = machine.ended(pid: 100, reason: .exited(1), launchFailure: nil, now: at(1))
        _ = machine.coreStarted(pid: 103, now: at(1))
        _ = machine.received(.ready(summary: ""), now: at(2))
        return machine
    }

    private func resumed(_ machine: SupervisorStateMachine, now: Instant) throws -> SupervisorStateMachine {
        var state = SupervisorState(
            plan: SupervisorPlan(), core: try #require(machine.keptCore(socket: 9)), restarts: machine.restarts.kept,
            ownerPipe: SupervisorState.OwnerPipe(reader: 10, writer: 11))
        state.rows = machine.keptRows
        state.lastTicket = machine.lastTicket
        let read = try MessageCodec.decodeSupervisorState(MessageCodec.encode(state))
        var next = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        next.resume(read, now: now)
        return next
    }

    @Test func `has the same core, table and deadlines`() throws {
        let first = machine()
        var next = try resumed(first, now: at(3))
        #expect(next.runningCore?.number == 2 && next.isCore(103))
        #expect(next.table == first.table && next.lastTicket == first.lastTicket)
        #expect(next.timePassed(now: at(6)).contains(.signalGroup(pid: 101, signal: Signal.kill)))
        #expect(
            next.ended(pid: 102, reason: .exited(3), launchFailure: nil, now: at(7)) == [
                .endControlGroup("g1"),
                .send(.exited(tag: ChildTag(2), pid: 102, reason: .exited(3), launchFailure: nil)),
            ])
    }

    @Test func `asks the core anew, and replaces it as often as before`() throws {
        var next = try resumed(machine(), now: at(100))
        #expect(!next.timePassed(now: at(101)).contains(.send(.ping)))
        #expect(next.timePassed(now: at(105)).contains(.send(.ping)))
        // The second one in a row that was short: not at once.
        let actions = next.ended(pid: 103, reason: .exited(1), launchFailure: nil, now: at(2))
        #expect(!actions.contains(.startCore(number: 3)))
        #expect(next.timePassed(now: at(3)).contains(.startCore(number: 3)))
    }

    @Test func `is made only of one that serves`() throws {
        #expect(machine().execObjection == nil)
        var starting = SupervisorStateMachine(shutdownTimeout: .seconds(25))
        _ = starting.start()
        #expect(starting.execObjection != nil && starting.keptCore(socket: 9) == nil)
        _ = starting.coreStarted(pid: 100, now: at(0))
        #expect(starting.execObjection != nil)
        var disconnected = machine()
        disconnected.coreDisconnected(now: at(3))
        #expect(disconnected.execObjection != nil)
        var stopping = machine()
        _ = stopping.requested(.terminate, now: at(3))
        #expect(stopping.execObjection != nil)
        var forking = machine()
        _ = forking.childStarted(entry(4, .preloader, pid: 104))
        let fork = try forking.forkRequested(
            ForkRequest(tag: ChildTag(5), preloader: ChildTag(4), title: "w"))
        #expect(forking.execObjection != nil)
        _ = forking.forkFailed(ticket: fork.ticket, preloader: 104, reason: "")
        #expect(forking.execObjection == nil)
    }
}
