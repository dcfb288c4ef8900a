import Foundation
import Model
import Pool

/// How the traffic comes to the new version, step by step, and back.
extension AppOperations {
    /// The release's own configuration says how; what has no old version beside it just boots.
    func decideRollout(_ settings: AppSettings) {
        guard let run else { return }
        let isDeploy = run.ticket.request.kind == .deploy
        var strategy = settings.deploy.strategy
        if isDeploy, wantedCanary(run) != nil { strategy = .canary }
        // A restart is the same code, and a rollback code that is known: there is nothing to compare.
        if strategy == .canary, !isDeploy { strategy = .blueGreen }
        if live == nil { strategy = .blueGreen }
        self.run?.machine.rollOut(
            strategy, canary: settings.deploy.canary.time, approve: isDeploy && settings.deploy.approve)
    }

    private func wantedCanary(_ run: OperationRun) -> Double? { deployRequest(of: run)?.canary }

    // MARK: Booting

    func boot(_ run: OperationRun) async throws(DeployFailure) -> StepProduct {
        let host = try host()
        try await makeRoom(run, host)
        // Never more than it may have by its own file, which the pool goes by once it is live.
        let most = max(run.settings?.pool.maxPoolSize ?? .max, 1)
        let live = min(max(host.liveGeneration()?.workers ?? 0, run.settings?.pool.minInstances ?? 1, 1), most)
        // A generation that was stopped before this one is as large as it was then.
        let capacity = run.machine.plan.strategy == .replace ? run.capacity : live
        let workers = try firstWorkers(run, host, capacity)
        self.run?.capacity = capacity
        self.run?.freshWorkers = workers
        if let database = run.settings?.deploy.database,
            let warning = ConnectionBudget(settings: database).warning(
                workers: host.workerCount() + workers, new: workers)
        {
            run.ticket.log.append(.notice(.warning, warning))
        }
        let isDevelopment = parts.builder == nil && run.settings?.environment == "development"
        let spec = try spec(run, workers: workers, proof: isDevelopment ? .handshake : .health)
        do throws(GenerationFailure) { return .booted(try await host.boot(spec)) } catch { throw DeployFailure(error) }
    }

    /// How many boot at first. One that does not fit beside the live one goes in batches instead.
    private func firstWorkers(
        _ run: OperationRun, _ host: any GenerationHost, _ capacity: Int
    ) throws(DeployFailure) -> Int {
        guard let settings = run.settings?.deploy, let live else { return capacity }
        let perWorker = host.memoryPerWorker(of: live.generation)
        let budget: MemoryBudget? =
            if let perWorker, let available = host.availableMemory() {
                MemoryBudget(perWorker: perWorker, available: available)
            } else { nil }
        switch run.machine.plan.strategy {
        case .replace: return capacity
        case .canary:
            let percent = wantedCanary(run) ?? settings.canary.percent
            let workers = max(1, Int((Double(capacity) * percent / 100).rounded(.up)))
            try check(budget, workers)
            return workers
        case .rolling:
            let batch = settings.surge.batch(of: capacity, perWorker: perWorker)
            let fitting = try check(budget, batch)
            self.run?.batch = fitting
            return fitting
        case .blueGreen:
            guard let budget, budget.room(for: capacity) < capacity else { return capacity }
            let batch = try check(budget, capacity)
            run.ticket.log.append(
                .notice(
                    .warning,
                    "\(capacity) more workers do not fit (\(budget.inWords)): they are replaced \(batch) at a time"))
            self.run?.machine.rollOut(.rolling, approve: run.machine.plan.steps.contains(.approve))
            self.run?.batch = batch
            return batch
        }
    }

    /// How many of these may be booted; none is a failure.
    @discardableResult
    private func check(_ budget: MemoryBudget?, _ workers: Int) throws(DeployFailure) -> Int {
        guard let budget else { return workers }
        let room = budget.room(for: workers)
        guard room > 0 else {
            throw DeployFailure(
                .memoryShort, "there is no memory for even one more worker: \(budget.inWords)",
                hint: "free some, lower the number of workers, or use `strategy: replace`")
        }
        return room
    }

    /// `max_generations`: the streams of what drains longest end, its requests are waited for, and if that is not enough the
    /// standby is given up, so that this one fits. A rollback waits for nothing.
    private func makeRoom(_ run: OperationRun, _ host: any GenerationHost) async throws(DeployFailure) {
        guard let limit = run.settings?.deploy.maxGenerations, host.generationCount() >= limit else { return }
        try await hurryOldest(run, host, limit)
        guard host.generationCount() >= limit, run.ticket.request.kind != .rollback, standby != nil else { return }
        dropStandby()
        try await hurryOldest(run, host, limit)
    }

