import Model

/// When which worker is measured. Decisions only: time is an argument.
///
/// One round at a time; a round asks for all that are due, and is answered process by process. Measuring may take a
/// twentieth of the time at most, however many or large the workers are.
struct MemoryRounds {
    enum Action: Equatable {
        case ask([Int32])
        /// The process that measures is stuck, or gone: another one is to be started, then `meterIsReady`.
        case replaceMeter
        case none
    }

    static let interval = Duration.seconds(5)
    /// For workers with a hard limit: past half of it, and past three quarters.
    static let nearInterval = Duration.seconds(1)
    static let nearestInterval = Duration.milliseconds(250)
    static let patience = Duration.seconds(5)
    static let meterDelay = Duration.seconds(10)
    /// A round is followed by a rest of so many times its own time.
    static let rest = 20

    private struct Subject {
        var pid: Int32
        /// 0 is none.
        var hardLimit: Int
        var due: Instant
        var figures: MemoryFigures?
        /// Reading it took all patience once: another user's process can make us wait for ever. It is not looked at closely
        /// again.
        var isStuck = false
    }

    private enum Meter: Equatable {
        case none(retryAt: Instant)
        case starting
        case idle
        /// The next answer is about the first of these, and must come until then.
        case busy([Int32], began: Instant, until: Instant)
    }

    private var subjects: [WorkerNumber: Subject] = [:]
    private var numbers: [Int32: WorkerNumber] = [:]
    private var meter = Meter.none(retryAt: .zero)
    private var notBefore = Instant.zero

    func figures(_ worker: WorkerNumber) -> MemoryFigures? { subjects[worker]?.figures }

    mutating func started(_ worker: WorkerNumber, pid: Int32, hardLimit: Int, now: Instant) {
        subjects[worker] = Subject(pid: pid, hardLimit: hardLimit, due: now + Self.nearInterval)
        numbers[pid] = worker
    }

    mutating func ended(_ worker: WorkerNumber) {
        guard let subject = subjects.removeValue(forKey: worker), numbers[subject.pid] == worker else { return }
        numbers[subject.pid] = nil
    }

    /// When `timePassed` has something to do.
    var nextDeadline: Instant? {
        switch meter {
        case .busy(_, _, let until): return until
        case .starting: return nil
        case .none(let retryAt): return firstDue.map { max($0, retryAt) }
        case .idle: return firstDue.map { max($0, notBefore) }
        }
    }

    private var firstDue: Instant? { subjects.values.lazy.map(\.due).min() }

    mutating func timePassed(now: Instant) -> Action {
        guard let deadline = nextDeadline, deadline <= now else { return .none }
        switch meter {
        case .none:
            meter = .starting
            return .replaceMeter
        case .busy(let roots, _, _):
            if let root = roots.first, let worker = numbers[abs(root)] { subjects[worker]?.isStuck = true }
            meter = .starting
            return .replaceMeter
        case .idle: return ask(now: now)
        case .starting: return .none
        }
    }

    mutating func meterIsReady(now: Instant) -> Action {
        meter = .idle
        return timePassed(now: now)
    }

    mutating func meterIsGone(now: Instant) { meter = .none(retryAt: now + Self.meterDelay) }

    private mutating func ask(now: Instant) -> Action {
        let due = subjects.values.filter { $0.due <= now }.map { $0.isStuck ? -$0.pid : $0.pid }.sorted()
        let roots = Array(due.prefix(MeterWire.mostRoots))
        guard !roots.isEmpty else { return .none }
        meter = .busy(roots, began: now, until: now + Self.patience)
        return .ask(roots)
    }

    /// The worker that this is about, unless it has ended meanwhile.
    mutating func answered(_ root: Int32, _ figures: MemoryFigures, now: Instant) -> WorkerNumber? {
        guard case .busy(var roots, let began, _) = meter, roots.first == root else { return nil }
        roots.removeFirst()
        if roots.isEmpty {
            meter = .idle
            notBefore = now + (now - began) * Self.rest
        } else {
            meter = .busy(roots, began: began, until: now + Self.patience)
        }
        guard let worker = numbers[abs(root)], var subject = subjects[worker] else { return nil }
        subject.due = now + Self.interval(figures, hardLimit: subject.hardLimit)
        subject.figures = figures
        subjects[worker] = subject
        return worker
    }

    private static func interval(_ figures: MemoryFigures, hardLimit: Int) -> Duration {
        guard hardLimit > 0 else { return interval }
        if figures.ownBytes >= hardLimit / 4 * 3 { return nearestInterval }
        return figures.ownBytes >= hardLimit / 2 ? nearInterval : interval
    }
}
