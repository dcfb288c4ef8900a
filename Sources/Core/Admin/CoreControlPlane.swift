import AdminAPI
import AdminServer
import AppConfig
import Deploys
import Foundation
import Linux
import Model
import Pool

/// What the admin API asks for, done by the apps' operations and shown from the pool.
struct CoreControlPlane: ControlPlane {
    let plans: Shared<CoreBootPlan>
    var plan: CoreBootPlan { plans.withLock { $0 } }
    let table: AppTable
    let pool: Pool
    let archives: ArchiveClient
    let certificates: CertificateKeeper?
    let remote: RemoteAdmin?
    let supervisorPid: Int32
    let reload: ConfigurationReload
    let upgrades: UpgradeRequests
    let listeners: @Sendable () -> [String]
    let adminAddress: String?
    let controlGroupNote: String
    let collector: MetricsCollector
    let startedAt: WallTime
    let phase: @Sendable () -> Readiness.Phase
    let shutDown: @Sendable (_ hurry: Bool) -> Void

    func ping() async -> PingAnswer {
        PingAnswer(version: plan.programVersion, instance: plan.server.instanceName)
    }

    func unreadiness() async -> String? {
        var apps: [Readiness.App] = []
        for app in table.all {
            let isLive = pool.snapshot(of: app.index)?.live.map { $0.state == .live } ?? false
            let isAwaited = plan.servesMany ? await app.bootsAtStart : true
            apps.append(Readiness.App(name: app.name, isLive: isLive, isAwaited: isAwaited))
        }
        return Readiness(phase: phase(), apps: apps).objection
    }

    func apps() async -> [AppSummary] {
        var summaries: [AppSummary] = []
        for app in table.all {
            summaries.append(
                AppSummary(
                    name: app.name, root: app.root, mode: app.mode,
                    liveRelease: await app.operations.overview().live?.label.name))
        }
        return summaries
    }

    func access() async -> [AppAccess] {
        table.all.map { app in
            AppAccess(app: app.name, owners: app.plan.users.owners, roles: app.plan.settings.users.roles)
        }
    }

    func status() async -> StatusReport {
        var server = ServerStatus(
            instance: plan.server.instanceName, version: plan.programVersion, supervisorPid: supervisorPid,
            corePid: getpid(), startedAt: startedAt, uptimeSeconds: (WallTime.now() - startedAt).inSeconds,
            listeners: listeners())
        server.controlGroups = controlGroupNote
        server.maxPoolSize = pool.maxPoolSize
        server.adminAddress = adminAddress
        let snapshot = pool.snapshot()
        let shown = Dictionary(snapshot.apps.map { ($0.index, $0) }, uniquingKeysWith: { $1 })
        var apps: [AppStatus] = []
        for app in table.all {
            var status = await app.status(shown[app.index])
            if let note = table.note(app.name) { status.warnings.insert(note, at: 0) }
            apps.append(status)
        }
        apps += table.refused.map { AppStatus($0) }
        let ours =
            plan.warnings + (certificates?.warnings ?? []) + (remote?.warnings ?? [])
            + [table.directoryNote].compactMap { $0 }
        if plan.servesMany {
            server.warnings = ours
        } else if !apps.isEmpty {
            apps[0].warnings = ours + apps[0].warnings
        }
        return StatusReport(server: server, apps: apps)
    }

    func metrics() async -> MetricsReport { await collector.report() }

    func startDeploy(
        _ name: AppName, _ request: AdminAPI.DeployRequest, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        let app = try await started(name)
        let ours = try deployRequest(request, caller)
        return try await accept(app, wait: request.wait) { () async throws(OperationRefusal) in
            try await app.operations.deploy(ours, replacingQueued: request.queueLatest)
        }
    }

    func planDeploy(
        _ name: AppName, _ request: AdminAPI.DeployRequest, caller: Caller
    ) async throws(ControlError) -> DeployPlan {
        let app = try await started(name)
        guard app.builder != nil else { throw ControlError(OperationRefusal.notADeployRoot) }
        let ours = try deployRequest(request, caller)
        do throws(DeployFailure) {
            return DeployPlan(name, try await app.operations.forecast(ours))
        } catch {
            throw ControlError(
                .failed, "\(error)", hint: error.hint, details: error.details.map { [$0] } ?? [])
        }
    }

    private func deployRequest(
        _ request: AdminAPI.DeployRequest, _ caller: Caller
    ) throws(ControlError) -> Deploys.DeployRequest {
        if let percent = request.canaryPercent, !(percent > 0 && percent < 100) {
            throw ControlError(.usage, "canary_percent is a number between 0 and 100.")
        }
        var ours = Deploys.DeployRequest(
            ref: request.ref, repository: request.repo,
            bake: request.bakeSeconds.map { .milliseconds(Int64(min(max($0, 0), 1e9) * 1000)) },
            canary: request.canaryPercent, force: request.force, allowOlder: request.allowOlder,
            allowMirrored: request.mirrored,
            requester: Requester(caller, request.origin, "passenger deploy"))
        ours.isArchive = request.archive
        return ours
    }

