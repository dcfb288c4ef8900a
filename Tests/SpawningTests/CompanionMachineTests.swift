import Glibc
import Model
import Pool
import Testing

@testable import Spawning

@Suite("Companions")
struct CompanionMachineTests {
    private typealias Action = CompanionStateMachine.Action

    private let crashed = CompanionEnd(.exited(.exited(1)), lastLine: "boom")

    private func crew(_ release: String, _ processes: CompanionSettings...) -> CompanionCrew {
        var settings = AppSettings(
            name: AppName(sanitizing: "blog"), directory: "/srv/blog/releases/\(release)", kind: .rack)
        settings.processes = processes
        return CompanionCrew(settings: settings, release: nil)
    }

    private func worker(quiet: Int32? = nil, instances: Int = 1) -> CompanionSettings {
        var worker = CompanionSettings(name: "worker", command: "work")
        worker.quietSignal = quiet
        worker.instances = instances
        worker.stopTimeout = .seconds(5)
        return worker
    }

    private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64((100 + seconds) * 1e9)) }
    private let first = CompanionID(name: "worker", instance: 1)

    /// One worker of release 1, running as pid 7.
    private func running(_ settings: CompanionSettings) -> (CompanionStateMachine, CompanionCrew) {
        var machine = CompanionStateMachine(seed: 1)
        let crew = crew("1", settings)
        #expect(machine.handle(.live(crew), now: at(0)) == [.start(1, first, crew)])
        #expect(machine.handle(.spawned(1, pid: 7), now: at(0)) == [.tell(.started(first, pid: 7))])
        return (machine, crew)
    }

    @Test("every instance is started, in order, when its code is live")
    func instances() {
        var machine = CompanionStateMachine(seed: 1)
        let crew = crew("1", worker(instances: 2), CompanionSettings(name: "clock", command: "tick"))
        let ids = ["worker.1", "worker.2", "clock.1"]
        let actions = machine.handle(.live(crew), now: at(0))
        #expect(actions.map { if case .start(_, let id, _) = $0 { id.description } else { "\($0)" } } == ids)
        #expect(machine.snapshot(now: at(1)).map(\.state) == [.starting, .starting, .starting])
    }

    @Test("a switch quiets, stops, and starts the new ones only when the old ones have ended")
    func replaced() {
        var (machine, _) = running(worker(quiet: SIGTSTP))
        #expect(machine.handle(.quiet, now: at(20)) == [.signal(1, SIGTSTP), .tell(.quieted(first))])
        #expect(machine.snapshot(now: at(20)).map(\.state) == [.quiet])
        let new = crew("2", worker())
        // A process that TSTP has really stopped hears TERM once it is continued.
        #expect(
            machine.handle(.live(new), now: at(20))
                == [.signal(1, SIGTERM), .signal(1, SIGCONT), .tell(.stopping(first))])
        #expect(machine.handle(.timePassed, now: at(24.9)) == [])
        let end = CompanionEnd(.exited(.exited(0)))
        #expect(
            machine.handle(.ended(1, end), now: at(24.9)) == [.tell(.stopped(first, end)), .start(2, first, new)])
    }

    @Test("what does not stop is killed, and what cannot be killed is waited for no longer")
    func killed() {
        var (machine, _) = running(worker())
        let new = crew("2", worker())
        #expect(machine.handle(.live(new), now: at(20)) == [.signal(1, SIGTERM), .tell(.stopping(first))])
        #expect(machine.handle(.timePassed, now: at(25)) == [.kill(1), .tell(.killed(first))])
        #expect(machine.handle(.timePassed, now: at(34.9)) == [])
        #expect(machine.handle(.timePassed, now: at(35)) == [.tell(.stuck(first)), .start(2, first, new)])
        #expect(machine.handle(.ended(1, crashed), now: at(36)) == [], "it is nobody's any more")
    }

    @Test("of several switches in a row only the last one's crew is started")
    func latest() {
        var (machine, old) = running(worker())
        _ = machine.handle(.live(crew("2", worker())), now: at(1))
        #expect(machine.handle(.live(old), now: at(2)) == [], "it is stopping already")
        let actions = machine.handle(.ended(1, crashed), now: at(3))
        #expect(actions.last == .start(2, first, old))
    }

    @Test("a switch that did not come about brings only those back that were quieted")
    func switchFailed() {
        var machine = CompanionStateMachine(seed: 1)
        let crew = crew("1", worker(quiet: SIGTSTP), CompanionSettings(name: "clock", command: "tick"))
        _ = machine.handle(.live(crew), now: at(0))
        for serial: CompanionSerial in [1, 2] { _ = machine.handle(.spawned(serial, pid: 7), now: at(0)) }
        _ = machine.handle(.quiet, now: at(20))
        let actions = machine.handle(.switchFailed, now: at(20))
        #expect(actions == [.signal(1, SIGTERM), .signal(1, SIGCONT), .tell(.stopping(first))])
        #expect(machine.handle(.ended(1, crashed), now: at(21)).last == .start(3, first, crew))
        #expect(machine.snapshot(now: at(21)).map(\.restarts) == [0, 0], "nothing ended by itself")
    }

    @Test("what dies is started again at once, what keeps dying ever later, and the operator is told once")
    func backOff() {
        var (machine, crew) = running(worker())
        var now = at(0.1)
        var actions = machine.handle(.ended(1, crashed), now: now)
        #expect(actions == [.tell(.died(first, crashed, retryIn: .zero)), .start(2, first, crew)])
        var waits: [Duration] = []
        var told = 0
        for serial in CompanionSerial(2)...7 {
            _ = machine.handle(.spawned(serial, pid: 8), now: now)
            now = now + .milliseconds(100)
            actions = machine.handle(.ended(serial, crashed), now: now)
            told += actions.contains(.tell(.keepsDying(first, crashed))) ? 1 : 0
            guard case .tell(.died(_, _, let wait))? = actions.first else {
                Issue.record("\(actions)")
                return
            }
            waits.append(wait)
            #expect(machine.handle(.timePassed, now: now + (wait - .milliseconds(1))) == [])
            now = now + wait
            #expect(machine.handle(.timePassed, now: now) == [.start(serial + 1, first, crew)])
        }
        #expect(waits.allSatisfy { $0 >= .milliseconds(250) } && waits[5] > .seconds(5), "\(waits)")
        #expect(told == 1)
        let shown = machine.snapshot(now: now)[0]
        #expect(shown.isFailing && shown.restarts == 7 && shown.lastEnd == crashed)
        _ = machine.handle(.spawned(8, pid: 9), now: now)
        #expect(machine.handle(.timePassed, now: now + .seconds(10)) == [.tell(.recovered(first))])
        #expect(!machine.snapshot(now: now + .seconds(10))[0].isFailing)
    }

    @Test("a shutdown stops all within its time, and says when they are gone")
    func shutdown() {
        var (machine, _) = running(worker())
        #expect(
            machine.handle(.shutDown(within: .seconds(2)), now: at(20))
                == [.signal(1, SIGTERM), .tell(.stopping(first))])
        #expect(machine.handle(.live(crew("2", worker())), now: at(20)) == [])
        #expect(machine.handle(.shutDown(within: .seconds(1)), now: at(20.5)) == [], "less time, nothing new")
        #expect(machine.handle(.timePassed, now: at(21.5)) == [.kill(1), .tell(.killed(first))])
        #expect(machine.handle(.ended(1, crashed), now: at(21.6)) == [.tell(.stopped(first, crashed)), .allGone])
        #expect(machine.handle(.shutDown(within: .zero), now: at(22)) == [])
        var idle = CompanionStateMachine(seed: 1)
        #expect(idle.handle(.shutDown(within: .seconds(1)), now: at(0)) == [.allGone])
    }

    @Test("the plan: the release's directory and marks, the app's environment, no shell in between")
    func plan() {
        var crew = crew("2", worker())
        crew.release = ReleaseLabel(number: DeployNumber(2), name: "2-9be0d13", revision: "9be0d13")
        let plan = CompanionLaunch.plan("work -q a", of: crew, environment: ["A=1"], openFiles: (1024, 4096))
        #expect(plan.arguments == ["/bin/sh", "-c", "exec work -q a"])
        #expect(plan.directory == "/srv/blog/releases/2")
        #expect(plan.environment == ["A=1", "PASSENGER_RELEASE=2-9be0d13", "PASSENGER_REVISION=9be0d13"])
        #expect(plan.limits == [ResourceLimit(resource: Int32(RLIMIT_NOFILE.rawValue), soft: 1024, hard: 4096)])
    }

    @Test("random lives: never two crews, never two of one, nobody forgotten, nobody killed early")
    func model() {
        let seed = UInt64.random(in: .min ... .max)
        print("companions model test, seed \(seed)")
        for run in 0..<UInt64(getenv("PASSENGER_LONG_TESTS") != nil ? 20_000 : 1000) {
            var world = CompanionWorld(seed: seed &+ run)
            for _ in 0..<150 where world.broken.isEmpty { world.step() }
            settle(&world)
            guard world.broken.isEmpty else {
                Issue.record("seed \(seed &+ run): \(world.broken)")
                return
            }
        }
    }

    /// Once nothing goes wrong any more, what ought to run does, and what ought to end has.
    private func settle(_ world: inout CompanionWorld) {
        world.isCalm = true
        for _ in 0..<600 where world.broken.isEmpty {
            world.spawn()
            world.obey()
            world.passTime(.milliseconds(200))
        }
        guard world.broken.isEmpty else { return }
        if world.shutdownDeadline != nil { return world.check(world.isGone, "a shutdown never came to its end") }
        let wanted = world.live?.settings.processes.flatMap { process in
            (0..<process.instances).map { CompanionID(name: process.name, instance: $0 + 1) }
        }
        let running = world.processes.values.filter(\.isSpawned)
        world.check(Set(running.map(\.id)) == Set(wanted ?? []), "\(running.map(\.id)) run, not \(wanted ?? [])")
        world.check(running.allSatisfy { $0.crew == world.live?.settings.directory }, "the wrong crew runs")
    }
}
