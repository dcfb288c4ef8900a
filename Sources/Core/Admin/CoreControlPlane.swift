import AdminAPI
import AdminServer
import AppConfig
import Deploys
import Foundation
import Linux
import Model
import Pool

/// What the admin API asks for, done by the app's operations and shown from the pool.
struct CoreControlPlane: ControlPlane {
    let plan: CoreBootPlan
    let app: ServedApp
    let pool: Pool
    let supervisorPid: Int32
    let listeners: [String]
    let startedAt: WallTime
    let shutDown: @Sendable (_ hurry: Bool) -> Void

    func ping() async -> PingAnswer {
        PingAnswer(version: plan.programVersion, instance: plan.server.instanceName)
    }

    func apps() async -> [AppSummary] {
        [
            AppSummary(
                name: app.name, root: plan.location.path, mode: app.mode,
                liveRelease: await app.operations.overview().live?.label.name)
        ]
    }

    func status() async -> StatusReport {
        let server = ServerStatus(
            instance: plan.server.instanceName, version: plan.programVersion, supervisorPid: supervisorPid,
            corePid: getpid(), startedAt: startedAt, uptimeSeconds: (WallTime.now() - startedAt).inSeconds,
            listeners: listeners)
        return StatusReport(server: server, apps: [await app.status(pool)])
    }

    func startDeploy(
        _ name: AppName, _ request: AdminAPI.DeployRequest, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        try check(name)
        let ours = Deploys.DeployRequest(
            ref: request.ref, repository: request.repo,
            bake: request.bakeSeconds.map { .milliseconds(Int64(min(max($0, 0), 1e9) * 1000)) }, force: request.force,
            requester: Requester(caller, request.origin, "passenger deploy"))
        return try await accept(wait: request.wait) { () async throws(OperationRefusal) in
            try await app.operations.deploy(ours)
        }
    }

    func startRollback(
        _ name: AppName, _ request: AdminAPI.RollbackRequest, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        try check(name)
        let ours = Deploys.RollbackRequest(
            target: request.to, now: request.now, requester: Requester(caller, request.origin, "passenger rollback"))
        return try await accept { () async throws(OperationRefusal) in try await app.operations.rollback(ours) }
    }

    func startRestart(
        _ name: AppName, _ request: AdminAPI.RestartRequest, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        try check(name)
        let requester = Requester(caller, request.origin, "passenger restart")
        let ours = Deploys.RestartRequest(reason: requester.command, requester: requester)
        return try await accept { () async throws(OperationRefusal) in try await app.operations.restart(ours) }
    }

    func abort(
        _ name: AppName, deploy: DeployNumber, caller: Caller
    ) async throws(ControlError) -> OperationAccepted {
        try check(name)
        let requester = Requester(caller, nil, "passenger deploys abort \(deploy)")
        return try await accept { () async throws(OperationRefusal) in
            try await app.operations.abort(deploy, by: requester)
        }
    }

    func scale(_ name: AppName, _ request: ScaleRequest, caller: Caller) async throws(ControlError) -> ScaleAnswer {
        try check(name)
        do throws(OperationRefusal) { try await app.operations.scale(request.workers) } catch {
            throw ControlError(error)
        }
        let kept = pool.snapshot()[app.index]?.live?.target ?? request.workers ?? 0
        return ScaleAnswer(app: name, wanted: request.workers, kept: kept)
    }

    func pause(_ name: AppName, _ request: PauseRequest, caller: Caller) async throws(ControlError) -> PauseAnswer {
        try check(name)
        let hold = Duration.milliseconds(Int64(request.holdSeconds * 1000))
        do throws(OperationRefusal) { try await app.operations.pause(hold: hold) } catch { throw ControlError(error) }
        return pauseAnswer(name)
    }

    func resume(_ name: AppName, caller: Caller) async throws(ControlError) -> PauseAnswer {
        try check(name)
        do throws(OperationRefusal) { try await app.operations.resume() } catch { throw ControlError(error) }
        return pauseAnswer(name)
    }

    private func pauseAnswer(_ name: AppName) -> PauseAnswer {
        let state = pool.snapshot()[app.index]
        return PauseAnswer(app: name, isPaused: state?.isPaused ?? false, held: state?.queueLength ?? 0)
    }

    func detach(_ name: AppName, pid: Int32, caller: Caller) async throws(ControlError) -> DetachAnswer {
        try check(name)
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
        try check(name)
        guard let number = OperationNumber(operation),
            let handle = await app.operations.attach(operation: number)
        else { throw ControlError(.notFound, "There is no operation \(operation).") }
        let events = handle.events()
        return AsyncStream { continuation in
            let task = Task {
                for await logged in events {
                    continuation.yield(AdminAPI.OperationEvent(logged.event, of: handle.kind))
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    func deploys(_ name: AppName) async throws(ControlError) -> [DeploySummary] {
        try check(name)
        return await app.operations.deploys().map { DeploySummary($0) }
    }

    func deploy(_ name: AppName, _ number: DeployNumber) async throws(ControlError) -> DeployDetail {
        try check(name)
        guard let record = await app.operations.deploy(number) else {
            throw ControlError(.notFound, "There is no deploy \(number).", hint: "passenger deploys lists them.")
        }
        var detail = DeployDetail(record)
        if let handle = try? await app.operations.attach(number) { detail.operation = OperationID(handle) }
        return detail
    }

    func releases(_ name: AppName) async throws(ControlError) -> [ReleaseSummary] {
        try check(name)
        return await app.operations.releases().map { ReleaseSummary($0) }
    }

    func stop(_ request: StopRequest, caller: Caller) async throws(ControlError) -> StopAccepted {
        shutDown(request.hurry)
        return StopAccepted(supervisorPid: supervisorPid)
    }

    // MARK: Shared

    private func check(_ name: AppName) throws(ControlError) {
        guard name != app.name else { return }
        throw ControlError(.unknownApp, "No app is called \(name).", hint: "This server serves \(app.name).")
    }

    /// With `wait`, an operation that is in the way is waited for, however many there are.
    private func accept(
        wait: Bool = false, _ begin: () async throws(OperationRefusal) -> OperationHandle
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
