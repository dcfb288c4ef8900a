import Model
import Testing

@testable import Supervisor

@Suite struct UpgradeStateMachineTests {
    private var machine = UpgradeStateMachine()
    private func at(_ seconds: Int) -> Instant { Instant.zero + .seconds(seconds) }
    private let children = [ChildTag(3), ChildTag(4)]

    private mutating func prepare() {
        _ = machine.requested(1, objection: nil, waitsFor: nil)
        machine.compilerStarted(pid: 7, now: at(0))
        _ = machine.compilerEnded(refusal: nil)
        machine.successorStarted(now: at(1))
        _ = machine.successorIsPrepared(version: "2.0", now: at(2))
    }

    private func refusal(_ actions: [UpgradeStateMachine.Action], _ ticket: UInt64 = 1) -> String? {
        for case .refuse(ticket, let reason) in actions { return reason }
        return nil
    }

    @Test mutating func `a plan, a core beside the one that serves, the hand-over, and then the new version holds`() {
        #expect(machine.requested(1, objection: nil, waitsFor: nil) == [.startCompiler])
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.isCompiler(7) && !machine.isIdle)
        #expect(machine.compilerEnded(refusal: nil) == [.startSuccessor])
        machine.successorStarted(now: at(1))
        #expect(machine.successorIsPrepared(version: "2.0", now: at(2)).last == .retireCore)
        #expect(machine.coreHandedOver(children, refusal: nil, now: at(3)) == [.promote(children)])
        #expect(machine.successorIsReady() == [.answer(ticket: 1, version: "2.0"), .commit(version: "2.0")])
        #expect(machine.isIdle && machine.nextDeadline == nil)
        #expect(machine.successorIsReady() == [], "a core that says ready is nothing else")
    }

    @Test mutating func `whatever fails before the hand-over is refused, and nothing is kept of it`() {
        #expect(refusal(machine.requested(1, objection: "the server is stopping", waitsFor: nil)) != nil)
        _ = machine.requested(1, objection: nil, waitsFor: nil)
        #expect(refusal(machine.notStarted("no such file")) == "no such file")
        _ = machine.requested(1, objection: nil, waitsFor: nil)
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(refusal(machine.compilerEnded(refusal: "a:1: unknown key")) == "a:1: unknown key")
        _ = machine.requested(1, objection: nil, waitsFor: nil)
        machine.compilerStarted(pid: 7, now: at(0))
        _ = machine.compilerEnded(refusal: nil)
        let notStarted = machine.notStarted("the port is taken")
        #expect(notStarted.first == .withdraw && refusal(notStarted) == "the port is taken")
        prepare()
        let gone = machine.successorIsGone("it ended: exit status 1")
        #expect(gone.contains(.withdraw) && refusal(gone)?.contains("exit status 1") == true)
        // The core that serves may be waiting for a deploy.
        #expect(gone.first == .keepCore, "or it would hand over to nobody")
        #expect(machine.coreHandedOver(children, refusal: nil, now: at(9)) == [.replaceCore(children)], "it has, then")
        #expect(machine.coreHandedOver([], refusal: "late", now: at(9)) == [])
        prepare()
        prepare()
        let busy = machine.coreHandedOver([], refusal: "deploy of blog", now: at(3))
        #expect(busy.first == .endSuccessor(reason: "deploy of blog") && refusal(busy) == "deploy of blog")
        #expect(machine.isIdle)
    }

    @Test mutating func `who hangs is given up, each at its time`() {
        _ = machine.requested(1, objection: nil, waitsFor: nil)
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.timePassed(now: at(59)) == [])
        #expect(machine.timePassed(now: at(60)) == [.killCompiler(pid: 7)])
        #expect(refusal(machine.compilerEnded(refusal: "signal 9"))?.contains("within") == true)

        _ = machine.requested(1, objection: nil, waitsFor: nil)
        machine.compilerStarted(pid: 7, now: at(0))
        _ = machine.compilerEnded(refusal: nil)
        machine.successorStarted(now: at(0))
        #expect(machine.nextDeadline == at(60))
        #expect(refusal(machine.timePassed(now: at(60))) != nil)

        prepare()
        #expect(machine.timePassed(now: at(661)) == [])
        let hung = machine.timePassed(now: at(662))
        #expect(refusal(hung) != nil)
        #expect(hung.contains { if case .giveUpCore = $0 { true } else { false } })

        prepare()
        _ = machine.coreHandedOver(children, refusal: nil, now: at(3))
        let late = machine.timePassed(now: at(33))
        #expect(late.count == 1, "its end is told when it has ended")
        #expect(machine.timePassed(now: at(34)) == [])
        #expect(refusal(machine.coreIsGone())?.contains("version before") == true)
    }

    @Test mutating func `the end of the core that owns the pool ends it, at every step`() {
        _ = machine.requested(1, objection: nil, waitsFor: nil)
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.coreIsGone().first == .killCompiler(pid: 7))
        prepare()
        #expect(
            machine.coreIsGone().prefix(2) == [.endSuccessor(reason: "the core that serves has ended"), .withdraw])
        prepare()
        _ = machine.coreHandedOver(children, refusal: nil, now: at(3))
        #expect(machine.coreIsGone().first == .withdraw)
        #expect(machine.isIdle && machine.coreIsGone() == [])
    }

    @Test mutating func `one waits for the core before to be gone, and what comes meanwhile is the same one`() {
        _ = machine.requested(1, objection: nil, waitsFor: "the core before has gone")
        #expect(machine.requested(2, objection: nil, waitsFor: "the core before has gone") == [])
        #expect(machine.mayBegin() == [.startCompiler])
        #expect(machine.mayBegin() == [])
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.requested(3, objection: nil, waitsFor: nil) == [])
        _ = machine.compilerEnded(refusal: nil)
        machine.successorStarted(now: at(1))
        #expect(machine.requested(4, objection: nil, waitsFor: nil).count == 1, "too late for this one")
        _ = machine.successorIsPrepared(version: "2", now: at(2))
        _ = machine.coreHandedOver([], refusal: nil, now: at(3))
        #expect(machine.successorIsReady().first == .answer(ticket: 3, version: "2"))
    }

    @Test mutating func `a server that stops ends it`() {
        #expect(machine.serverStops() == [])
        prepare()
        #expect(
            machine.serverStops().prefix(2) == [.keepCore, .endSuccessor(reason: "the server is stopping")])
        #expect(machine.isIdle)
    }
}
