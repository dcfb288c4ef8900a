import AdminAPI
import AppConfig
import Deploys
import Linux
import Model
import Pool
import Spawning

/// One app of this server: its operations, and how `status` shows it.
struct ServedApp: Sendable {
    let name: AppName
    let index: AppIndex
    let mode: RootMode
    let plan: CoreBootPlan
    let settings: SettingsClient
    let operations: AppOperations
    /// Nil in a transient core, which serves nobody.
    let routes: AppRoutes?
    let companions: CompanionKeeper?
    let certificates: CertificateKeeper?
    /// Writes what an operation does to the log.
    let log: @Sendable (OperationHandle) -> Void

    func status(_ pool: Pool) async -> AppStatus {
        let overview = await operations.overview()
        let live = await operations.liveSettings()
        let snapshot = pool.snapshot()[index]
        var status = AppStatus(
            name: name, root: plan.location.path, mode: mode, kind: live?.kind,
            environment: live?.environment ?? plan.settings.environment)
        status.liveRelease = overview.live?.label.name
        status.generations = snapshot?.generations.map { GenerationStatus($0) } ?? []
        status.companions = companions?.snapshot().map { CompanionStatus($0) } ?? []
        status.queue = QueueStatus(
            length: snapshot?.queueLength ?? 0, max: (live ?? plan.settings).queue.maxRequestQueueSize)
        status.scale = snapshot?.scale
        status.pausedSince = snapshot?.isPaused == true ? await operations.pausedSince().map { WallTime($0) } : nil
        status.operation = overview.running.map { running in
            OperationStatus(
                operation: OperationID(AdminAPI.OperationKind(running.kind), running.operation.rawValue),
                kind: AdminAPI.OperationKind(running.kind), deploy: running.deploy,
                step: running.step?.rawValue ?? "starting", since: WallTime(running.since),
                by: running.requester.user ?? running.requester.command)
        }
        if let outcome = overview.lastOutcome, let failure = outcome.failure {
            status.lastFailure = FailureReport(failure, step: outcome.failedStep?.rawValue)
        } else if let failure = snapshot?.lastBootFailure {
            status.lastFailure = FailureReport(failure)
        }
        status.warnings = plan.warnings + settings.warnings + overview.warnings + (certificates?.warnings ?? [])
        return status
    }
}

extension CompanionStatus {
    init(_ companion: CompanionSnapshot) {
        self.init(
            name: "\(companion.id)", release: companion.release?.name, pid: companion.pid,
            state: companion.state.rawValue, restarts: companion.restarts, ageSeconds: companion.age.inSeconds,
            isFailing: companion.isFailing, lastError: companion.lastEnd.map { "\($0)" })
    }
}

extension GenerationStatus {
    init(_ generation: GenerationSnapshot) {
        let state: State =
            switch generation.state {
            case .booting: .booting
            case .proved: .proved
            case .live: .live
            case .standby: .standby
            case .draining, .gone: .draining
            }
        self.init(
            number: generation.number, release: generation.release?.name, state: state, target: generation.target,
            workers: generation.workers.map { WorkerStatus($0, lastError: generation.lastError?.summary) })
    }
}

extension WorkerStatus {
    init(_ worker: WorkerSnapshot, lastError: String?) {
        self.init(
            number: worker.number, pid: worker.pid, state: "\(worker.state)", requestsNow: worker.requestsNow,
            requestsTotal: Int(clamping: worker.requestsTotal), ageSeconds: (monotonicNow() - worker.bornAt).inSeconds,
            lastError: lastError)
    }
}
