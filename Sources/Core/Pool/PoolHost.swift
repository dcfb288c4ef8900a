import Deploys
import Gateway
import Linux
import Model
import Pool
import Spawning

/// `GenerationHost` over the pool, for one app.
struct PoolHost: GenerationHost {
    let pool: Pool
    let app: AppIndex
    let meter: MemoryMeter
    let gateway: Gateway
    let routes: AppRoutes

    func liveGeneration() -> LiveGeneration? {
        guard let live = pool.snapshot(of: app)?.live else { return nil }
        return LiveGeneration(number: live.number, workers: live.target)
    }

    func boot(_ spec: GenerationSpec) async throws(GenerationFailure) -> BootedGeneration {
        let booted = try await pool.boot(app, spec)
        routes.booted(booted.number, spec.settings)
        return booted
    }

    func trial(_ spec: GenerationSpec) async throws(GenerationFailure) {
        var trial = spec
        trial.workers = 1
        trial.proof = .handshake
        let booted = try await pool.boot(app, trial)
        pool.discard(booted.number, of: app)
        await pool.waitUntilGone(booted.number, of: app)
    }

    func bootLive(_ spec: GenerationSpec) -> GenerationNumber {
        pool.setQueue(app, spec.settings.queue)
        routes.size(for: spec.settings)
        // What a boot has to say is wanted most of all.
        routes.log.use(spec.settings.appLogFile)
        let number = pool.bootLive(app, spec)
        routes.starts(number, spec.settings)
        return number
    }

    func switchTraffic(to generation: GenerationNumber) -> GenerationNumber? {
        routes.size(for: generation)
        let previous = pool.switchTraffic(app, to: generation)
        routes.refresh()
        return previous
    }

    func restartFailed(_ failure: BootFailure) { pool.restartFailed(app, failure) }

    func share(_ generation: GenerationNumber, percent: Double?) {
        pool.share(app, with: generation, tenThousandths: percent.map { Int(($0 * 100).rounded()) })
        routes.refresh()
    }

    func drain(_ generation: GenerationNumber, within: Duration) { pool.drain(generation, of: app, within: within) }
    func park(_ generation: GenerationNumber, workers: Int) { pool.park(generation, of: app, workers: workers) }
    func scale(_ generation: GenerationNumber, workers: Int) { pool.scale(generation, of: app, workers: workers) }

    func waitUntilEmpty(_ generation: GenerationNumber, deadline: Instant) async -> Bool {
        await pool.waitUntilEmpty(generation, of: app, deadline: deadline)
    }

    private static let lastMoments = Duration.seconds(5)

    func drainingGenerations() -> [GenerationNumber] {
        pool.snapshot(of: app)?.generations.filter { $0.state == .draining }.map(\.number) ?? []
    }

    func releasesInUse() -> Set<DeployNumber> {
        Set(pool.snapshot(of: app)?.generations.compactMap { $0.release?.number } ?? [])
    }

    func generationCount() -> Int { pool.generationCount(app) }

    func workerCount() -> Int { pool.workerCount(app) }

    func hurry(_ generation: GenerationNumber) {
        // A second drain only shortens: requests keep the time that the first one gave them.
        pool.drain(generation, of: app, within: .seconds(365 * 86_400), streams: Self.lastMoments)
    }

    func waitUntilReady(_ generation: GenerationNumber, workers: Int, deadline: Instant) async -> Bool {
        await pool.waitUntilReady(generation, of: app, workers: workers, deadline: deadline)
    }

    func waitUntilGone(_ generation: GenerationNumber) async { await pool.waitUntilGone(generation, of: app) }
    func discard(_ generation: GenerationNumber) { pool.discard(generation, of: app) }
    func setScale(_ workers: Int?) { pool.setScale(app, workers: workers) }
    func setPause(hold: Duration?) {
        if let hold { pool.pause(app, hold: hold) } else { pool.resume(app) }
    }
    func readyWorkers(of generation: GenerationNumber) -> Int {
        guard let found = pool.snapshot(of: app)?.generations.first(where: { $0.number == generation }) else {
            return 0
        }
        return found.target == 0 ? 1 : found.workers.count { $0.state == .available }
    }

    func routes(of generation: GenerationNumber) -> [RouteTraffic] { gateway.routes(of: generation, app) }

    func lastLines(of generation: GenerationNumber) -> [String] {
        let workers = pool.snapshot(of: app)?.generations.first { $0.number == generation }?.workers ?? []
        return routes.log.lastLines(of: Set(workers.map(\.number)))
    }

    func memoryPerWorker(of generation: GenerationNumber) -> Int? {
        guard let found = pool.snapshot(of: app)?.generations.first(where: { $0.number == generation }) else {
            return nil
        }
        let figures = found.workers.compactMap { meter.figures($0.number) }
        guard !figures.isEmpty else { return nil }
        return figures.reduce(0) { $0 + $1.proportionalBytes + $1.swapBytes } / figures.count
    }

    func availableMemory() -> Int? { MemoryState().available() }
    func memoryPressure() -> Double? { MemoryState().pressure() }

    func traffic(of generation: GenerationNumber) -> TrafficCounts { pool.traffic(app, generation) }
}
