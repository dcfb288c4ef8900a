import Glibc
import Model
import Pool

/// A place in a crew, and the process that fills it.
struct CompanionMember: Sendable, Equatable {
    enum State: Sendable, Equatable {
        /// No process; from then on one may be started -> starting, over
        case waiting(until: Instant)
        /// Asked for -> running, waiting, ending
        case starting(CompanionSerial, since: Instant)
        case running(CompanionSerial, pid: Int32, since: Instant)
        /// Told to stop; at `killAt` it is killed, and then, at the next one, given up -> over, waiting
        case ending(CompanionSerial, pid: Int32?, since: Instant, killAt: Instant, isKilled: Bool)
        /// No process, and none is to come.
        case over
    }

    let id: CompanionID
    let settings: CompanionSettings
    var state: State
    var backOff = BackOff()
    var restarts = 0
    /// It was told to take no new work: until the switch is decided it is not started again either.
    var isQuiet = false
    var lastEnd: CompanionEnd?

    init(id: CompanionID, settings: CompanionSettings, state: State) {
        self.id = id
        self.settings = settings
        self.state = state
    }

    /// Whether the quiet signal may have stopped it: a program that does not catch TSTP, or does not yet, hears no other
    /// signal before it is continued.
    var isStopped: Bool {
        isQuiet && settings.quietSignal.map { [SIGTSTP, SIGTTIN, SIGTTOU].contains($0) } ?? false
    }

    var shown: CompanionSnapshot.State {
        switch state {
        case .waiting, .over: .waiting
        case .starting: .starting
        case .running: isQuiet ? .quiet : .running
        case .ending: .stopping
        }
    }
}

extension CompanionStateMachine {
    static let continueSignal = SIGCONT
}

extension CompanionMember.State {
    var serial: CompanionSerial? {
        switch self {
        case .starting(let serial, _), .running(let serial, _, _), .ending(let serial, _, _, _, _): serial
        case .waiting, .over: nil
        }
    }

    var pid: Int32? {
        switch self {
        case .running(_, let pid, _): pid
        case .ending(_, let pid, _, _, _): pid
        case .waiting, .starting, .over: nil
        }
    }

    var since: Instant? {
        switch self {
        case .starting(_, let since), .running(_, _, let since), .ending(_, _, let since, _, _): since
        case .waiting, .over: nil
        }
    }

    mutating func spawned(_ pid: Int32) {
        switch self {
        case .starting(let serial, let since): self = .running(serial, pid: pid, since: since)
        case .ending(let serial, _, let since, let killAt, let isKilled):
            self = .ending(serial, pid: pid, since: since, killAt: killAt, isKilled: isKilled)
        case .waiting, .running, .over: break
        }
    }

    /// There is less time than its own `stop_timeout`.
    mutating func hurry(_ deadline: Instant) {
        guard case .ending(let serial, let pid, let since, let killAt, false) = self else { return }
        self = .ending(serial, pid: pid, since: since, killAt: min(killAt, deadline), isKilled: false)
    }
}
