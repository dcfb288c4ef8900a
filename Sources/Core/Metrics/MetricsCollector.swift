import AccessLog
import AdminAPI
import Deploys
import Gateway
import Linux
import Model
import Pool
import Spawning

/// Makes a report out of what pool, gateway, meter and events have counted. Nothing is asked that could be waited for:
/// neither operations nor disks, and the pool only for one app at a time, so that no request waits for a report of many.
struct MetricsCollector: Sendable {
    struct App: Sendable {
        var name: AppName
        var index: AppIndex
        var hasReleases: Bool
    }

    /// Generations of an app that are told of, the newest. There can be more only when many drain slowly.
    private static let mostGenerations = 16

    let pool: Pool
    /// Nil in a transient core.
    let gateway: Gateway?
    let figures: @Sendable (WorkerNumber) -> MemoryFigures?
    let tallies: Tallies
    let apps: @Sendable () -> [App]
    let version: @Sendable () -> String
    let instance: @Sendable () -> String
    let coreNumber: UInt32
    let startedAt: (instant: Instant, wall: WallTime)
    private let ledger: Shared<ProcessorLedger>

    init(
        pool: Pool, gateway: Gateway?, figures: @escaping @Sendable (WorkerNumber) -> MemoryFigures?, tallies: Tallies,
        apps: @escaping @Sendable () -> [App], version: @escaping @Sendable () -> String,
        instance: @escaping @Sendable () -> String, coreNumber: UInt32, startedAt: (instant: Instant, wall: WallTime)
    ) {
        self.pool = pool
        self.gateway = gateway
        self.figures = figures
        self.tallies = tallies
        self.apps = apps
        self.version = version
        self.instance = instance
        self.coreNumber = coreNumber
        self.startedAt = startedAt
        ledger = Shared(ProcessorLedger(startedAt: startedAt.instant))
    }

    func report() async -> MetricsReport {
        let traffic = await gateway?.traffic() ?? GatewayTraffic()
        let now = monotonicNow()
        var report = MetricsReport(
            version: version(), core: Int(coreNumber), at: WallTime.now(),
            uptimeSeconds: (now - startedAt.instant).inSeconds)
        report.server = server(traffic)
        var sightings: [ProcessorLedger.Sighting] = []
        for app in apps() {
            // Gone in this moment.
            guard let snapshot = pool.snapshot(of: app.index) else { continue }
            report.apps.append(metrics(app, snapshot, traffic[app.index], now, &sightings))
        }
        addProcessorTime(sightings, to: &report)
        tallies.keep(Set(report.apps.map(\.name)))
        return report
    }

    /// Nil for a generation of which nothing has been seen yet.
    private func addProcessorTime(_ sightings: [ProcessorLedger.Sighting], to report: inout MetricsReport) {
        var totals = ledger.withLock { [sightings] in $0.totals(sightings) }.makeIterator()
        for app in report.apps.indices {
            for generation in report.apps[app].generations.indices {
                guard let used = totals.next() else { return }
                let isSeen = used > 0 || report.apps[app].generations[generation].memory != nil
                if isSeen { report.apps[app].generations[generation].cpuSeconds = Double(used) / 1e6 }
            }
        }
    }

    private func server(_ traffic: GatewayTraffic) -> ServerMetrics {
        var server = ServerMetrics(instance: instance())
        server.listeners = traffic.listeners.map {
            ListenerMetrics(listener: ListenerName.address($0.name), open: $0.open, accepted: $0.accepted)
        }
        server.connectionsRefused = traffic.refusedConnections
        for status in StatusClass.allCases where status != .aborted {
            server.unrouted[status.text] = traffic.unrouted(status)
        }
        server.process = ProcessFigures().map { figures in
            ProcessMetrics(
                startTimeSeconds: Double(startedAt.wall.millisecondsSince1970) / 1000, cpuSeconds: figures.cpuSeconds,
                residentBytes: figures.residentBytes, virtualBytes: figures.virtualBytes, openFiles: figures.openFiles,
                maxFiles: figures.maxFiles)
        }
        return server
    }

