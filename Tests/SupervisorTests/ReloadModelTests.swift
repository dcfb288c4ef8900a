import Model
import Testing

@testable import Supervisor

/// Random lives of reloads: whoever asked is answered, and what was bound is either kept or given up.
@Suite struct ReloadModelTests {
    private struct World {
        var random: SeededRandom
        var machine = ReloadStateMachine()
        var now = Instant.zero + .seconds(1)
        var compiler: Int32?
        var lastPid: Int32 = 10
        var isAsked = false
        var isBound = false
        var lastTicket: UInt64 = 0
        /// Of this core's requests.
        var open: Set<UInt64> = []
        var broken: [String] = []

        mutating func step() {
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<3:
                lastTicket += 1
                open.insert(lastTicket)
                let objection = Int.random(in: 0..<8, using: &random) == 0 ? "the server is starting" : nil
                carryOut(machine.requested(lastTicket, objection: objection, mustWait: false))
            case 3: carryOut(machine.requested(0, objection: nil, mustWait: false))
            case 4..<8: endCompiler(refusal: Bool.random(using: &random) ? "a mistake" : nil)
            case 8..<10: answer(Bool.random(using: &random) ? "a certificate" : nil)
            case 10:
                now = machine.nextDeadline ?? now + .seconds(1)
                carryOut(machine.timePassed(now: now))
            default: endCore()
            }
            if isBound != isAsked { broken.append("bound: \(isBound), asked: \(isAsked)") }
        }

        mutating func endCompiler(refusal: String?) {
            guard let pid = compiler else { return }
            compiler = nil
            if machine.isCompiler(pid) { carryOut(machine.compilerEnded(refusal: refusal)) }
        }

        mutating func answer(_ refusal: String?) {
            guard isAsked else { return }
            isAsked = false
            // The core tells its own callers, up to the ticket that it was sent.
            open = open.filter { $0 > offeredTicket }
            carryOut(machine.coreAnswered(refusal: refusal))
        }

        mutating func endCore() {
            (isAsked, open) = (false, [])
            carryOut(machine.coreIsGone())
        }

        var offeredTicket: UInt64 = 0

        mutating func carryOut(_ actions: [ReloadStateMachine.Action]) {
            for action in actions {
                switch action {
                case .startCompiler:
                    guard Int.random(in: 0..<10, using: &random) > 0 else {
                        carryOut(machine.compilerDidNotStart("no descriptors"))
                        continue
                    }
                    lastPid += 1
                    compiler = lastPid
                    machine.compilerStarted(pid: lastPid, now: now)
                case .killCompiler(let pid): if compiler != pid { broken.append("kill of \(pid)") }
                case .offer(let ticket):
                    if isBound || isAsked { broken.append("two offers at a time") }
                    guard Int.random(in: 0..<5, using: &random) > 0 else {
                        carryOut(machine.notOffered("taken"))
                        continue
                    }
                    (isBound, isAsked, offeredTicket) = (true, true, ticket)
                    machine.offered(now: now)
                case .commit:
                    if !isBound { broken.append("commit of nothing") }
                    isBound = false
                case .withdraw: isBound = false
                case .refuse(let ticket, _): open = open.filter { $0 > ticket }
                case .giveUpCore: endCore()
                case .log: break
                }
            }
        }

        /// Whatever was asked for comes to an end when everybody does his part.
        mutating func settle() {
            for _ in 0..<100 where !open.isEmpty {
                endCompiler(refusal: nil)
                answer(nil)
            }
            if !open.isEmpty { broken.append("never answered: \(open.sorted())") }
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `whoever asks is answered, one offer at a time`(seed: UInt64) {
        var world = World(random: SeededRandom(seed: seed))
        for _ in 0..<200 { world.step() }
        world.settle()
        #expect(world.broken.isEmpty, "seed \(seed): \(world.broken.prefix(5))")
    }
}

private struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
