import AdminAPI
import AdminServer
import Linux
import Model
import Synchronization

/// A control plane with one app, `blog`, that writes down what it is asked and emits the events that a test feeds it.
final class FakeControlPlane: ControlPlane {
    let requests = Mutex<[String]>([])
    let callers = Mutex<[Caller]>([])
    let objection = Mutex<String?>(nil)
    /// Tells when a reader of events went away.
    let readersGone: AsyncStream<Void>
    private let gone: AsyncStream<Void>.Continuation
    private let appNames: [AppName]
    private let accesses: [AppAccess]
    private let makeEvents: @Sendable (OperationID) -> AsyncStream<OperationEvent>

    init(
        apps: [String] = ["blog"], access: [AppAccess] = [],
        events: @escaping @Sendable (OperationID) -> AsyncStream<OperationEvent> = { _ in AsyncStream { $0.finish() } }
    ) {
        accesses = access
        appNames = apps.compactMap { AppName($0) }
        makeEvents = events
        (readersGone, gone) = AsyncStream.makeStream()
    }

    private func note(_ text: String, _ caller: Caller? = nil) {
        requests.withLock { $0.append(text) }
        if let caller { callers.withLock { $0.append(caller) } }
    }

    func ping() async -> PingAnswer { PingAnswer(version: "1.0.0", instance: "test") }

    func status() async -> StatusReport {
        let server = ServerStatus(
            instance: "test", version: "1.0.0", supervisorPid: 1, corePid: 2,
            startedAt: WallTime(millisecondsSince1970: 0), uptimeSeconds: 5, listeners: ["127.0.0.1:3000"])
        let apps = appNames.map {
            AppStatus(name: $0, root: "/srv/\($0)", mode: .inPlace, kind: .rack, environment: "production")
        }
        return StatusReport(server: server, apps: apps)
    }

    func metrics() async -> MetricsReport {
        var report = MetricsReport(
            version: "1.0.0", core: 1, at: WallTime(millisecondsSince1970: 0), uptimeSeconds: 5)
        report.server = ServerMetrics(instance: "test")
        report.apps = appNames.map { AppMetrics(name: $0) }
        return report
    }

    func apps() async -> [AppSummary] {
        appNames.map { AppSummary(name: $0, root: "/srv/\($0)", mode: .inPlace, liveRelease: nil) }
    }

    func access() async -> [AppAccess] { accesses }

    func startDeploy(_ app: AppName, _ request: DeployRequest, caller: Caller) async throws(ControlError)
        -> OperationAccepted
    {
        note("deploy \(app) \(request.ref ?? "-") force=\(request.force)", caller)
        if request.ref == "locked" {
            throw ControlError(.refused, "Deploy 7 is running.", hint: "Wait with --wait.", details: ["by root"])
        }
        return OperationAccepted(app: app, operation: OperationID(.deploy, 8), deploy: DeployNumber(8))
    }

    func startRollback(_ app: AppName, _ request: RollbackRequest, caller: Caller) async throws(ControlError)
        -> OperationAccepted
    {
        note("rollback \(app) \(request.to?.description ?? "-") now=\(request.now)", caller)
        return OperationAccepted(app: app, operation: OperationID(.rollback, 1))
    }

    func startRestart(_ app: AppName, _ request: RestartRequest, caller: Caller) async throws(ControlError)
        -> OperationAccepted
    {
        note("restart \(app)", caller)
        return OperationAccepted(app: app, operation: OperationID(.restart, 1))
    }

    func abort(_ app: AppName, deploy: DeployNumber, caller: Caller) async throws(ControlError) -> OperationAccepted {
        note("abort \(app) \(deploy)", caller)
        return OperationAccepted(app: app, operation: OperationID(.deploy, deploy.rawValue), deploy: deploy)
    }

    func resumeDeploy(
        _ app: AppName, deploy: DeployNumber, _ order: DeployOrder, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        note("resume \(app) \(deploy)", caller)
        return OperationAccepted(app: app, operation: OperationID(.deploy, deploy.rawValue), deploy: deploy)
    }

    func approve(
        _ app: AppName, deploy: DeployNumber, _ order: DeployOrder, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        note("approve \(app) \(deploy)", caller)
        return OperationAccepted(app: app, operation: OperationID(.deploy, deploy.rawValue), deploy: deploy)
    }

    func planDeploy(_ app: AppName, _ request: DeployRequest, caller: Caller) async throws(ControlError) -> DeployPlan {
        note("plan \(app)", caller)
        return DeployPlan(
            app: app, repository: "/r", ref: "main", revision: "9be0d13", author: "Ann", subject: "s",
            deploy: DeployNumber(9), from: nil, strategy: "canary", workers: 2, bakeSeconds: 30, steps: [], notes: [],
            obstacles: [])
    }