    func startRollback(
        _ name: AppName, _ request: AdminAPI.RollbackRequest, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        let app = try await started(name)
        let ours = Deploys.RollbackRequest(
            target: request.to, now: request.now, force: request.force,
            requester: Requester(caller, request.origin, "passenger rollback"))
        let begin = { () async throws(OperationRefusal) in try await app.operations.rollback(ours) }
        guard let version = request.withEnv else { return try await accept(app, begin) }
        return try await AppEnvironmentFile(app).restoring(version, by: ours.requester) {
            () async throws(ControlError) in
            try await accept(app, begin)
        }
    }

    func startRestart(
        _ name: AppName, _ request: AdminAPI.RestartRequest, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        let app = try await started(name)
        let requester = Requester(caller, request.origin, "passenger restart")
        let ours = Deploys.RestartRequest(reason: requester.command, requester: requester)
        return try await accept(app) { () async throws(OperationRefusal) in try await app.operations.restart(ours) }
    }

    func abort(
        _ name: AppName, deploy: DeployNumber, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        let app = try app(name)
        let requester = Requester(caller, nil, "passenger deploys abort \(deploy)")
        return try await accept(app) { () async throws(OperationRefusal) in
            try await app.operations.abort(deploy, by: requester)
        }
    }

    func resumeDeploy(
        _ name: AppName, deploy: DeployNumber, _ order: DeployOrder, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        let app = try await started(name)
        let requester = Requester(caller, order.origin, "passenger deploys resume \(deploy)")
        return try await accept(app) { () async throws(OperationRefusal) in
            try await app.operations.resume(deploy, by: requester)
        }
    }

    func approve(
        _ name: AppName, deploy: DeployNumber, _ order: DeployOrder, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        let app = try app(name)
        let requester = Requester(caller, order.origin, "passenger deploys approve \(deploy)")
        return try await accept(app) { () async throws(OperationRefusal) in
            try await app.operations.approve(deploy, by: requester)
        }
    }

    func lock(_ name: AppName, _ request: LockRequest, caller: Caller) async throws(ControlError) -> LockAnswer {
        let app = try app(name)
        do throws(OperationRefusal) {
            let requester = Requester(caller, request.origin, "passenger lock")
            return LockAnswer(name, try await app.operations.lock(request.message, by: requester))
        } catch { throw ControlError(error) }
    }

    func unlock(_ name: AppName, _ request: UnlockRequest, caller: Caller) async throws(ControlError) -> LockAnswer {
        let app = try app(name)
        do throws(OperationRefusal) { return LockAnswer(name, try await app.operations.unlock()) } catch {
            throw ControlError(error)
        }
    }

    func scale(_ name: AppName, _ request: ScaleRequest, caller: Caller) async throws(ControlError) -> ScaleAnswer {
        let app = try app(name)
        do throws(OperationRefusal) { try await app.operations.scale(request.workers) } catch {
            throw ControlError(error)
        }
        let kept = pool.snapshot(of: app.index)?.live?.target ?? request.workers ?? 0
        return ScaleAnswer(app: name, wanted: request.workers, kept: kept)
    }

    func pause(_ name: AppName, _ request: PauseRequest, caller: Caller) async throws(ControlError) -> PauseAnswer {
        let app = try app(name)
        let hold = Duration.milliseconds(Int64(request.holdSeconds * 1000))
        do throws(OperationRefusal) { try await app.operations.pause(hold: hold) } catch { throw ControlError(error) }
        return pauseAnswer(app)
    }

    func resume(_ name: AppName, caller: Caller) async throws(ControlError) -> PauseAnswer {
        let app = try app(name)
        do throws(OperationRefusal) { try await app.operations.resume() } catch { throw ControlError(error) }
        return pauseAnswer(app)
    }

    private func pauseAnswer(_ app: ServedApp) -> PauseAnswer {
        let state = pool.snapshot(of: app.index)
        return PauseAnswer(app: app.name, isPaused: state?.isPaused ?? false, held: state?.queueLength ?? 0)
    }

    func detach(_ name: AppName, pid: Int32, caller: Caller) async throws(ControlError) -> DetachAnswer {
        let app = try app(name)
        guard let answer = pool.detach(app.index, pid: pid) else {
            throw ControlError(
                .notFound, "\(name) has no worker with the process id \(pid).", hint: "See: passenger status")
        }
        let outcome: DetachAnswer.Outcome =
            switch answer.outcome {
            case .detached: .detached
            case .replacedFirst: .replacedFirst
            case .leaving: .leaving
            }
        return DetachAnswer(app: name, worker: answer.worker, pid: pid, outcome: outcome)
    }

    func events(
        _ name: AppName, operation: OperationID
    ) async throws(ControlError) -> AsyncStream<AdminAPI.OperationEvent> {
        let handle = try await handle(name, operation)
        let kind = handle.kind
        return handle.events { AdminAPI.OperationEvent($0.event, of: kind) }
    }

    func eventsUntilNow(
        _ name: AppName, operation: OperationID
    ) async throws(ControlError) -> [AdminAPI.OperationEvent] {
        let handle = try await handle(name, operation)
        return handle.log.snapshot().map { AdminAPI.OperationEvent($0.event, of: handle.kind) }
    }

