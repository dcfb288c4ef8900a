package import Model
package import Pool
import Synchronization

/// All workers of this core: where the pool's wishes arrive. Returns at once from everything.
package final class WorkerSpawner: Sendable {
    private let parts: SpawningParts
    private let pool: Pool
    private let prover: WorkerProver
    private let state = Mutex(State())

    private struct State {
        var processes: [WorkerNumber: WorkerProcess] = [:]
        /// Stopped before they were spawned: the pool's wishes may overtake each other.
        var stoppedEarly: Set<WorkerNumber> = []
    }

    /// How long a stop waits for the spawn that it overtook.
    private static let overtaking = Duration.seconds(60)

    package init(parts: SpawningParts, pool: Pool) {
        self.parts = parts
        self.pool = pool
        prover = WorkerProver(parts: parts, pool: pool)
    }

    package func spawn(_ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec) {
        let process = WorkerProcess(
            worker: worker, generation: generation, spec: spec, parts: parts, pool: pool,
            ended: { [weak self] worker in self?.forget(worker) })
        let isStopped = state.withLock { state in
            state.processes[worker] = process
            return state.stoppedEarly.remove(worker) != nil
        }
        if isStopped { process.giveUp() } else { process.start() }
    }

    package func prove(_ endpoint: WorkerEndpoint) { prover.prove(endpoint) }

    /// Once, while it serves.
    package func probe(_ endpoint: WorkerEndpoint) { prover.probe(endpoint) }

    /// For a worker that is gone nothing happens. May be repeated, with another grace.
    package func stop(_ worker: WorkerNumber, grace: Duration) {
        prover.forget(worker)
        let process = state.withLock { state in
            if state.processes[worker] == nil { state.stoppedEarly.insert(worker) }
            return state.processes[worker]
        }
        if let process { return process.stop(grace: grace) }
        parts.schedule(Self.overtaking) { [self] in state.withLock { _ = $0.stoppedEarly.remove(worker) } }
    }

    /// It has been proved and takes requests.
    package func becameAvailable(_ worker: WorkerNumber) {
        state.withLock { $0.processes[worker] }?.becameAvailable()
    }

    private func forget(_ worker: WorkerNumber) {
        prover.forget(worker)
        state.withLock { _ = $0.processes.removeValue(forKey: worker) }
    }
}