    private func metrics(
        _ app: App, _ snapshot: AppSnapshot, _ traffic: AppTraffic, _ now: Instant,
        _ sightings: inout [ProcessorLedger.Sighting]
    ) -> AppMetrics {
        var metrics = AppMetrics(name: app.name)
        metrics.isPaused = snapshot.isPaused
        metrics.queueLength = snapshot.queueLength
        metrics.queueLimit = snapshot.queueLimit
        metrics.crashes = snapshot.totals.crashes
        metrics.switches = snapshot.totals.switches
        metrics.take(traffic)
        let tally = tallies[app.name]
        metrics.spawned = tally.spawned
        metrics.spawnFailures = tally.spawnFailures
        metrics.spawnDuration = tally.spawnDuration
        metrics.replaced = tally.replaced
        metrics.drainDuration = tally.drainDuration
        metrics.cutRequests = tally.cutRequests
        if app.hasReleases {
            metrics.deploys = tally.results(.deploy, always: [.done, .failed, .rolledBack])
            metrics.rollbacks = tally.results(.rollback, always: [.done, .failed])
        }
        metrics.restarts = tally.results(.restart, always: [.done, .failed])
        for generation in snapshot.generations.suffix(Self.mostGenerations) {
            metrics.generations.append(self.generation(generation, of: app.index, traffic, now, &sightings))
        }
        return metrics
    }

    private func generation(
        _ generation: GenerationSnapshot, of app: AppIndex, _ traffic: AppTraffic, _ now: Instant,
        _ sightings: inout [ProcessorLedger.Sighting]
    ) -> GenerationMetrics {
        var metrics = GenerationMetrics(
            number: generation.number, release: generation.release?.name,
            state: GenerationStatus.State(generation.state))
        metrics.target = generation.target
        metrics.ageSeconds = (now - generation.bornAt).inSeconds
        let counted = traffic.generations.first { $0.number == generation.number }
        for status in StatusClass.allCases {
            let count = counted?.answers(status) ?? 0
            if count > 0 || status.isUsual { metrics.answers[status.text] = count }
        }
        metrics.duration = counted?.duration ?? DurationHistogram()
        metrics.workers = ["booting": 0, "idle": 0, "busy": 0, "draining": 0]
        var sum: MemoryFigures?
        var sighting = ProcessorLedger.Sighting(app: app, generation: generation.number)
        for worker in generation.workers {
            metrics.workers[worker.label, default: 0] += 1
            metrics.requestsNow += worker.requestsNow
            metrics.streamsNow += worker.streamsNow
            guard let figures = figures(worker.number) else { continue }
            sum = (sum ?? .zero) + figures
            sighting.workers.append((worker.number, worker.bornAt, figures.cpuMicroseconds))
        }
        metrics.memory = sum.map { MemoryStatus($0) }
        sightings.append(sighting)
        return metrics
    }
}

extension AppMetrics {
    fileprivate mutating func take(_ traffic: AppTraffic) {
        for source in AnswerSource.allCases {
            var counts: [String: UInt64] = [:]
            for status in StatusClass.allCases {
                let count = traffic.answers(source, status)
                if count > 0 || source == .worker && status.isUsual { counts[status.text] = count }
            }
            if !counts.isEmpty { answers[source.label] = counts }
        }
        for reason in FailureReason.allCases {
            let count = traffic.failures(reason)
            guard count > 0 || reason.isUsual else { continue }
            if reason.isWorkers { failed[reason.text] = count } else { refused[reason.text] = count }
        }
        duration = traffic.duration
        queueWait = traffic.queueWait
        requestBytes = traffic.requestBytes
        answerBytes = traffic.answerBytes
    }
}

// What is told with a zero, so that its first increase is seen; the rest begins when there is some.
extension StatusClass {
    fileprivate var isUsual: Bool { self != .aborted && self != .informational }
}

extension FailureReason {
    fileprivate var isUsual: Bool {
        switch self {
        case .queueFull, .queueTimeout, .paused, .notBooted, .workerDied, .workerTimedOut: true
        default: false
        }
    }
}

extension WorkerSnapshot {
    fileprivate var label: String {
        switch state {
        case .launching, .loading, .proving: "booting"
        case .available: requestsNow > 0 ? "busy" : "idle"
        case .working: "out_of_band"
        case .draining: "draining"
        case .unknown, .suspected, .stopping, .gone: state.rawValue
        }
    }
}