    private func hurryOldest(
        _ run: OperationRun, _ host: any GenerationHost, _ limit: Int
    ) async throws(DeployFailure) {
        for generation in host.drainingGenerations() where host.generationCount() >= limit {
            run.ticket.log.append(
                .notice(
                    .info,
                    "\(generation) still has requests or streams: streams end now, requests are waited for "
                        + "(max_generations is \(limit))"))
            host.hurry(generation)
            guard run.ticket.request.kind != .rollback else { return }
            let (waiting, end) = AsyncStream<Never>.makeStream()
            Task {
                await host.waitUntilGone(generation)
                end.finish()
            }
            // Ends with the task too, if the step is told to give up.
            for await _ in waiting {}
            if Task.isCancelled { throw .cancelled }
        }
    }

    /// A worker may have died between its own proof and the last one's; the pool replaces it.
    func confirm(_ run: OperationRun) async throws(DeployFailure) -> StepProduct {
        let host = try host()
        guard let settings = run.settings, let generation = run.machine.fresh else { throw .cancelled }
        let deadline = parts.now() + settings.pool.startTimeout
        guard await host.waitUntilReady(generation, workers: run.freshWorkers, deadline: deadline) else {
            throw DeployFailure(.unhealthy, "workers of the new version died after they had proved themselves")
        }
        if let path = run.provedBy {
            run.output.note("each worker has answered GET \(path)\(why(path, settings.health))")
        }
        return .nothing
    }

    /// Whoever has named no path is to know what was asked for in its place.
    private func why(_ path: String, _ settings: HealthSettings) -> String {
        guard settings.path == nil, settings.bodyContains == nil else { return "" }
        return path == "/" ? ", as the app has no /up and no health.path is set" : ", which the app has"
    }

    /// A standby that a rollback wants, or a canary that has proved itself.
    func grow(_ run: OperationRun) async throws(DeployFailure) -> StepProduct {
        let host = try host()
        guard let settings = run.settings, let generation = run.machine.fresh else { throw .cancelled }
        let workers = max(host.liveGeneration()?.workers ?? 1, 1)
        host.scale(generation, workers: workers)
        let deadline = parts.now() + settings.pool.startTimeout
        if await host.waitUntilReady(generation, workers: workers, deadline: deadline) { return .nothing }
        if Task.isCancelled { throw .cancelled }
        guard run.machine.plan.warm != nil else {
            throw DeployFailure(.unhealthy, "the new version did not grow to \(workers) workers in time")
        }
        // Fewer workers of a good version are better than all of a bad one.
        run.ticket.log.append(.notice(.warning, "the standby did not grow to \(workers) workers in time"))
        return .nothing
    }

    // MARK: Both versions have traffic

    func shareTraffic(with generation: GenerationNumber) {
        guard let host = parts.host, let run, let settings = run.settings else { return }
        beginComparing(host, settings)
        let percent = wantedCanary(run) ?? settings.deploy.canary.percent
        host.share(generation, percent: percent)
        run.ticket.log.append(.notice(.info, "\(percent.formatted())% of the traffic goes to the new version"))
    }

    private func beginComparing(_ host: any GenerationHost, _ settings: AppSettings) {
        run?.bake = BakeWatch(
            limits: settings.deploy.autoRollback, old: (live?.generation).map(host.traffic(of:)))
    }

    func takeTrafficBack() {
        guard let host = parts.host, let live else { return }
        host.share(live.generation, percent: nil)
        run?.ticket.log.append(.notice(.info, "all of the traffic goes to the old version again"))
    }

    /// One batch after the other: first it serves, then the old version gives up as many workers.
    func roll(_ run: OperationRun) async throws(DeployFailure) -> StepProduct {
        let host = try host()
        guard let settings = run.settings, let fresh = run.machine.fresh, let old = live?.generation else {
            throw .cancelled
        }
        beginComparing(host, settings)
        let kept = max(1, min(settings.deploy.standbyInstances, run.capacity))
        var workers = run.freshWorkers
        while workers < run.capacity {
            host.share(fresh, percent: 100 * Double(workers) / Double(run.capacity))
            run.ticket.log.append(
                .progress(step: .roll, StepProgress(done: workers, total: run.capacity, unit: "workers")))
            // The first one has to prove itself in traffic; `look` stops this task when it does not.
            if workers == run.freshWorkers { try await pause(settings.deploy.bake / 3) }
            host.scale(old, workers: max(run.capacity - workers, kept))
            try await waitForMemory(run, host, fresh, settings)
            workers = min(workers + run.batch, run.capacity)
            host.scale(fresh, workers: workers)
            let deadline = parts.now() + settings.pool.startTimeout
            guard await host.waitUntilReady(fresh, workers: workers, deadline: deadline) else {
                if Task.isCancelled { throw .cancelled }
                throw DeployFailure(.unhealthy, "worker \(workers) of the new version did not come up in time")
            }
        }
        return .nothing
    }

