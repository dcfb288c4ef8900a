package import Model
package import Pool
import Synchronization

/// All workers of this core: where the pool's wishes arrive. Returns at once from everything.
package final class WorkerSpawner: Sendable {
    private let parts: SpawningParts
    private let pool: Pool
    private let prover: WorkerProver
    private let processes = Mutex<[WorkerNumber: WorkerProcess]>([:])

    package init(parts: SpawningParts, pool: Pool) {
        self.parts = parts
        self.pool = pool
        prover = WorkerProver(parts: parts, pool: pool)
    }

    package func spawn(_ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec) {
        let process = WorkerProcess(
            worker: worker, generation: generation, spec: spec, parts: parts, pool: pool,
            ended: { [weak self] worker in self?.forget(worker) })
        processes.withLock { $0[worker] = process }
        process.start()
    }

    package func prove(_ endpoint: WorkerEndpoint) { prover.prove(endpoint) }

    /// For a worker that was never spawned, or is gone, nothing happens.
    package func stop(_ worker: WorkerNumber, grace: Duration) {
        prover.forget(worker)
        processes.withLock { $0[worker] }?.stop(grace: grace)
    }

    private func forget(_ worker: WorkerNumber) {
        prover.forget(worker)
        processes.withLock { _ = $0.removeValue(forKey: worker) }
    }
}