    func lock(_ app: AppName, _ request: LockRequest, caller: Caller) async throws(ControlError) -> LockAnswer {
        note("lock \(app) \(request.message)", caller)
        return LockAnswer(app: app, lock: nil)
    }

    func unlock(_ app: AppName, _ request: UnlockRequest, caller: Caller) async throws(ControlError) -> LockAnswer {
        note("unlock \(app)", caller)
        return LockAnswer(app: app, lock: nil)
    }

    func scale(_ app: AppName, _ request: ScaleRequest, caller: Caller) async throws(ControlError) -> ScaleAnswer {
        note("scale \(app) \(request.workers.map { "\($0)" } ?? "-")", caller)
        return ScaleAnswer(app: app, wanted: request.workers, kept: 2)
    }

    func pause(_ app: AppName, _ request: PauseRequest, caller: Caller) async throws(ControlError) -> PauseAnswer {
        note("pause \(app) \(request.holdSeconds)", caller)
        return PauseAnswer(app: app, isPaused: true, held: 3)
    }

    func resume(_ app: AppName, caller: Caller) async throws(ControlError) -> PauseAnswer {
        note("resume \(app)", caller)
        return PauseAnswer(app: app, isPaused: false, held: 0)
    }

    func detach(_ app: AppName, pid: Int32, caller: Caller) async throws(ControlError) -> DetachAnswer {
        note("detach \(app) \(pid)", caller)
        guard pid == 42 else { throw ControlError(.notFound, "No worker has the process id \(pid).") }
        return DetachAnswer(app: app, worker: WorkerNumber(1), pid: pid, outcome: .detached)
    }

    func eventsUntilNow(_ app: AppName, operation: OperationID) async throws(ControlError) -> [OperationEvent] { [] }

    func events(_ app: AppName, operation: OperationID) async throws(ControlError) -> AsyncStream<OperationEvent> {
        guard operation != OperationID("deploy-404") else {
            throw ControlError(.notFound, "There is no operation \"deploy-404\".")
        }
        let source = makeEvents(operation)
        return AsyncStream { continuation in
            let pump = Task {
                for await event in source { continuation.yield(event) }
                continuation.finish()
            }
            continuation.onTermination = { [gone] _ in
                pump.cancel()
                gone.yield()
            }
        }
    }

    func logs(_ app: AppName, _ query: LogQuery) async throws(ControlError) -> AsyncStream<[LogEvent]> {
        note("logs \(app) \(query.text)")
        return AsyncStream { continuation in
            continuation.yield([.skipped(lines: 3)])
            continuation.finish()
        }
    }

    func deploys(_ app: AppName) async throws(ControlError) -> [DeploySummary] {
        [DeploySummary(number: DeployNumber(8), state: "stable")]
    }

    func deploy(_ app: AppName, _ number: DeployNumber) async throws(ControlError) -> DeployDetail {
        guard number == DeployNumber(8) else { throw ControlError(.notFound, "There is no deploy \(number).") }
        return DeployDetail(summary: DeploySummary(number: number, state: "stable"), steps: [])
    }

    func releases(_ app: AppName) async throws(ControlError) -> [ReleaseSummary] { [] }

    func unreadiness() async -> String? { objection.withLock { $0 } }

    var spoolDirectory: String { "/var/tmp" }

    func importArchive(_ app: AppName, file: Int32) async throws(ControlError) -> ArchiveAnswer {
        let size = (try? readAll(file, limit: 64 << 20).count) ?? -1
        note("archive \(app) \(size)")
        return ArchiveAnswer(commit: "c")
    }

    func environment(_ app: AppName, values: Bool) async throws(ControlError) -> EnvironmentAnswer {
        EnvironmentAnswer(app: app, version: 1, names: ["A"])
    }

    func changeEnvironment(
        _ app: AppName, _ request: EnvironmentRequest, caller: Caller
    ) async throws(ControlError) -> EnvironmentChange {
        note("env \(app)", caller)
        return EnvironmentChange(app: app, version: 2)
    }

    func processContext(_ app: AppName) async throws(ControlError) -> ProcessContext {
        ProcessContext(
            app: app, kind: .rack, release: nil, directory: "/srv/\(app)", environment: ["SECRET=1"], ruby: "ruby",
            python: "python3", nodejs: "node")
    }

    func reload(caller: Caller) async throws(ControlError) -> ReloadAnswer {
        note("reload", caller)
        var answer = ReloadAnswer()
        answer.removed = [AppName("shop")!]
        return answer
    }

    func upgrade(caller: Caller) async throws(ControlError) -> UpgradeAnswer {
        note("upgrade", caller)
        return UpgradeAnswer(from: "1.0", to: "1.1")
    }

    func stop(_ request: StopRequest, caller: Caller) async throws(ControlError) -> StopAccepted {
        note("stop hurry=\(request.hurry)", caller)
        return StopAccepted(supervisorPid: 4711)
    }
}
