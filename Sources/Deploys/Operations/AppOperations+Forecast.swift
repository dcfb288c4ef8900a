package import Model
import Pool

/// What a deploy would do: everything up to the commit is done, the rest is told.
package struct DeployForecast: Sendable {
    package struct Step: Sendable, Equatable {
        package var title: String
        package var commands: [String]
    }

    package var repository: String
    package var commit: ResolvedCommit
    package var number: DeployNumber
    package var from: ReleaseLocation?
    package var strategy: DeployStrategy
    /// That the new version would boot; nil without a server.
    package var workers: Int?
    package var bake: Duration
    package var steps: [Step]
    package var notes: [String]
    /// Why it would be refused, or fail.
    package var obstacles: [DeployFailure]
}

extension AppOperations {
    /// `--dry-run`. The mirror is brought up to date; nothing else is changed, and no number is taken. A release's own
    /// configuration is not known before it is checked out: that of the live one is taken for it, which is said.
    package func forecast(_ request: DeployRequest) async throws(DeployFailure) -> DeployForecast {
        guard let builder = parts.builder else {
            throw DeployFailure(.noTarget, OperationRefusal.notADeployRoot.description)
        }
        await loadOnce()
        try await builder.prepareRoot()
        let own = try await parts.settings.deploySettings()
        try check(request, against: own)
        let (repository, repositoryNote) = try await repository(of: request, own)
        try await builder.fetch(repository, allowMirrored: request.allowMirrored, progress: { _ in })
        let commit = try await builder.resolve(request.ref ?? own.branch)
        let settings = live?.settings ?? liveRecord.settings
        let deploy = settings?.deploy ?? own
        let isFirst = parts.host != nil && live == nil
        var forecast = DeployForecast(
            repository: repository, commit: commit, number: DeployNumber(highestNumber.rawValue + 1),
            from: live?.release ?? liveRecord.live, strategy: forecastStrategy(request, deploy), workers: nil,
            bake: isFirst ? .zero : request.bake ?? deploy.bake, steps: [], notes: [], obstacles: [])
        forecast.steps = forecastSteps(request, deploy, forecast)
        if settings == nil {
            forecast.notes.append("nothing is live yet: what the release's own Passengerfile says is not known")
        } else {
            forecast.notes.append("as the live release's Passengerfile has it; the new one's may say something else")
        }
        if let repositoryNote { forecast.notes.append(repositoryNote) }
        if let note = branchNote(commit, asked: request.ref ?? own.branch) { forecast.notes.append(note) }
        forecast.notes += await takeoverNotes(shared: deploy.shared)
        if deploy.irreversible { forecast.notes.append("irreversible: it would not be rolled back automatically") }
        do throws(DeployFailure) { try await checkCommit(commit, request) } catch { forecast.obstacles.append(error) }
        if let freeze = liveRecord.lock {
            forecast.obstacles.append(DeployFailure(.noTarget, "\(OperationRefusal.frozen(freeze))"))
        }
        if let run { forecast.obstacles.append(DeployFailure(.noTarget, "\(OperationRefusal.busy(summary(of: run)))")) }
        addRoom(&forecast, deploy)
        return forecast
    }

    private func forecastStrategy(_ request: DeployRequest, _ deploy: DeploySettings) -> DeployStrategy {
        if live == nil { return .blueGreen }
        return request.canary == nil ? deploy.strategy : .canary
    }

    private func forecastSteps(
        _ request: DeployRequest, _ deploy: DeploySettings, _ forecast: DeployForecast
    ) -> [DeployForecast.Step] {
        var plan: OperationPlan = parts.host == nil ? .preparationOnly : .deploy(bake: forecast.bake)
        if parts.host != nil {
            plan.rollOut(forecast.strategy, canary: deploy.canary.time, approve: deploy.approve)
        }
        let bake: [DeployStep] = parts.host == nil || forecast.bake <= .zero ? [] : [.bake]
        let after: [DeployStep] = parts.host == nil ? [] : [.afterSwitch] + bake + [.afterStable, .afterDrain]
        return (plan.steps + after).compactMap { step in
            let commands = deploy.commands(of: step)
            if commands == [] { return nil }
            return DeployForecast.Step(title: title(of: step, nil), commands: commands ?? [])
        }
    }

    private func addRoom(_ forecast: inout DeployForecast, _ deploy: DeploySettings) {
        guard let host = parts.host else { return }
        let capacity = max(host.liveGeneration()?.workers ?? 0, live?.settings.pool.minInstances ?? 1, 1)
        forecast.workers = capacity
        if forecast.strategy == .blueGreen {
            let workers = host.workerCount() + capacity
            ConnectionBudget(settings: deploy.database).warning(workers: workers, new: capacity).map {
                forecast.notes.append($0)
            }
        }
        guard let live, let perWorker = host.memoryPerWorker(of: live.generation), let free = host.availableMemory()
        else { return }
        let budget = MemoryBudget(perWorker: perWorker, available: free)
        let room = budget.room(for: capacity)
        forecast.notes.append("memory: \(budget.inWords)")
        if room == 0, forecast.strategy != .replace {
            forecast.obstacles.append(DeployFailure(.memoryShort, "there is no memory for even one more worker"))
        } else if room < capacity, forecast.strategy == .blueGreen {
            forecast.notes.append("\(capacity) more workers do not fit: they would be replaced \(room) at a time")
        }
    }
}

extension DeploySettings {
    /// Nil for steps that run none; empty when there are none to run.
    func commands(of step: DeployStep) -> [String]? {
        switch step {
        case .build: build
        case .beforeBoot: beforeBoot
        case .beforeSwitch: beforeSwitch
        case .afterSwitch: afterSwitch
        case .afterStable: afterStable
        case .afterDrain: afterDrain
        case .onFailure: onFailure
        case .onRollback: onRollback
        case .inspect, .fetch, .resolve, .checkout, .link, .seal, .prove, .grow, .boot, .health: nil
        case .canary, .approve, .roll, .replace, .switchTraffic, .bake, .webhook: nil
        }
    }
}
