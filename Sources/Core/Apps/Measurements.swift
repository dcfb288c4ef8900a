import AdminAPI
import Linux
import Model
import Pool
import Spawning

/// A generation's processes and what they take, as `status` shows it.
struct Measurements: Sendable {
    let spawner: WorkerSpawner
    let meter: MemoryMeter
    /// Directory below which the generations' control groups are; nil without.
    let controlGroups: String?

    func generation(_ generation: GenerationSnapshot, of app: AppName) -> GenerationStatus {
        let figures = generation.workers.map { meter.figures($0.number) }
        var status = GenerationStatus(
            generation,
            workers: zip(generation.workers, figures).map { worker, memory in
                var status = WorkerStatus(
                    worker, lastError: generation.lastError?.summary, memory: memory.map { MemoryStatus($0) })
                if status.concurrency == nil { status.step = spawner.step(of: worker.number) ?? "spawn" }
                return status
            })
        if generation.state == .draining { status.drain = DrainStatus(generation) }
        status.preloader = spawner.preloader(of: generation.number, app).map {
            PreloaderStatus(state: $0.state.rawValue, pid: $0.pid, reason: $0.reason)
        }
        let measured = figures.compactMap { $0 }
        if !measured.isEmpty { status.memory = MemoryStatus(measured.reduce(.zero, +)) }
        status.controlGroup = controlGroup(ControlGroupName.of(app, generation.number))
        return status
    }

    private func controlGroup(_ name: String) -> ControlGroupStatus? {
        guard let path = controlGroups.map({ "\($0)/\(name)" }), let figures = ControlGroupFigures(path: path) else {
            return nil
        }
        return ControlGroupStatus(
            path: path, memoryBytes: figures.memoryBytes, cpuSeconds: Double(figures.cpuMicroseconds) / 1e6)
    }
}

extension DrainStatus {
    init(_ generation: GenerationSnapshot) {
        func left(_ deadline: Instant?) -> Double? {
            deadline.flatMap { $0 == .distantFuture ? nil : max(0, ($0 - monotonicNow()).inSeconds) }
        }
        self.init(
            requests: generation.workers.reduce(0) { $0 + $1.requestsNow },
            streams: generation.workers.reduce(0) { $0 + $1.streamsNow },
            requestsEndInSeconds: left(generation.drainDeadline), streamsEndInSeconds: left(generation.streamDeadline))
    }
}

extension MemoryStatus {
    init(_ figures: MemoryFigures) {
        self.init(
            privateBytes: figures.privateBytes, swapBytes: figures.swapBytes, sharedBytes: figures.sharedBytes,
            pssBytes: figures.proportionalBytes, processes: figures.processes, isExact: figures.isExact)
    }
}
