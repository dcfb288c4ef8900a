import Model
import Pool
import Testing

@testable import Spawning

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }
private func w(_ number: UInt32) -> WorkerNumber { WorkerNumber(number) }

@Suite("The preloader of a generation")
struct PreloaderTests {
    private let crash = BootFailure(step: "load_app", summary: "boom")

    private func ready(idle: Duration = .seconds(300)) -> PreloaderStateMachine {
        var machine = PreloaderStateMachine(idleTime: idle)
        _ = machine.wanted(w(1), now: at(0))
        _ = machine.preloaded(1, now: at(1))
        machine.forked(w(1), now: at(1))
        return machine
    }

    @Test func `is started by the first worker, and forks all that waited once it is ready`() {
        var machine = PreloaderStateMachine(idleTime: .seconds(300))
        #expect(machine.wanted(w(1), now: at(0)) == [.boot(1)])
        #expect(machine.wanted(w(2), now: at(0)).isEmpty)
        #expect(
            machine.preloaded(1, now: at(2))
                == [.fork(w(1), from: 1), .fork(w(2), from: 1), .wake(1, after: .seconds(300))])
        #expect(machine.wanted(w(3), now: at(3)) == [.fork(w(3), from: 1)])
    }

    @Test
    func `that cannot load the app fails each worker that waited with the reason, and the next worker tries again`() {
        var machine = PreloaderStateMachine(idleTime: .zero)
        _ = machine.wanted(w(1), now: at(0))
        _ = machine.wanted(w(2), now: at(0))
        #expect(machine.ended(1, crash) == [.fail(w(1), crash), .fail(w(2), crash)])
        #expect(machine.wanted(w(3), now: at(1)) == [.boot(2)])
        // News of the first one mean nothing any more.
        #expect(machine.preloaded(1, now: at(1)).isEmpty && machine.ended(1, crash).isEmpty)
        #expect(machine.preloaded(2, now: at(2)) == [.fork(w(3), from: 2)])
    }

    @Test func `of an app that refuses lets each worker load it, then and later`() {
        var machine = PreloaderStateMachine(idleTime: .zero)
        _ = machine.wanted(w(1), now: at(0))
        let actions = machine.unsuitable(1, reason: "threads")
        guard case .tell(let text) = actions.first else { return #expect(Bool(false), "\(actions)") }
        #expect(text.contains("threads") && actions.dropFirst() == [.startDirectly(w(1))])
        #expect(machine.ended(1, crash).isEmpty)
        #expect(machine.wanted(w(2), now: at(1)) == [.startDirectly(w(2))])
    }

    @Test func `that dies between two forks is replaced when it is needed`() {
        var machine = ready()
        #expect(machine.ended(1, crash).count == 1)
        #expect(machine.wanted(w(2), now: at(9)) == [.boot(2)])
    }

    @Test
    func `that dies while it forks is replaced at once; the second time in a row the app is not preloaded any more`() {
        var machine = ready()
        _ = machine.wanted(w(2), now: at(2))
        _ = machine.ended(1, crash)
        #expect(machine.refused(w(2), reason: "its preloader ended", now: at(2)) == [.boot(2)])
        #expect(machine.preloaded(2, now: at(3)).first == .fork(w(2), from: 2))
        _ = machine.ended(2, crash)
        #expect(machine.state == .unsuitable("its preloaders end when they fork (boom)"))
        #expect(machine.refused(w(2), reason: "its preloader ended", now: at(3)) == [.startDirectly(w(2))])
    }

    @Test func `that died once is forgiven when the next one forks`() {
        var machine = ready()
        for round in 1...5 {
            _ = machine.wanted(w(2), now: at(2))
            _ = machine.ended(round, crash)
            #expect(machine.refused(w(2), reason: "gone", now: at(2)) == [.boot(round + 1)])
            _ = machine.preloaded(round + 1, now: at(3))
            machine.forked(w(2), now: at(3))
        }
    }

    @Test func `a refusal of a preloader that lives is the worker's failure`() {
        var machine = ready()
        _ = machine.wanted(w(2), now: at(2))
        #expect(
            machine.refused(w(2), reason: "EAGAIN", now: at(2))
                == [.fail(w(2), BootFailure(step: "fork", summary: "EAGAIN"))])
        #expect(machine.wanted(w(3), now: at(3)) == [.fork(w(3), from: 1)])
    }

    @Test func `that nobody waits for any more is killed, and one that somebody still waits for is not`() {
        var machine = PreloaderStateMachine(idleTime: .zero)
        _ = machine.wanted(w(1), now: at(0))
        _ = machine.wanted(w(2), now: at(0))
        #expect(machine.gaveUp(w(1)) == [])
        #expect(machine.gaveUp(w(2)) == [.kill(1)])
        #expect(machine.gaveUp(w(2)) == nil)
        #expect(machine.wanted(w(3), now: at(1)) == [.boot(2)])
        _ = machine.preloaded(2, now: at(2))
        #expect(machine.gaveUp(w(3)) == nil)
    }

    @Test func `that does not fork in time is killed`() {
        var machine = ready()
        _ = machine.wanted(w(2), now: at(2))
        #expect(machine.forkOverdue(w(2), from: 1) == [.kill(1)])
        machine.forked(w(2), now: at(2))
        #expect(machine.forkOverdue(w(2), from: 1).isEmpty)
    }

    @Test func `is stopped when it was idle for long enough, and only where that is allowed`() {
        var machine = ready(idle: .seconds(10))
        _ = machine.wanted(w(2), now: at(5))
        #expect(machine.timePassed(1, mayIdle: true, now: at(11)) == [.wake(1, after: .seconds(4))])
        #expect(machine.timePassed(1, mayIdle: true, now: at(15)) == [.wake(1, after: .seconds(10))])  // still forking
        machine.forked(w(2), now: at(6))
        #expect(machine.timePassed(1, mayIdle: false, now: at(20)) == [.wake(1, after: .seconds(10))])
        #expect(machine.timePassed(1, mayIdle: true, now: at(30)).first == .stop(1))
        #expect(machine.ended(1, crash).isEmpty)
        #expect(machine.timePassed(1, mayIdle: true, now: at(40)).isEmpty)
        #expect(machine.wanted(w(3), now: at(41)) == [.boot(2)])
    }

    @Test func `ends with its generation, and forks nobody after it`() {
        var machine = ready()
        #expect(machine.retire() == [.stop(1)])
        #expect(machine.retire().isEmpty)
        guard case .fail(w(2), let failure) = machine.wanted(w(2), now: at(2)).first else {
            return #expect(Bool(false), "not refused")
        }
        #expect(failure.summary == "its generation is over")
        var booting = PreloaderStateMachine(idleTime: .zero)
        _ = booting.wanted(w(1), now: at(0))
        #expect(booting.retire().first == .stop(1))
        #expect(booting.waiting.isEmpty)
    }

    @Test func `keeps its promises under random events`() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Generator(state: seed)
        for _ in 0..<2_000 {
            var world = World()
            for _ in 0..<60 { world.step(&random) }
            world.settle()
            #expect(world.broken.isEmpty, "seed \(seed): \(world.broken)")
            if !world.broken.isEmpty { return }
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

/// Processes and workers as the actions make them. Every worker that is wanted comes to an end: forked, started directly,
/// failed or given up; at most one preloader is in use; after the generation's end none is.
private struct World {
    var machine = PreloaderStateMachine(idleTime: .seconds(10))
    var now = at(0)
    var nextWorker: UInt32 = 1
    var open: Set<WorkerNumber> = []
    /// Asked for, by the preloader that was.
    var forks: [WorkerNumber: Int] = [:]
    var alive: Set<Int> = []
    var booting: Set<Int> = []
    var isRetired = false
    var broken: [String] = []

    mutating func step(_ random: inout Generator) {
        now = now + .milliseconds(Int.random(in: 0...3000, using: &random))
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6:
            open.insert(w(nextWorker))
            nextWorker += 1
            carryOut(machine.wanted(w(nextWorker - 1), now: now))
        case 6..<9: if let number = booting.sorted().randomElement(using: &random) { preloaded(number) }
        case 9: if let number = booting.sorted().randomElement(using: &random) { unsuitable(number, &random) }
        case 10..<13: if let worker = forks.keys.sorted().randomElement(using: &random) { forked(worker) }
        case 13..<15: if let number = alive.sorted().randomElement(using: &random) { ended(number) }
        case 15: if let worker = forks.keys.sorted().randomElement(using: &random) { refused(worker) }
        case 16:
            guard let worker = open.sorted().randomElement(using: &random), let actions = machine.gaveUp(worker) else {
                return
            }
            if forks[worker] != nil { broken.append("\(worker) waits and is being forked") }
            open.remove(worker)
            carryOut(actions)
        case 17:
            if let number = alive.sorted().randomElement(using: &random) {
                carryOut(machine.timePassed(number, mayIdle: Bool.random(using: &random), now: now))
            }
        case 18:
            guard Int.random(in: 0..<5, using: &random) == 0 else { return }
            isRetired = true
            carryOut(machine.retire())
        default: break
        }
    }

    mutating func settle() {
        for _ in 0..<100 where !open.isEmpty {
            if let number = booting.first { preloaded(number) }
            if let (worker, number) = forks.first { alive.contains(number) ? forked(worker) : refused(worker) }
        }
        if !open.isEmpty { broken.append("\(open) wait for ever") }
        isRetired = true
        carryOut(machine.retire())
        if !alive.isEmpty { broken.append("preloaders \(alive) stay") }
    }

    private mutating func preloaded(_ number: Int) {
        booting.remove(number)
        carryOut(machine.preloaded(number, now: now))
    }

    private mutating func unsuitable(_ number: Int, _ random: inout Generator) {
        guard Int.random(in: 0..<4, using: &random) == 0 else { return }
        booting.remove(number)
        carryOut(machine.unsuitable(number, reason: "x"))
        ended(number)
    }

    private mutating func forked(_ worker: WorkerNumber) {
        guard let number = forks[worker], alive.contains(number) else { return }
        forks[worker] = nil
        open.remove(worker)
        machine.forked(worker, now: now)
    }

    private mutating func refused(_ worker: WorkerNumber) {
        forks[worker] = nil
        carryOut(machine.refused(worker, reason: "x", now: now))
    }

    private mutating func ended(_ number: Int) {
        alive.remove(number)
        booting.remove(number)
        carryOut(machine.ended(number, BootFailure(step: "exited", summary: "x")))
        for (worker, of) in forks.sorted(by: { $0.key < $1.key }) where of == number { refused(worker) }
    }

    private mutating func carryOut(_ actions: [PreloaderStateMachine.Action]) {
        for action in actions {
            switch action {
            case .boot(let number):
                if isRetired { broken.append("a preloader after the end") }
                if !alive.isEmpty { broken.append("preloader \(number) beside \(alive)") }
                alive.insert(number)
                booting.insert(number)
            case .fork(let worker, let number):
                if !alive.contains(number) || booting.contains(number) { broken.append("\(number) cannot fork") }
                if !open.contains(worker) || forks[worker] != nil { broken.append("\(worker) is not to be forked") }
                forks[worker] = number
            case .startDirectly(let worker), .fail(let worker, _):
                if open.remove(worker) == nil { broken.append("\(worker) ends twice") }
            case .stop(let number), .kill(let number):
                guard alive.contains(number) else { broken.append("\(number) is stopped after its end"); continue }
                ended(number)
            case .wake, .tell: break
            }
        }
    }
}
