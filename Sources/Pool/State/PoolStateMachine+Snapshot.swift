import Model

extension PoolStateMachine {
    func snapshot() -> PoolSnapshot {
        let shown = apps.filter { !$0.isClosed || shutdownDeadline != nil }
        return PoolSnapshot(apps: shown.map { $0.snapshot(context.workers) }, shuttingDown: shutdownDeadline != nil)
    }

    func snapshot(of app: AppIndex) -> AppSnapshot? {
        let app = apps[app.rawValue]
        return app.isClosed && shutdownDeadline == nil ? nil : app.snapshot(context.workers)
    }

    func traffic(_ app: AppIndex, _ number: GenerationNumber) -> TrafficCounts {
        let app = apps[app.rawValue]
        return app.position(of: number).map { app.generations[$0].traffic } ?? TrafficCounts()
    }
}

extension AppPool {
    func snapshot(_ workers: WorkerTable) -> AppSnapshot {
        AppSnapshot(
            index: index, name: name, table: table, generations: generations.map { $0.snapshot(workers) },
            queueLength: queue.count, totals: totals, lastBootFailure: lastBootFailure, isPaused: pause != nil,
            scale: scale, queueLimit: queueSettings.maxRequestQueueSize)
    }
}

extension Generation {
    func snapshot(_ workers: WorkerTable) -> GenerationSnapshot {
        GenerationSnapshot(
            number: number, release: spec.release, directory: spec.settings.directory, state: state, target: target,
            workers: slots.map { workers[$0].snapshot() }, traffic: traffic, lastError: lastError, bornAt: bornAt,
            drainDeadline: state == .draining ? drainDeadline : nil,
            streamDeadline: state == .draining ? streamDeadline : nil)
    }
}

extension Worker {
    func snapshot() -> WorkerSnapshot {
        WorkerSnapshot(
            number: number, pid: pid, state: state, requestsNow: busy, streamsNow: streams, requestsTotal: requests,
            concurrency: concurrency, bornAt: bornAt, lastUsed: lastUsed,
            address: endpoint?.address, wear: wear, memory: memory)
    }
}
