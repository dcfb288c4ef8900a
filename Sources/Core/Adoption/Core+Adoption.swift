import Deploys
import Logging
import Model
import Pool
import Spawning

/// What a core before this one has left: taken over where it is what has to serve, and ended where not.
extension Core {
    /// Where nobody else may look, or leave one.
    var snapshotFile: SnapshotFile { SnapshotFile(directory: plan.socketDirectory) }

    /// Returns the apps that go on. All of them have been admitted, none was started.
    func adopt(_ inherited: [InheritedChild], with spawner: WorkerSpawner) async -> Set<AppName> {
        runners.inherit(inherited)
        runners.endStrangers(to: table.all.map(\.name))
        let children = inherited.filter { $0.entry.role != .runner }
        guard !children.isEmpty else {
            snapshotFile.discard()
            return []
        }
        let plan = readSnapshot(children.map(\.entry))
        var left = Dictionary(children.map { ($0.entry.mark, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, note) in plan.notes {
            guard let capacity = note.capacity, let served = table[name] else { continue }
            await served.operations.restore(capacity)
        }
        var adopted: Set<AppName> = []
        for app in plan.apps {
            guard let served = table[app.record.name] else { continue }
            let record = await choose(app, for: served)
            take(record, of: served, plan, spawner, &left)
            guard record.live != nil else { continue }
            adopted.insert(served.name)
            // What is booted anew is not to be restarted for what was there before.
            for file in plan.notes[served.name]?.restartFiles ?? [] { notes.note(file, of: served.name) }
            if app.wasRestarting { served.restartAgain() }
        }
        for (_, child) in left.sorted(by: { $0.key.pid < $1.key.pid }) {
            logger.warning("\(child.entry.title) (pid \(child.entry.pid)) of the core before is ended")
            child.end(reader: reader, schedule: tools.schedule)
        }
        return adopted
    }

    private func readSnapshot(_ entries: [ChildEntry]) -> AdoptionPlan {
        switch snapshotFile.take() {
        case .snapshot(let snapshot): return AdoptionPlan(snapshot, table: entries)
        case .nothing:
            logger.error("the core before has left no snapshot: the apps are booted anew")
        case .refused(let reason, let path):
            logger.error("the snapshot of the core before is not used, the apps are booted anew: \(reason) (\(path))")
        }
        return AdoptionPlan()
    }

    /// Of the generations that can go on, those that have to.
    private func choose(_ app: AdoptionPlan.App, for served: ServedApp) async -> AppRecord {
        var record = app.record
        let choice = await served.operations.adopt(record)
        record.generations.removeAll { $0.number != choice?.live && $0.number != choice?.standby }
        record.live = choice?.live
        served.routes?.remember(await served.operations.formerVersions())
        return record
    }

    private func take(
        _ record: AppRecord, of served: ServedApp, _ plan: AdoptionPlan, _ spawner: WorkerSpawner,
        _ left: inout [ProcessMark: InheritedChild]
    ) {
        if record.live != nil { served.spawns.close() }
        var begin: [@Sendable () -> Void] = []
        for generation in record.generations {
            spawner.enter(generation.number == record.live ? .live : .standby, generation.number, of: record.name)
            served.routes?.booted(generation.number, generation.spec.settings)
            for worker in generation.workers {
                guard let mark = plan.workers[worker.number], let child = left.removeValue(forKey: mark) else {
                    continue
                }
                begin.append(
                    spawner.adopt(
                        worker.number, generation: generation.number, spec: generation.spec,
                        speaking: worker.wireProtocol, child))
            }
            let key = AdoptionPlan.Generation(app: record.name, number: generation.number)
            if let mark = plan.preloaders[key], let child = left.removeValue(forKey: mark) {
                spawner.adoptPreloader(generation.number, generation.spec, child)
            }
            if generation.number == record.live { pool.setQueue(served.index, generation.spec.settings.queue) }
        }
        pool.adopt(served.index, record, lastWorker: plan.lastWorker)
        for begin in begin { begin() }
        served.routes?.refresh()
    }
}
