import Model
import Pool

/// Where the workers of one generation come from: forked from a preloader that has loaded the app, or started one by one when
/// it cannot be preloaded. Decides when a preloader is started, asked, given up; pure. Preloaders are numbered, so that what
/// is said of an earlier one means nothing.
struct PreloaderStateMachine {
    enum Action: Equatable {
        /// Answered by `preloaded`, `unsuitable` or `ended`.
        case boot(Int)
        /// Answered by `forked` or `refused`; `forkOverdue` in case of neither.
        case fork(WorkerNumber, from: Int)
        /// Loads the app by itself.
        case startDirectly(WorkerNumber)
        case fail(WorkerNumber, BootFailure)
        /// No request of ours waits for it: asked to end, then killed.
        case stop(Int)
        case kill(Int)
        /// Call `timePassed` for this preloader after so long.
        case wake(Int, after: Duration)
        /// For the log.
        case tell(String)
    }

    enum State: Equatable {
        /// Started when the next worker is wanted.
        case absent
        case booting(Int)
        case ready(Int, lastUse: Instant)
        /// For good: why the app is not preloaded.
        case unsuitable(String)
        /// The generation is over.
        case retired
    }

    /// So many preloaders in a row may die of what they were asked for before the app is no longer preloaded.
    static let mostBarrenDeaths = 2

    private(set) var state = State.absent
    /// In the order in which they were wanted.
    private(set) var waiting: [WorkerNumber] = []
    /// By the preloader that was asked for them.
    private(set) var forking: [WorkerNumber: Int] = [:]
    private var lastNumber = 0
    private var barrenDeaths = 0
    /// Zero: it is kept for as long as the generation.
    private let idleTime: Duration

    init(idleTime: Duration) { self.idleTime = idleTime }

    /// There is one that somebody else had booted. Nil when none is needed: there is one, or none ever will be.
    mutating func adopted(now: Instant) -> (number: Int, actions: [Action])? {
        guard state == .absent else { return nil }
        lastNumber += 1
        state = .ready(lastNumber, lastUse: now)
        return (lastNumber, idleTime > .zero ? [.wake(lastNumber, after: idleTime)] : [])
    }

    mutating func wanted(_ worker: WorkerNumber, now: Instant) -> [Action] {
        switch state {
        case .absent:
            waiting.append(worker)
            lastNumber += 1
            state = .booting(lastNumber)
            return [.boot(lastNumber)]
        case .booting:
            waiting.append(worker)
            return []
        case .ready(let number, _):
            state = .ready(number, lastUse: now)
            forking[worker] = number
            return [.fork(worker, from: number)]
        case .unsuitable: return [.startDirectly(worker)]
        case .retired: return [.fail(worker, Self.over)]
        }
    }

    /// The worker is not wanted any more. Nil when it did not wait, and has to be stopped otherwise. A preloader that nobody
    /// waits for hangs, or belongs to a boot that was given up.
    mutating func gaveUp(_ worker: WorkerNumber) -> [Action]? {
        guard let index = waiting.firstIndex(of: worker) else { return nil }
        waiting.remove(at: index)
        guard waiting.isEmpty, case .booting(let number) = state else { return [] }
        state = .absent
        return [.kill(number)]
    }

    mutating func preloaded(_ number: Int, now: Instant) -> [Action] {
        guard state == .booting(number) else { return [] }
        state = .ready(number, lastUse: now)
        let workers = takeWaiting()
        for worker in workers { forking[worker] = number }
        let idle: [Action] = idleTime > .zero ? [.wake(number, after: idleTime)] : []
        return workers.map { .fork($0, from: number) } + idle
    }

    mutating func unsuitable(_ number: Int, reason: String) -> [Action] {
        guard state == .booting(number) else { return [] }
        return giveUpPreloading(reason)
    }

    /// Its process has ended; `failure` says how.
    mutating func ended(_ number: Int, _ failure: BootFailure) -> [Action] {
        switch state {
        case .booting(number):
            state = .absent
            return takeWaiting().map { .fail($0, failure) }
        case .ready(number, _):
            state = .absent
            guard forking.values.contains(number) else {
                return [.tell("the preloader ended (\(failure.summary)); the next worker starts another one")]
            }
            barrenDeaths += 1
            guard barrenDeaths >= Self.mostBarrenDeaths else {
                return [.tell("the preloader ended while it forked (\(failure.summary))")]
            }
            return giveUpPreloading("its preloaders end when they fork (\(failure.summary))")
        case .absent, .booting, .ready, .unsuitable, .retired: return []
        }
    }

    mutating func forked(_ worker: WorkerNumber, now: Instant) {
        guard let number = forking.removeValue(forKey: worker) else { return }
        barrenDeaths = 0
        if case .ready(number, _) = state { state = .ready(number, lastUse: now) }
    }

    /// Its own failure when the preloader lives; else it waits for the next one.
    mutating func refused(_ worker: WorkerNumber, reason: String, now: Instant) -> [Action] {
        guard let number = forking.removeValue(forKey: worker) else { return [] }
        if case .ready(number, _) = state {
            return [.fail(worker, BootFailure(step: "fork", summary: reason))]
        }
        return wanted(worker, now: now)
    }

    /// Not wanted any more, and refused.
    mutating func forget(_ worker: WorkerNumber) { forking[worker] = nil }

    /// A preloader that does not answer hangs, and takes every later worker's time.
    mutating func forkOverdue(_ worker: WorkerNumber, from number: Int) -> [Action] {
        forking[worker] == number ? [.kill(number)] : []
    }

    /// `mayIdle`: idle limits do not apply to a generation that is not live.
    mutating func timePassed(_ number: Int, mayIdle: Bool, now: Instant) -> [Action] {
        guard case .ready(number, let lastUse) = state else { return [] }
        let left = lastUse + idleTime - now
        guard left <= .zero else { return [.wake(number, after: left)] }
        guard mayIdle, forking.isEmpty else { return [.wake(number, after: idleTime)] }
        state = .absent
        return [.stop(number), .tell("the preloader was idle and is stopped; the next worker starts another one")]
    }

    /// The generation needs no worker any more.
    mutating func retire() -> [Action] {
        let running: [Action] =
            switch state {
            case .booting(let number), .ready(let number, _): [.stop(number)]
            case .absent, .unsuitable, .retired: []
            }
        state = .retired
        return running + takeWaiting().map { .fail($0, Self.over) }
    }

    private mutating func giveUpPreloading(_ reason: String) -> [Action] {
        state = .unsuitable(reason)
        return [.tell("the app is not preloaded, each worker loads it by itself: \(reason)")]
            + takeWaiting().map { .startDirectly($0) }
    }

    private mutating func takeWaiting() -> [WorkerNumber] {
        defer { waiting = [] }
        return waiting
    }

    private static let over = BootFailure(step: "fork", summary: "its generation is over")
}
