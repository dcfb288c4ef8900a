import Model
import Pool
import Spawning

/// What of a snapshot is still true: held against the supervisor's table, which alone knows what runs. Pure.
struct AdoptionPlan: Equatable {
    struct App: Equatable {
        /// Its generations that were proved and can go on, with those of their workers that live. None without one that has the traffic.
        var record: AppRecord
        /// The live version was being booted anew.
        var wasRestarting = false
    }

    private(set) var apps: [App] = []
    private(set) var lastWorker = WorkerNumber(0)
    private(set) var workers: [WorkerNumber: ProcessMark] = [:]
    private(set) var preloaders: [Generation: ProcessMark] = [:]
    private(set) var notes: [AppName: AppNote] = [:]

    struct Generation: Hashable {
        var app: AppName
        var number: GenerationNumber
    }

    /// Nothing goes on.
    init() {}

    init(_ snapshot: ServerSnapshot, table: [ChildEntry]) {
        var running = Set(table.filter { $0.role == .worker }.map(\.mark))
        lastWorker = snapshot.pool.lastWorker
        for note in snapshot.notes ?? [] { notes[note.name] = note }
        for worker in snapshot.workers where workers[worker.number] == nil {
            // A process is one worker.
            if running.remove(worker.process) != nil { workers[worker.number] = worker.process }
        }
        var names: Set<AppName> = []
        var taken: Set<WorkerNumber> = []
        for app in snapshot.pool.apps where names.insert(app.name).inserted { apps.append(judge(app, &taken)) }
        let kept = Set(
            apps.flatMap { app in app.record.generations.map { Generation(app: app.record.name, number: $0.number) } })
        var preloading = Set(table.filter { $0.role == .preloader }.map(\.mark))
        for preloader in snapshot.preloaders {
            let generation = Generation(app: preloader.app, number: preloader.generation)
            guard kept.contains(generation), preloaders[generation] == nil,
                preloading.remove(preloader.process) != nil
            else { continue }
            preloaders[generation] = preloader.process
        }
        let used = apps.flatMap(\.record.generations).flatMap(\.workers).map(\.number)
        workers = workers.filter { used.contains($0.key) }
    }

    private func judge(_ app: AppRecord, _ taken: inout Set<WorkerNumber>) -> App {
        var record = app
        record.generations = []
        var numbers: Set<GenerationNumber> = []
        for generation in app.generations where generation.spec.app == app.name {
            record.lastGeneration = max(record.lastGeneration, generation.number)
            guard generation.state.canServe,
                numbers.insert(generation.number).inserted
            else { continue }
            var kept = generation
            kept.workers = generation.workers.filter { workers[$0.number] != nil && taken.insert($0.number).inserted }
            if !kept.workers.isEmpty { record.generations.append(kept) }
        }
        guard let live = record.generations.first(where: { $0.number == app.live && $0.state == .live }) else {
            record.generations = []
            record.live = nil
            return App(record: record)
        }
        let booting = app.generations.contains {
            ($0.state == .booting || $0.state == .proved) && $0.spec.release == live.spec.release
        }
        return App(record: record, wasRestarting: booting)
    }
}

extension GenerationState {
    /// It has proved itself: what becomes of it is the journal's to say.
    fileprivate var canServe: Bool {
        switch self {
        case .proved, .live, .standby: true
        case .booting, .draining, .gone: false
        }
    }
}
