package import Model
package import Pool
import Synchronization

/// All workers of this core: where the pool's wishes arrive. Returns at once from everything.
package final class WorkerSpawner: Sendable {
    package let parts: SpawningParts
    private let pool: Pool
    private let prover: WorkerProver
    private let state = Mutex(State())

    private struct State {
        var processes: [WorkerNumber: WorkerProcess] = [:]
        var preloaders: [GenerationKey: Preloader] = [:]
        var phases: [GenerationKey: GenerationPhase] = [:]
        /// Stopped before they were spawned: the pool's wishes may overtake each other.
        var stoppedEarly: Set<WorkerNumber> = []
    }

    private struct GenerationKey: Hashable {
        var app: AppName
        var generation: GenerationNumber
    }

    /// How long a stop waits for the spawn that it overtook, and the end of a generation for its last one.
    private static let overtaking = Duration.seconds(60)

    package init(parts: SpawningParts, pool: Pool) {
        self.parts = parts
        self.pool = pool
        prover = WorkerProver(parts: parts, pool: pool)
    }

    package func spawn(_ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec) {
        let process = makeProcess(worker, generation, spec)
        let isStopped = state.withLock { state in
            state.processes[worker] = process
            return state.stoppedEarly.remove(worker) != nil
        }
        if isStopped { return process.giveUp() }
        if Preloader.isUsed(for: spec) { preloader(of: generation, spec).want(process) } else { process.start() }
    }

    func makeProcess(
        _ worker: WorkerNumber, _ generation: GenerationNumber, _ spec: GenerationSpec
    ) -> WorkerProcess {
        WorkerProcess(
            worker: worker, generation: generation, spec: spec, parts: parts, pool: pool,
            ended: { [weak self] worker in self?.forget(worker) })
    }

    func keep(_ process: WorkerProcess) { state.withLock { $0.processes[process.worker] = process } }

    var processes: [WorkerNumber: WorkerProcess] { state.withLock { $0.processes } }

    func preloader(of generation: GenerationNumber, _ spec: GenerationSpec) -> Preloader {
        let key = GenerationKey(app: spec.app, generation: generation)
        return state.withLock { state in
            if let known = state.preloaders[key] { return known }
            let pool = self.pool
            let new = Preloader(generation: generation, spec: spec, parts: parts) {
                let app = pool.snapshot().apps.first { $0.name == key.app }
                return app?.generations.first { $0.number == key.generation }?.state == .live
            }
            state.preloaders[key] = new
            return new
        }
    }

    /// The generation needs no worker any more: its preloader is stopped. May be repeated.
    package func retire(_ generation: GenerationNumber, of app: AppName) {
        let key = GenerationKey(app: app, generation: generation)
        guard let preloader = state.withLock({ $0.preloaders[key] }) else { return }
        preloader.retire()
        parts.schedule(Self.overtaking) { [self] in state.withLock { $0.preloaders[key] = nil } }
    }

    /// Nil for a generation that is not preloaded, because it is not to be or because no worker was wanted yet.
    package func preloader(of generation: GenerationNumber, _ app: AppName) -> PreloaderReport? {
        knownPreloader(of: generation, app)?.report
    }

    func knownPreloader(of generation: GenerationNumber, _ app: AppName) -> Preloader? {
        state.withLock { $0.preloaders[GenerationKey(app: app, generation: generation)] }
    }

    /// The step of the boot that a worker is at, for `status`.
    package func step(of worker: WorkerNumber) -> String? { state.withLock { $0.processes[worker] }?.step }

    package func prove(_ endpoint: WorkerEndpoint) { prover.prove(endpoint) }

    /// A worker of an earlier core.
    package func greet(_ endpoint: WorkerEndpoint) {
        let phase = state.withLock { state in
            state.processes[endpoint.worker].flatMap { state.phases[Self.key($0)] }
        }
        prover.greet(endpoint, phase ?? .live)
    }

    /// Once, while it serves.
    package func probe(_ endpoint: WorkerEndpoint) { prover.probe(endpoint) }

    /// Out-of-band work, which it has asked for.
    package func work(_ endpoint: WorkerEndpoint) { prover.work(endpoint) }

    /// For a worker that is gone nothing happens. May be repeated, with another grace.
    package func stop(_ worker: WorkerNumber, grace: Duration) {
        prover.forget(worker)
        let process = state.withLock { state in
            if state.processes[worker] == nil { state.stoppedEarly.insert(worker) }
            return state.processes[worker]
        }
        if let process {
            let key = GenerationKey(app: process.spec.app, generation: process.generation)
            let preloader = state.withLock { $0.preloaders[key] }
            if preloader?.giveUp(worker) != true { process.stop(grace: grace) }
            return
        }
        parts.schedule(Self.overtaking) { [self] in state.withLock { _ = $0.stoppedEarly.remove(worker) } }
    }

    /// It has been proved and takes requests.
    package func becameAvailable(_ worker: WorkerNumber) {
        let (process, phase) = state.withLock { state in
            let process = state.processes[worker]
            return (process, process.flatMap { state.phases[Self.key($0)] })
        }
        process?.becameAvailable()
        if let phase { process?.tell(phase, by: prover) }
    }

    /// Tells those of its workers that serve, now or later.
    package func enter(_ phase: GenerationPhase, _ generation: GenerationNumber, of app: AppName) {
        let key = GenerationKey(app: app, generation: generation)
        let processes = state.withLock { state in
            state.phases[key] = phase
            return state.processes.values.filter { Self.key($0) == key }
        }
        for process in processes where process.isAvailable { process.tell(phase, by: prover) }
    }

    package func forget(_ generation: GenerationNumber, of app: AppName) {
        prover.forget(generation, of: app)
        state.withLock { _ = $0.phases.removeValue(forKey: GenerationKey(app: app, generation: generation)) }
    }

    private static func key(_ process: WorkerProcess) -> GenerationKey {
        GenerationKey(app: process.spec.app, generation: process.generation)
    }

    private func forget(_ worker: WorkerNumber) {
        prover.forget(worker)
        state.withLock { _ = $0.processes.removeValue(forKey: worker) }
    }
}
