import Model
import Testing

@testable import Supervisor

@Suite struct ReloadStateMachineTests {
    private var machine = ReloadStateMachine()
    private func at(_ seconds: Int) -> Instant { Instant.zero + .seconds(seconds) }

    @Test mutating func `a plan is made, offered, and kept when the core takes it on`() {
        #expect(machine.requested(1, objection: nil, mustWait: false) == [.startCompiler])
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.isCompiler(7) && !machine.isCompiler(8))
        #expect(machine.compilerEnded(refusal: nil) == [.offer(ticket: 1)])
        machine.offered(now: at(1))
        #expect(machine.coreAnswered(refusal: nil) == [.commit])
        #expect(machine.nextDeadline == nil)
        // A core that answers what nobody asked changes nothing.
        #expect(machine.coreAnswered(refusal: nil) == [])
    }

    @Test mutating func `what is asked for meanwhile is read again afterwards, once`() {
        _ = machine.requested(0, objection: nil, mustWait: false)
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.requested(4, objection: nil, mustWait: false) == [])
        #expect(machine.requested(0, objection: nil, mustWait: false) == [])
        #expect(machine.requested(5, objection: nil, mustWait: false) == [])
        let actions = machine.compilerEnded(refusal: "a:1:2 unknown key")
        #expect(
            actions.suffix(2) == [.refuse(ticket: 0, reason: "a:1:2 unknown key"), .startCompiler])
        machine.compilerStarted(pid: 8, now: at(1))
        #expect(machine.compilerEnded(refusal: nil) == [.offer(ticket: 5)])
    }

    @Test mutating func `listeners that cannot be bound refuse it, and so does the core`() {
        _ = machine.requested(1, objection: nil, mustWait: false)
        machine.compilerStarted(pid: 7, now: at(0))
        _ = machine.compilerEnded(refusal: nil)
        #expect(machine.notOffered("the port is taken").contains(.refuse(ticket: 1, reason: "the port is taken")))

        #expect(machine.requested(2, objection: nil, mustWait: false) == [.startCompiler])
        machine.compilerStarted(pid: 8, now: at(1))
        _ = machine.compilerEnded(refusal: nil)
        machine.offered(now: at(2))
        let actions = machine.coreAnswered(refusal: "certificate: not a key")
        // The core has told whoever asked; the others read it in the log.
        #expect(actions.first == .withdraw && actions.count == 2)
        #expect(machine.requested(3, objection: nil, mustWait: false) == [.startCompiler])
    }

    @Test mutating func `a child that hangs is killed, and a core that does not answer is given up`() {
        _ = machine.requested(1, objection: nil, mustWait: false)
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.timePassed(now: at(59)) == [])
        #expect(machine.timePassed(now: at(60)) == [.killCompiler(pid: 7)])
        #expect(machine.timePassed(now: at(61)) == [] && machine.nextDeadline == nil)
        #expect(
            machine.compilerEnded(refusal: "signal 9").contains {
                if case .refuse(1, let reason) = $0 { reason.contains("within") } else { false }
            })

        _ = machine.requested(2, objection: nil, mustWait: false)
        machine.compilerStarted(pid: 8, now: at(100))
        _ = machine.compilerEnded(refusal: nil)
        machine.offered(now: at(100))
        guard case .giveUpCore? = machine.timePassed(now: at(160)).first else {
            Issue.record("the core is waited for without end")
            return
        }
        #expect(machine.coreIsGone().first == .withdraw)
        #expect(machine.requested(0, objection: nil, mustWait: false) == [.startCompiler])
    }

    @Test mutating func `the end of the core gives up what it was asked, and what it was not asked waits for the next`()
    {
        _ = machine.requested(1, objection: nil, mustWait: false)
        machine.compilerStarted(pid: 7, now: at(0))
        _ = machine.requested(2, objection: nil, mustWait: false)
        #expect(machine.coreIsGone().first == .killCompiler(pid: 7))
        #expect(machine.compilerEnded(refusal: nil) == [] && !machine.isCompiler(7))
        #expect(machine.coreIsGone() == [] && !machine.isIdle)
        #expect(machine.proceed(objection: nil) == [.startCompiler])
        machine.compilerStarted(pid: 8, now: at(1))
        // Of those who asked the core before nobody waits.
        #expect(machine.compilerEnded(refusal: nil) == [.offer(ticket: 0)])
        machine.offered(now: at(2))
        #expect(machine.coreIsGone().first == .withdraw && machine.isIdle)
        #expect(machine.proceed(objection: nil) == [])
        let reason = "the server is stopping"
        #expect(machine.requested(1, objection: reason, mustWait: false).contains(.refuse(ticket: 1, reason: reason)))
    }

    @Test mutating func `what has to wait is read once nothing is in the way, or refused for good`() {
        #expect(machine.requested(0, objection: nil, mustWait: true).count == 1, "a line for the log")
        #expect(machine.requested(3, objection: nil, mustWait: true) == [] && !machine.isIdle)
        #expect(machine.nextDeadline == nil)
        #expect(machine.proceed(objection: nil) == [.startCompiler])
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.compilerEnded(refusal: nil) == [.offer(ticket: 3)])
        machine.offered(now: at(1))
        _ = machine.coreAnswered(refusal: nil)
        #expect(machine.isIdle)
        _ = machine.requested(4, objection: nil, mustWait: true)
        let reason = "the server is stopping"
        #expect(machine.proceed(objection: reason).contains(.refuse(ticket: 4, reason: reason)) && machine.isIdle)
    }

    @Test
    mutating func `whoever asked a core that is replaced has to ask the next, and the files are read all the same`() {
        #expect(machine.ownerRetires() == [])
        _ = machine.requested(3, objection: nil, mustWait: true)
        #expect(machine.ownerRetires() == [.refuse(ticket: 3, reason: "another core takes over")])
        #expect(machine.ownerRetires() == [])
        #expect(machine.proceed(objection: nil) == [.startCompiler])
        machine.compilerStarted(pid: 7, now: at(0))
        #expect(machine.compilerEnded(refusal: nil) == [.offer(ticket: 0)])
    }
}
