import Linux
import Model
import Pool
import Synchronization

/// The preloader of one generation: has its workers forked, or started one by one. Returns at once from everything.
final class Preloader: Sendable {
    /// A fork takes milliseconds; one that takes so long hangs.
    private static let forkPatience = Duration.seconds(10)
    private static let stopGrace = Duration.seconds(2)

    private struct Shared {
        var machine: PreloaderStateMachine
        /// Workers that wait or are being forked.
        var workers: [WorkerNumber: WorkerProcess] = [:]
        var running: [Int: PreloaderProcess] = [:]
        var newest: PreloaderProcess? { running.max { $0.key < $1.key }?.value }
    }

    private let generation: GenerationNumber
    private let spec: GenerationSpec
    private let parts: SpawningParts
    /// The environment of the generation, whatever has become of env files since: that of its first preloader.
    private let variables = Mutex<[String]?>(nil)
    /// Whether idle limits apply: asked when there is something to decide.
    private let isLive: @Sendable () -> Bool
    private let shared: Mutex<Shared>

    init(
        generation: GenerationNumber, spec: GenerationSpec, parts: SpawningParts,
        isLive: @escaping @Sendable () -> Bool
    ) {
        self.generation = generation
        self.spec = spec
        self.parts = parts
        self.isLive = isLive
        shared = Mutex(Shared(machine: PreloaderStateMachine(idleTime: spec.settings.pool.maxPreloaderIdleTime)))
    }

    static func isUsed(for spec: GenerationSpec) -> Bool {
        switch spec.settings.kind {
        case .rack, .wsgi: spec.settings.pool.spawnMethod == .smart
        case .asgi, .node, .generic, .static: false
        }
    }

    func want(_ process: WorkerProcess) {
        decide { shared in
            shared.workers[process.worker] = process
            return shared.machine.wanted(process.worker, now: monotonicNow())
        }
    }

    /// True when it waited: then it is over, and has said so. Else it must be stopped like any other.
    func giveUp(_ worker: WorkerNumber) -> Bool {
        let (process, actions, story) = shared.withLock { shared in
            guard let actions = shared.machine.gaveUp(worker) else {
                return (nil as WorkerProcess?, [PreloaderStateMachine.Action](), nil as BootFailure?)
            }
            return (shared.workers.removeValue(forKey: worker), actions, shared.newest?.story)
        }
        guard let process else { return false }
        perform(actions)
        process.conclude(story ?? BootFailure(step: "spawn", summary: "stopped before it was started"))
        return true
    }

    func retire() { decide { $0.machine.retire() } }

    var report: PreloaderReport {
        shared.withLock { shared in
            let pid = shared.newest?.pid
            return switch shared.machine.state {
            case .booting: PreloaderReport(state: .booting, pid: pid)
            case .ready: PreloaderReport(state: .ready, pid: pid)
            case .absent, .retired: PreloaderReport(state: .absent)
            case .unsuitable(let reason): PreloaderReport(state: .unsuitable, reason: reason)
            }
        }
    }

    // MARK: What becomes of forks

    func forked(_ worker: WorkerNumber) {
        shared.withLock { shared in
            shared.workers[worker] = nil
            shared.machine.forked(worker, now: monotonicNow())
        }
    }

    func refused(_ process: WorkerProcess, _ reason: String) {
        let worker = process.worker
        decide { shared in
            guard !process.isStopping else {
                shared.machine.forget(worker)
                return [.fail(worker, BootFailure(step: "fork", summary: reason))]
            }
            return shared.machine.refused(worker, reason: reason, now: monotonicNow())
        }
    }

    // MARK: Acting

    private func decide(_ event: (inout Shared) -> [PreloaderStateMachine.Action]) {
        perform(shared.withLock { event(&$0) })
    }

    private func perform(_ actions: [PreloaderStateMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: PreloaderStateMachine.Action) {
        switch action {
        case .boot(let number): boot(number)
        case .fork(let worker, let number): fork(worker, from: number)
        case .startDirectly(let worker): take(worker)?.start()
        case .fail(let worker, let failure): take(worker)?.conclude(failure)
        case .stop(let number): process(number)?.stop(grace: Self.stopGrace)
        case .kill(let number): process(number)?.kill()
        case .wake(let number, let delay):
            parts.schedule(delay) { [weak self] in
                guard let self else { return }
                let mayIdle = isLive()
                decide { $0.machine.timePassed(number, mayIdle: mayIdle, now: monotonicNow()) }
            }
        case .tell(let text): parts.notice(spec.app, .preloader(generation), text)
        }
    }

    private func take(_ worker: WorkerNumber) -> WorkerProcess? {
        shared.withLock { $0.workers.removeValue(forKey: worker) }
    }

    private func process(_ number: Int) -> PreloaderProcess? { shared.withLock { $0.running[number] } }

    private func boot(_ number: Int) {
        let process = PreloaderProcess(
            generation: generation, spec: spec, parts: parts, variables: environment(),
            tell: { [weak self] in self?.heard($0, of: number) })
        shared.withLock { $0.running[number] = process }
        process.start()
    }

    private func environment() -> [String] {
        variables.withLock { variables in
            let environment = variables ?? parts.environment(spec.settings)
            variables = environment
            return environment
        }
    }

    /// One that an earlier core had booted is asked for workers from now on.
    func adopt(_ child: InheritedChild) {
        let (process, actions) = shared.withLock { shared in
            guard let (number, actions) = shared.machine.adopted(now: monotonicNow()) else {
                return (nil as PreloaderProcess?, [PreloaderStateMachine.Action]())
            }
            let process = PreloaderProcess(
                generation: generation, spec: spec, parts: parts, variables: [],
                tell: { [weak self] in self?.heard($0, of: number) })
            process.adopt(child.entry.tag)
            shared.running[number] = process
            return (process, actions)
        }
        guard let process else { return }
        child.take(by: process)
        perform(actions)
    }

    /// The one that can be asked.
    private var usable: PreloaderProcess? {
        shared.withLock { shared in
            if case .ready(let number, _) = shared.machine.state { shared.running[number] } else { nil }
        }
    }

    var tag: ChildTag? { usable?.tag }

    /// Another core goes on with it.
    func stopReading() { usable?.stopReading() }

    var mark: ProcessMark? { usable?.mark }

    private func heard(_ event: PreloaderProcess.Event, of number: Int) {
        decide { shared in
            switch event {
            case .preloaded: return shared.machine.preloaded(number, now: monotonicNow())
            case .unsuitable(let reason): return shared.machine.unsuitable(number, reason: reason)
            case .ended(let failure):
                shared.running[number] = nil
                return shared.machine.ended(number, failure)
            }
        }
    }

    private func fork(_ worker: WorkerNumber, from number: Int) {
        let (process, preloader) = shared.withLock { ($0.workers[worker], $0.running[number]?.tag) }
        guard let process else { return }
        // Its end has just been told: the refusal of a fork that could not be asked for.
        guard let preloader else { return refused(process, "its preloader is gone") }
        process.fork(from: preloader, of: self)
        parts.schedule(Self.forkPatience) { [weak self] in
            self?.decide { $0.machine.forkOverdue(worker, from: number) }
        }
    }
}
