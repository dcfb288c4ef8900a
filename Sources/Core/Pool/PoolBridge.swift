import Gateway
import Model
import Pool
import Spawning

/// The pool's hands: what it wants spawned, proved and stopped goes to Spawning, and a worker is stopped only after the
/// gateway has let go of it.
final class PoolBridge: PoolDelegate {
    private let spawner: WorkerSpawner
    /// Nil in a transient core, which serves nobody.
    private let gateway: Gateway?
    private let gate: @Sendable (AppName) -> SpawnGate?
    private let snapshots: SnapshotKeeper?
    private let report: @Sendable (PoolEvent) -> Void
    /// Another core's, from the moment when this one retires.
    private let handedOver = Shared<Set<WorkerNumber>?>(nil)

    /// - Parameter snapshots: nil in a transient core, which leaves nothing behind.
    init(
        spawner: WorkerSpawner, gateway: Gateway?, gate: @escaping @Sendable (AppName) -> SpawnGate?,
        snapshots: SnapshotKeeper?, report: @escaping @Sendable (PoolEvent) -> Void
    ) {
        self.spawner = spawner
        self.gateway = gateway
        self.gate = gate
        self.snapshots = snapshots
        self.report = report
    }

    /// From now on these workers are only asked, and nothing is booted any more.
    func retire(_ workers: Set<WorkerNumber>) { handedOver.withLock { $0 = workers } }

    private var isRetired: Bool { handedOver.withLock { $0 != nil } }

    func spawnWorker(_ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec) {
        if isRetired { return }
        let spawn: @Sendable () -> Void = { [spawner] in
            spawner.spawn(worker, generation: generation, spec: spec)
        }
        if let gate = gate(spec.app) { gate.pass(spawn) } else { spawn() }
    }

    func greetWorker(_ endpoint: WorkerEndpoint) { spawner.greet(endpoint) }

    func proveWorker(_ endpoint: WorkerEndpoint) { spawner.prove(endpoint) }

    func probeWorker(_ endpoint: WorkerEndpoint) { if !isRetired { spawner.probe(endpoint) } }

    func work(_ endpoint: WorkerEndpoint) { if !isRetired { spawner.work(endpoint) } }

    func stopWorker(_ worker: WorkerNumber, endpoint: WorkerEndpoint?, grace: Duration) {
        if handedOver.withLock({ $0?.contains(worker) }) == true { return }
        snapshots?.changed()
        guard let endpoint, let gateway else { return spawner.stop(worker, grace: grace) }
        gateway.closeIdleConnections(to: endpoint) { [spawner] in
            spawner.stop(worker, grace: grace)
            gateway.forget(endpoint, after: grace)
        }
    }

    func endStreams(
        of app: AppIndex, generation: GenerationNumber, worker: WorkerNumber?, spreadOver window: Duration
    ) {
        gateway?.endStreams(of: app, generation: generation, worker: worker, spreadOver: window)
    }

    private func leave(_ generation: GenerationNumber, of app: AppName) {
        spawner.retire(generation, of: app)
        spawner.enter(.draining, generation, of: app)
    }

    func poolEvent(_ event: PoolEvent) {
        // What becomes of the workers is the other core's to tell.
        if isRetired { return }
        switch event.kind {
        case .workerReady(let worker, _, _), .workerAnswered(let worker): spawner.becameAvailable(worker)
        case .switched(let from, _):
            from.map { spawner.enter(.standby, $0, of: event.app) }
            event.generation.map { spawner.enter(.live, $0, of: event.app) }
        case .draining: event.generation.map { leave($0, of: event.app) }
        case .generationGone:
            event.generation.map {
                spawner.retire($0, of: event.app)
                spawner.forget($0, of: event.app)
            }
        default: break
        }
        snapshots?.changed()
        report(event)
    }
}