    private func handle(_ name: AppName, _ operation: OperationID) async throws(ControlError) -> OperationHandle {
        let app = try app(name)
        guard let number = OperationNumber(operation),
            let handle = await app.operations.attach(operation: number)
        else { throw ControlError(.notFound, "There is no operation \(operation).") }
        return handle
    }

    func logs(_ name: AppName, _ query: LogQuery) async throws(ControlError) -> AsyncStream<[LogEvent]> {
        try app(name).appLog.board.read(query)
    }

    func deploys(_ name: AppName) async throws(ControlError) -> [DeploySummary] {
        return try await app(name).operations.deploys().map { DeploySummary($0) }
    }

    func deploy(_ name: AppName, _ number: DeployNumber) async throws(ControlError) -> DeployDetail {
        let app = try app(name)
        guard let record = await app.operations.deploy(number) else {
            throw ControlError(.notFound, "There is no deploy \(number).", hint: "passenger deploys lists them.")
        }
        var detail = DeployDetail(record)
        if let handle = try? await app.operations.attach(number) { detail.operation = OperationID(handle) }
        return detail
    }

    func releases(_ name: AppName) async throws(ControlError) -> [ReleaseSummary] {
        return try await app(name).operations.releases().map { ReleaseSummary($0) }
    }

    var spoolDirectory: String { plan.server.dataBufferDirectory }

    func importArchive(_ name: AppName, file: Int32) async throws(ControlError) -> ArchiveAnswer {
        let app = try app(name)
        guard app.builder != nil else { throw ControlError(OperationRefusal.notADeployRoot) }
        do throws(DeployFailure) {
            return ArchiveAnswer(commit: try await archives.take(file, into: app.plan))
        } catch {
            throw ControlError(.failed, "\(error)", hint: error.hint)
        }
    }

    func environment(_ name: AppName, values: Bool) async throws(ControlError) -> EnvironmentAnswer {
        try await AppEnvironmentFile(app(name)).show(values: values)
    }

    func changeEnvironment(
        _ name: AppName, _ request: EnvironmentRequest, caller: Caller
    ) async throws(ControlError) -> EnvironmentChange {
        let app = try await started(name)
        let requester = Requester(caller, request.origin, "passenger env")
        return try await AppEnvironmentFile(app).change(request, by: requester)
    }

    func processContext(_ name: AppName) async throws(ControlError) -> ProcessContext {
        let app = try await started(name)
        guard let settings = await app.operations.liveSettings() else {
            throw ControlError(
                .refused, "Nothing of \(name) is live.", hint: "See what keeps it from that: passenger status")
        }
        let environment = AppEnvironment.make(
            inherited: app.settings.inheritedVariables, settings: settings, fileVariables: app.settings.fileVariables,
            user: settings.users.user.flatMap { UserDirectory.entry(policyName: $0) }
                ?? app.plan.users.workers.flatMap { UserDirectory.entry(policyName: $0) })
        return ProcessContext(
            app: name, kind: settings.kind, release: await app.operations.overview().live?.label.name,
            directory: settings.directory, environment: environment, ruby: settings.ruby, python: settings.python,
            nodejs: settings.nodejs)
    }

    func reload(caller: Caller) async throws(ControlError) -> ReloadAnswer { try await reload.ask() }

    func upgrade(caller: Caller) async throws(ControlError) -> UpgradeAnswer { try await upgrades.ask() }

    func stop(_ request: StopRequest, caller: Caller) async throws(ControlError) -> StopAccepted {
        guard phase() != .retired else { throw .superseded }
        shutDown(request.hurry)
        var accepted = StopAccepted(supervisorPid: supervisorPid)
        accepted.withinSeconds = (plan.server.shutdownDelay + plan.server.shutdownTimeout).inSeconds
        return accepted
    }

    // MARK: Shared

    /// What an operation builds upon has to be live first.
    private func started(_ name: AppName) async throws(ControlError) -> ServedApp {
        let app = try app(name)
        if !plan.isTransient { await app.start() }
        return app
    }

    private func app(_ name: AppName) throws(ControlError) -> ServedApp {
        if let app = table[name] { return app }
        let names = table.all.map(\.name.rawValue).joined(separator: ", ")
        throw ControlError(.unknownApp, "No app is called \(name).", hint: "This server serves \(names).")
    }

    /// With `wait`, an operation that is in the way is waited for, however many there are.
    private func accept(
        _ app: ServedApp, wait: Bool = false, _ begin: () async throws(OperationRefusal) -> OperationHandle
    ) async throws(ControlError) -> OperationAccepted {
        while true {
            do throws(OperationRefusal) {
                let handle = try await begin()
                app.log(handle)
                return OperationAccepted(app: app.name, operation: OperationID(handle), deploy: handle.deploy)
            } catch {
                guard wait, case .busy(let first) = error,
                    let handle = await app.operations.attach(operation: first.operation)
                else { throw ControlError(error) }
                _ = await handle.outcome()
            }
        }
    }
}
