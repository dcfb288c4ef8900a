import AdminAPI
import AppConfig
import Deploys
import Glibc
import Linux
import Logging
import Model
import Pool

/// One app of this server: its operations, and how `status` shows it.
struct ServedApp: Sendable {
    let plan: AppPlan
    let index: AppIndex
    let settings: SettingsClient
    let operations: AppOperations
    /// Nil in a transient core, which serves nobody.
    let routes: AppRoutes?
    /// Writes what an operation does to the log.
    let log: @Sendable (OperationHandle) -> Void

    var name: AppName { plan.name }
    var root: String { plan.location.path }
    var mode: RootMode { plan.location.isDeployRoot ? .deployRoot : .inPlace }

    func start(by uid: UInt32, _ logger: Logger) async {
        do throws(DeployFailure) {
            let requester = Requester(uid: uid, pid: getpid(), user: nil, command: "server start")
            if let handle = try await operations.start(requester: requester) { log(handle) }
        } catch {
            settings.failed(error)
            logger.error("app \(name): \(error.summary)")
            if let hint = error.hint { logger.error("    hint: \(hint)") }
        }
    }

    func status(_ snapshot: AppSnapshot?) async -> AppStatus {
        let overview = await operations.overview()
        let live = await operations.liveSettings()
        var status = AppStatus(
            name: name, root: root, mode: mode, kind: live?.kind,
            environment: live?.environment ?? plan.settings.environment)
        status.liveRelease = overview.live?.label.name
        status.generations = snapshot?.generations.map { GenerationStatus($0) } ?? []
        status.queue = QueueStatus(
            length: snapshot?.queueLength ?? 0, max: (live ?? plan.settings).queue.maxRequestQueueSize)
        status.operation = overview.running.map { running in
            OperationStatus(
                operation: OperationID(AdminAPI.OperationKind(running.kind), running.operation.rawValue),
                kind: AdminAPI.OperationKind(running.kind), deploy: running.deploy,
                step: running.step?.rawValue ?? "starting", since: WallTime(running.since),
                by: running.requester.user ?? running.requester.command)
        }
        if let outcome = overview.lastOutcome, let failure = outcome.failure {
            status.lastFailure = FailureReport(failure, step: outcome.failedStep?.rawValue)
        } else if let failure = settings.failure {
            status.lastFailure = FailureReport(failure, step: nil)
        } else if let failure = snapshot?.lastBootFailure {
            status.lastFailure = FailureReport(failure)
        }
        status.warnings = plan.warnings + settings.warnings + overview.warnings
        return status
    }
}

extension AppStatus {
    init(_ refused: RefusedApp) {
        self.init(name: refused.name, root: refused.root, mode: .inPlace, kind: nil, environment: "not served")
        lastFailure = FailureReport(step: "configuration", summary: refused.reason)
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
            number: generation.number, release: generation.release?.name, state: state,
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
