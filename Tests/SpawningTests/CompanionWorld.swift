import Glibc
import Model
import Pool

@testable import Spawning

/// Processes that do what the machine says, as far as processes do: they obey or not, die by themselves, are never
/// started, or hang in the kernel. Every rule about companions is checked against what really runs here.
struct CompanionWorld {
    struct Process {
        let crew: String
        let id: CompanionID
        let settings: CompanionSettings
        var isSpawned = false
        /// Since when it has been told to stop, and the longest it may then take.
        var stoppedAt: Instant?
        var isKilled = false
        let obeys: Bool
        let hangs: Bool
    }

    var machine: CompanionStateMachine
    var random: SplitMix64
    var now = Instant(nanoseconds: 1_000_000_000)
    var processes: [CompanionSerial: Process] = [:]
    var live: CompanionCrew?
    var shutdownDeadline: Instant?
    var isGone = false
    var broken: [String] = []
    /// Nothing goes wrong by itself any more.
    var isCalm = false

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        machine = CompanionStateMachine(seed: seed)
    }

    mutating func check(_ truth: Bool, _ what: @autoclosure () -> String) { if !truth { broken.append(what()) } }

    mutating func chance(_ percent: Int) -> Bool { !isCalm && Int.random(in: 0..<100, using: &random) < percent }

    // MARK: What happens

    mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<8: replaceCrew(fails: false)
        case 8..<12: replaceCrew(fails: true)
        case 12..<30: dieByItself()
        case 30..<50: spawn()
        case 50..<62: obey()
        case 62..<63: shutDown()
        default: passTime(.milliseconds(Int64.random(in: 1...3000, using: &random)))
        }
    }

    mutating func replaceCrew(fails: Bool) {
        feed(.quiet)
        if fails { return feed(.switchFailed) }
        let crew = randomCrew()
        if shutdownDeadline == nil { live = crew }
        feed(.live(crew))
    }

    mutating func shutDown() {
        let limit = Duration.seconds(Int64.random(in: 0...20, using: &random))
        shutdownDeadline = min(shutdownDeadline ?? now + limit, now + limit)
        feed(.shutDown(within: limit))
    }

    mutating func passTime(_ duration: Duration) {
        for (serial, process) in processes where process.isKilled && !process.hangs {
            end(serial, .exited(.signalled(9, dumpedCore: false)))
        }
        now = now + duration
        feed(.timePassed)
    }

    mutating func spawn() {
        guard let serial = pick({ !$0.isSpawned }) else { return }
        if chance(10) { return end(serial, .notStarted("no such directory")) }
        processes[serial]?.isSpawned = true
        feed(.spawned(serial, pid: Int32(serial)))
    }

    private mutating func dieByItself() {
        guard let serial = pick({ $0.isSpawned && !$0.hangs }) else { return }
        end(serial, .exited(.exited(1)))
    }

    mutating func obey() {
        guard let serial = pick({ $0.stoppedAt != nil && $0.obeys || $0.isKilled && !$0.hangs }) else { return }
        end(serial, .exited(.signalled(15, dumpedCore: false)))
    }

    private mutating func end(_ serial: CompanionSerial, _ how: ToolEnd) {
        processes[serial] = nil
        feed(.ended(serial, CompanionEnd(how)))
    }

    private mutating func pick(_ isWanted: (Process) -> Bool) -> CompanionSerial? {
        processes.filter { isWanted($0.value) }.keys.sorted().randomElement(using: &random)
    }

    private mutating func randomCrew() -> CompanionCrew {
        let number = UInt64.random(in: .min ... .max, using: &random)
        var settings = AppSettings(name: AppName(sanitizing: "blog"), directory: "/srv/\(number)", kind: .rack)
        for name in ["worker", "clock", "mailer"] where Bool.random(using: &random) {
            var process = CompanionSettings(name: name, command: name)
            process.instances = Int.random(in: 0...2, using: &random)
            process.quietSignal = Bool.random(using: &random) ? SIGTSTP : nil
            process.stopTimeout = .seconds(Int64.random(in: 0...5, using: &random))
            settings.processes.append(process)
        }
        return CompanionCrew(settings: settings, release: nil)
    }

    // MARK: What the machine does about it

    mutating func feed(_ event: CompanionStateMachine.Event) {
        for action in machine.handle(event, now: now) { carryOut(action) }
        checkRules(event)
    }

    private mutating func carryOut(_ action: CompanionStateMachine.Action) {
        switch action {
        case .start(let serial, let id, let crew): start(serial, id, crew)
        case .signal(let serial, let signal): take(signal, serial)
        case .kill(let serial):
            // Of a process that has ended already nothing is left to kill.
            guard let process = processes[serial] else { return }
            let isTime = process.stoppedAt.map { $0 + process.settings.stopTimeout <= now } ?? false
            check(isTime || shutdownDeadline.map { $0 <= now } ?? false, "\(process.id) was killed too early")
            processes[serial]?.isKilled = true
        case .tell(.stuck(let id)):
            // From here on it counts for nothing: it is in the kernel, and runs no code.
            guard let serial = pick({ $0.id == id && $0.isKilled }) else { return }
            check(processes[serial]?.hangs ?? false, "\(id) is given up, but it would have died")
            processes[serial] = nil
        case .tell: break
        case .allGone:
            check(!isGone && shutdownDeadline != nil, "all gone, twice or without a shutdown")
            isGone = true
        }
    }

    private mutating func start(_ serial: CompanionSerial, _ id: CompanionID, _ crew: CompanionCrew) {
        check(shutdownDeadline == nil, "\(id) was started in a shutdown")
        check(crew == live, "\(id) was started for a crew that is not live")
        check(processes[serial] == nil, "serial \(serial) is used twice")
        guard let settings = crew.settings.processes.first(where: { $0.name == id.name }) else {
            return check(false, "\(id) is not of its crew")
        }
        processes[serial] = Process(
            crew: crew.settings.directory, id: id, settings: settings, obeys: isCalm || !chance(20), hangs: chance(2))
    }

    private mutating func take(_ signal: Int32, _ serial: CompanionSerial) {
        guard let process = processes[serial] else { return check(false, "a signal to a process that has ended") }
        switch signal {
        case SIGTSTP:
            check(process.settings.quietSignal == SIGTSTP, "\(process.id) has no quiet signal")
            check(process.stoppedAt == nil, "\(process.id) was quieted while it stops")
        case SIGCONT: check(process.stoppedAt == now, "\(process.id) was continued for nothing")
        default:
            check(signal == process.settings.stopSignal && process.stoppedAt == nil, "\(process.id) was stopped twice")
            processes[serial]?.stoppedAt = now
        }
    }

    private mutating func checkRules(_ event: CompanionStateMachine.Event) {
        let alive = processes.values
        check(Set(alive.map(\.crew)).count <= 1, "processes of two crews at a time after \(event)")
        check(Set(alive.map(\.id)).count == alive.count, "two processes of one companion after \(event)")
        if isGone { check(alive.isEmpty, "all gone, but \(alive.count) processes are left") }
        if let live, shutdownDeadline == nil {
            check(
                alive.allSatisfy { $0.crew == live.settings.directory || $0.stoppedAt != nil },
                "a process of a crew that is not live was not told to stop after \(event)")
        }
    }
}