    private func pause(_ time: Duration) async throws(DeployFailure) {
        do { try await Task.sleep(for: time) } catch { throw .cancelled }
    }

    private static let pressureLimit = 20.0

    /// Others may have taken what was free a moment ago.
    private func waitForMemory(
        _ run: OperationRun, _ host: any GenerationHost, _ fresh: GenerationNumber, _ settings: AppSettings
    ) async throws(DeployFailure) {
        let deadline = parts.now() + settings.pool.startTimeout
        var hasTold = false
        while let perWorker = host.memoryPerWorker(of: fresh), let available = host.availableMemory() {
            let budget = MemoryBudget(perWorker: perWorker, available: available)
            let pressure = host.memoryPressure() ?? 0
            if budget.room(for: run.batch) >= run.batch, pressure < AppOperations.pressureLimit { return }
            guard parts.now() < deadline else {
                throw DeployFailure(
                    .memoryShort,
                    "there is no memory for the next \(run.batch) workers: \(budget.inWords), and something "
                        + "waited for memory \(Int(pressure)) % of the time")
            }
            if !hasTold { run.ticket.log.append(.notice(.warning, "waiting for memory: \(budget.inWords)")) }
            hasTold = true
            try await pause(.milliseconds(500))
        }
    }

    // MARK: Versions that cannot run side by side

    /// Requests are held from here to the switch, or to the old version's return.
    func stopOld(_ run: OperationRun) async throws(DeployFailure) -> StepProduct {
        let host = try host()
        guard let settings = run.settings, let old = live else { throw .cancelled }
        self.run?.capacity = max(host.liveGeneration()?.workers ?? 0, settings.pool.minInstances, 1)
        let patience = drainTimeout(old.settings) + old.settings.pool.stopTimeout
        host.setPause(hold: patience + settings.pool.startTimeout * 2)
        host.scale(old.generation, workers: 0)
        guard await host.waitUntilEmpty(old.generation, deadline: parts.now() + patience) else {
            if Task.isCancelled { throw .cancelled }
            throw DeployFailure(.internalError, "workers of the old version did not stop within \(patience.inWords)")
        }
        return .nothing
    }

    /// Unless a person holds them.
    func releaseHold() {
        guard let host = parts.host, run?.machine.plan.strategy == .replace else { return }
        if liveRecord.pausedSince == nil { host.setPause(hold: nil) } else { restoreCapacity(host) }
    }

    /// The old generation gets its size back; then the machine goes on.
    func restoreOld() {
        guard let run, let host = parts.host, let old = run.machine.hasSwitched ? run.old : live else { return }
        let number = run.ticket.number
        self.run?.task = Task {
            if run.machine.plan.strategy == .replace { await self.stopFresh(run, host) }
            host.scale(old.generation, workers: run.capacity)
            let deadline = self.parts.now() + old.settings.pool.startTimeout
            if await !host.waitUntilReady(old.generation, workers: run.capacity, deadline: deadline) {
                run.ticket.log.append(
                    .notice(.alarm, "the old version did not come back to \(run.capacity) workers in time"))
            }
            guard self.run?.ticket.number == number else { return }
            if self.run?.machine.hasSwitched == false { self.releaseHold() }
            self.feed(.restored)
        }
    }

    private func stopFresh(_ run: OperationRun, _ host: any GenerationHost) async {
        guard run.machine.hasSwitched, let fresh = run.machine.fresh, let settings = run.settings else {
            // It was discarded; its processes have to be gone.
            for generation in host.drainingGenerations() { await host.waitUntilGone(generation) }
            return
        }
        let patience = drainTimeout(settings) + settings.pool.stopTimeout
        host.setPause(hold: patience + settings.pool.startTimeout * 2)
        host.scale(fresh, workers: 0)
        _ = await host.waitUntilEmpty(fresh, deadline: parts.now() + patience)
    }
}
