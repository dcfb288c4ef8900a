import Glibc
import Model
import Testing

@testable import Supervisor

/// Random events against the machine, beside a model of the processes that its actions make and end.
@Suite("Supervisor state machine under random events")
struct SupervisorModelTests {
    @Test("100,000 random events keep every promise")
    func randomEvents() {
        let seed = UInt64.random(in: 0 ... .max)
        print("SupervisorModelTests seed \(seed)")
        var random = Generator(state: seed)
        var events = 0
        while events < (getenv("PASSENGER_LONG_TESTS") != nil ? 20 : 1) * 100_000 {
            var world = World(random: random)
            events += world.live(steps: 200)
            #expect(world.broken.isEmpty, "seed \(seed): \(world.broken)")
            if !world.broken.isEmpty { return }
            random = world.random
        }
    }
}

private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

private struct World {
    var random: Generator
    var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25))
    var now = Instant(nanoseconds: 1_000_000_000)
    var nextPid: Int32 = 100
    var nextTag: UInt64 = 1
    var core: (number: UInt32, pid: Int32)?
    var coreEndedAt: Instant?
    /// Living children: the core that owns each, its tag, whether it will go on TERM.
    var children: [Int32: (core: UInt32, tag: ChildTag, heedsTerm: Bool)] = [:]
    var companions: Set<Int32> = []
    /// Control groups of those that have one.
    private var groups: [Int32: String] = [:]
    private var endedGroup: String?
    var signalled: [Int32: Int32] = [:]  // ended by this signal, not reaped yet
    /// Asked of a preloader and not answered, by ticket: the core that asked, its tag, the preloader's pid.
    var forks: [UInt64: (core: UInt32, tag: ChildTag, preloader: Int32)] = [:]
    /// Tickets of all time, some of them long over.
    var tickets: UInt64 = 0
    var preloaders: [Int32: ChildTag] = [:]
    var told: Set<Int32> = []  // pids whose exit the core was told
    var drained: Set<Int32> = []
    var reports = 0
    var shutdownBegan = false
    var finished = false
    var broken: [String] = []

    init(random: Generator) { self.random = random }

    mutating func live(steps: Int) -> Int {
        carryOut(machine.start())
        var events = 0
        while !finished, events < steps {
            step()
            events += 1
            check()
        }
        // However it stands, a shutdown from here ends in bounded time.
        if !finished { request(.terminate) }
        for _ in 0..<2000 where !finished {
            events += 1
            reapSignalled()
            if children.isEmpty && core == nil { carryOut(machine.noChildrenLeft()) }
            guard !finished, let deadline = machine.nextDeadline else { continue }
            now = max(now, deadline)
            carryOut(machine.timePassed(now: now))
            check()
        }
        if !finished { broken.append("the shutdown did not end") }
        return events
    }

    private mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<15: startChild()
        case 15..<22: askForFork()
        case 22..<30: preloaderSpeaks()
        case 30..<50: childEnds()
        case 50..<58: coreEnds()
        case 58..<62: say(.ready(summary: "up"))
        case 62..<66: say(.pong)
        case 66..<72:
            say(.signal(tag: ChildTag(UInt64.random(in: 0...nextTag, using: &random)), signal: 15, scope: .group))
        case 72..<74: carryOut(machine.requested(.reopenLogs, now: now))
        case 74..<75: request(.terminate)
        case 75..<76: say(Bool.random(using: &random) ? .done : .failed(reason: "x", exitCode: 3))
        case 76..<78: machine.coreDisconnected(now: now)
        case 78..<80: say(.hello(version: UInt16.random(in: 0...2, using: &random)))
        case 80..<85: reapSignalled()
        default: passTime()
        }
    }

    private mutating func startChild() {
        let tag = ChildTag(UInt64.random(in: 1...nextTag, using: &random))
        nextTag += 1
        let role = [ChildRole.worker, .runner, .companion, .preloader].randomElement(using: &random) ?? .worker
        guard machine.refusal(of: tag, as: role) == nil, let core else { return }
        if role == .companion, children.contains(where: { companions.contains($0.key) && $0.value.core != core.number })
        {
            broken.append("a companion was started beside one of another core")
        }
        if children.values.contains(where: { $0.core == core.number && $0.tag == tag }) {
            broken.append("\(tag) was granted twice")
        }
        nextPid += 1
        children[nextPid] = (core.number, tag, Bool.random(using: &random))
        if role == .companion { companions.insert(nextPid) }
        if role == .preloader { preloaders[nextPid] = tag }
        let group = [nil, "a", "b"].randomElement(using: &random) ?? nil
        groups[nextPid] = group
        carryOut(
            machine.childStarted(
                ChildEntry(tag: tag, role: role, pid: nextPid, startTime: 1, title: ""), controlGroup: group))
    }

    private mutating func askForFork() {
        let tag = ChildTag(UInt64.random(in: 1...nextTag, using: &random))
        nextTag += 1
        guard machine.refusal(of: tag, as: .worker) == nil, let core else { return }
        let of = ChildTag(UInt64.random(in: 1...nextTag, using: &random))
        let request = ForkRequest(
            tag: tag, preloader: preloaders.sorted { $0.key < $1.key }.randomElement(using: &random)?.value ?? of,
            title: "")
        guard let (ticket, preloader) = try? machine.forkRequested(request) else { return }
        if children[preloader]?.core != core.number || preloaders[preloader] == nil {
            broken.append("pid \(preloader) is no preloader of core \(core.number)")
        }
        forks[ticket] = (core.number, tag, preloader)
        tickets = max(tickets, ticket)
    }

    /// The truth or not, about a fork of its own or of another.
    private mutating func preloaderSpeaks() {
        guard tickets > 0, let preloader = preloaders.keys.sorted().randomElement(using: &random) else { return }
        let ticket =
            forks.filter { $0.value.preloader == preloader }.keys.sorted().randomElement(using: &random)
            ?? UInt64.random(in: 1...tickets, using: &random)
        guard Bool.random(using: &random) else {
            return carryOut(machine.forkFailed(ticket: ticket, preloader: preloader, reason: "x"))
        }
        nextPid += 1
        let isTrue = Int.random(in: 0..<10, using: &random) > 0
        let pid = isTrue ? nextPid : children.keys.sorted().randomElement(using: &random) ?? nextPid
        let expected = isTrue && forks[ticket]?.preloader == preloader
        let fork = forks[ticket]
        if expected, let fork {
            forks[ticket] = nil
            children[pid] = (fork.core, fork.tag, Bool.random(using: &random))
            groups[pid] = groups[preloader]
        }
        carryOut(
            machine.forkBorn(
                ticket: ticket, preloader: preloader,
                Newcomer(pid: pid, isOurChild: true, leadsGroup: true, hasUserOfPreloader: true, startTime: 1)))
    }

    private mutating func childEnds() {
        guard let pid = children.keys.sorted().randomElement(using: &random) else { return }
        end(child: pid, .exited(0))
    }

    private mutating func end(child pid: Int32, _ reason: ExitReason) {
        guard let child = children.removeValue(forKey: pid) else { return }
        signalled[pid] = nil
        drained.remove(pid)
        let group = groups.removeValue(forKey: pid)
        endedGroup = nil
        preloaders[pid] = nil
        let expectsWord = child.core == core?.number
        carryOut(machine.ended(pid: pid, reason: reason, launchFailure: nil, now: now))
        if expectsWord != told.contains(pid) { broken.append("exit of pid \(pid): told \(!expectsWord)") }
        let isLast = group.map { group in !groups.values.contains(group) } ?? false
        if endedGroup != (isLast ? group : nil) { broken.append("\(group ?? "-") ended: \(endedGroup ?? "-")") }
    }

    private mutating func coreEnds() {
        guard let ending = core else { return }
        core = nil
        coreEndedAt = now
        signalled[ending.pid] = nil
        carryOut(machine.ended(pid: ending.pid, reason: .exited(1), launchFailure: nil, now: now))
    }

    private mutating func say(_ message: CoreMessage) {
        if core != nil { carryOut(machine.received(message, now: now)) }
    }

    private mutating func request(_ request: SupervisorStateMachine.Request) {
        carryOut(machine.requested(request, now: now))
        shutdownBegan = true
    }

    private mutating func reapSignalled() {
        for (pid, signal) in signalled.sorted(by: { $0.key < $1.key }) {
            if pid == core?.pid { coreEnds() } else { end(child: pid, .signalled(signal, dumpedCore: false)) }
        }
    }

    private mutating func passTime() {
        let step = Duration.milliseconds(Int.random(in: 1...4000, using: &random))
        now = Bool.random(using: &random) ? min(machine.nextDeadline ?? now + step, now + step) : now + step
        carryOut(machine.timePassed(now: now))
    }

    private mutating func carryOut(_ actions: [SupervisorStateMachine.Action]) {
        for action in actions {
            if finished { broken.append("\(action) after the end") }
            switch action {
            case .startCore(let number): startCore(number)
            case .signalGroup(let pid, let signal), .signalLeader(let pid, let signal):
                if pid == core?.pid || (children[pid] != nil && (signal == 9 || children[pid]!.heedsTerm)) {
                    signalled[pid] = signal
                } else if children[pid] == nil {
                    broken.append("signal to pid \(pid), which is not ours")
                }
            case .send(.exited(let tag, let pid, _, _)):
                if !told.insert(pid).inserted { broken.append("\(tag) exited twice") }
                if core == nil { broken.append("a message to no core") }
            case .send: if core == nil { broken.append("a message to no core") }
            case .report: reports += 1
            case .finish: finished = true
            case .endControlGroup(let name): endedGroup = name
            case .endBootPriority(let pid):
                if children[pid] == nil { broken.append("a priority for pid \(pid), which is not ours") }
            case .keepForked(let pid, let ticket):
                if children[pid] == nil || forks[ticket] != nil { broken.append("pid \(pid) is nobody's fork") }
            case .forgetFork(let ticket):
                if forks.removeValue(forKey: ticket) == nil { broken.append("ticket \(ticket) is given up twice") }
            case .endStray(let pid):
                if children[pid] != nil { broken.append("pid \(pid) is no stray") }
            case .drainOutput(let pid): drained.insert(pid)
            case .stopDraining(let pid):
                if drained.remove(pid) == nil { broken.append("the output of pid \(pid) is not drained") }
            case .sendToRetiring: broken.append("a message to a core beside the only one")
            case .signalStrays, .tell, .log: break
            }
        }
    }

    private mutating func startCore(_ number: UInt32) {
        if core != nil { broken.append("two cores") }
        if shutdownBegan { broken.append("a core is started after the shutdown began") }
        if Int.random(in: 0..<20, using: &random) == 0 {
            coreEndedAt = now
            carryOut(machine.coreDidNotStart(reason: "x", now: now))
            return
        }
        nextPid += 1
        core = (number, nextPid)
        let kept = children.keys.filter { !companions.contains($0) }.sorted()
        for pid in kept { children[pid]?.core = number }
        carryOut(machine.coreStarted(pid: nextPid, now: now))
        if machine.handedOver.map(\.pid) != kept { broken.append("core \(number) does not get \(kept)") }
    }

    private mutating func check() {
        if reports > 1 { broken.append("reported \(reports) times") }
        if finished { return }
        if Set(machine.forks.keys) != Set(forks.keys) { broken.append("the forks are not those that were asked for") }
        for (ticket, fork) in forks where children[fork.preloader] == nil || fork.core != core?.number {
            broken.append("ticket \(ticket) waits for nobody")
        }
        if Set(machine.table.keys) != Set(children.keys) { broken.append("the table is not the children") }
        for (pid, row) in machine.table where machine.phase == .serving {
            let isOrphan = companions.contains(pid) && children[pid]?.core != core?.number
            if row.isOrphan != isOrphan { broken.append("pid \(pid) is an orphan: \(row.isOrphan)") }
            let isUnread = core == nil && now - (coreEndedAt ?? now) >= Delays.unreadOutput
            if core == nil ? isUnread && !drained.contains(pid) : drained.contains(pid) != isOrphan {
                broken.append("the output of pid \(pid) is drained: \(drained.contains(pid))")
            }
        }
        if machine.phase == .serving, core == nil {
            guard let deadline = machine.nextDeadline else { return broken.append("no core, and none will come") }
            let longest = (coreEndedAt ?? now) + CoreRestarts.longestDelay
            if case .waiting(let until) = machine.core, until > longest || deadline > until {
                broken.append("the next core comes too late")
            }
        }
    }
}
