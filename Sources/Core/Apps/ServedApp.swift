import AdminAPI
import AppConfig
import Deploys
import Glibc
import Linux
import Logging
import Model
import Pool
import Spawning

/// One app of this server: its operations, and how `status` shows it.
struct ServedApp: Sendable {
    private let currentPlan: Shared<AppPlan>
    let index: AppIndex
    let settings: SettingsClient
    let operations: AppOperations
    /// Nil for an app in place.
    let builder: BuilderClient?
    /// Nil in a transient core, which serves nobody.
    let routes: AppRoutes?
    let companions: CompanionKeeper?
    let measurements: Measurements
    let appLog: AppLog
    let pool: Pool
    /// Nil in a transient core.
    let watchers: Watchers?
    /// uid that the server was started by.
    let serverUser: UInt32
    let logger: Logger
    /// Writes what an operation does to the log.
    let log: @Sendable (OperationHandle) -> Void
    /// Closed while it is adopted and not started.
    let spawns = SpawnGate()
    private let isToRestart = Shared(false)
    private let hasBegun = Shared(false)
    private let starting = Shared<Task<Void, Never>?>(nil)

    init(
        plan: Shared<AppPlan>, index: AppIndex, pool: Pool, settings: SettingsClient, operations: AppOperations,
        builder: BuilderClient?, routes: AppRoutes?, companions: CompanionKeeper?, measurements: Measurements,
        appLog: AppLog,
        watchers: Watchers?, serverUser: UInt32, logger: Logger,
        log: @escaping @Sendable (OperationHandle) -> Void
    ) {
        currentPlan = plan
        name = plan.withLock { $0.name }
        self.index = index
        self.pool = pool
        self.settings = settings
        self.operations = operations
        self.builder = builder
        self.routes = routes
        self.companions = companions
        self.measurements = measurements
        self.appLog = appLog
        self.watchers = watchers
        self.serverUser = serverUser
        self.logger = logger
        self.log = log
    }

    /// Another one, of the same app, comes with a reload.
    var plan: AppPlan { currentPlan.withLock { $0 } }
    func replacePlan(_ plan: AppPlan) { currentPlan.withLock { $0 = plan } }

    /// Of many apps, those that need no worker before there is a request are not even read before.
    static func startsOnDemand(_ plan: AppPlan) -> Bool {
        let pool = plan.settings.pool
        return plan.app.operatorLayers.isOneOfMany && pool.minInstances == 0 && !pool.prestart
    }

    /// Whether there is something that it is to serve before anybody asks for it.
    var bootsAtStart: Bool {
        get async {
            guard !Self.startsOnDemand(plan) else { return false }
            return builder == nil ? true : await operations.overview().live != nil
        }
    }

    let name: AppName
    var root: String { plan.location.path }
    var mode: RootMode { plan.location.isDeployRoot ? .deployRoot : .inPlace }

    func startUnlessOnDemand() {
        if !Self.startsOnDemand(plan) { Task { await start() } }
    }

    /// Whether its files were ever looked at.
    var isStarted: Bool { hasBegun.withLock { $0 } }

    /// Boots what has to be live, once; an app that cannot be booted is reported and tried again when it is wanted again,
    /// and never a reason not to serve the others.
    func start() async {
        hasBegun.withLock { $0 = true }
        let task = starting.withLock { starting in
            let task = starting ?? Task { await boot() }
            starting = task
            return task
        }
        await task.value
        spawns.open()
        guard pool.snapshot(of: index)?.generations.isEmpty ?? true else { return }
        // Or there is nothing to boot: a deploy root without a release.
        let failure = settings.failure.map { failure in
            BootFailure(step: failure.code.name, summary: failure.summary, hint: failure.hint)
        }
        pool.startFailed(index, failure, retryAfter: Self.retryDelay)
    }

    private func boot() async {
        watchers?.watch(self)
        // What was adopted knows them since then.
        if pool.liveGeneration(index) == nil { routes?.remember(await operations.formerVersions()) }
        do throws(DeployFailure) {
            let requester = Requester(uid: serverUser, pid: getpid(), user: nil, command: "server start")
            if let handle = try await operations.start(requester: requester) { log(handle) }
            // Now it is known where its restart.txt lies.
            watchers?.watch(self)
            await finishRestart()
        } catch {
            settings.failed(error)
            logger.error("app \(name): \(error)")
            if let hint = error.hint { logger.error("    hint: \(hint)") }
            starting.withLock { $0 = nil }
        }
    }

    private static let retryDelay = Duration.seconds(5)

    /// The core before died over it.
    func restartAgain() { isToRestart.withLock { $0 = true } }

    private func finishRestart() async {
        let isDue = isToRestart.withLock { due in
            defer { due = false }
            return due
        }
        guard isDue else { return }
        let requester = Requester(uid: serverUser, pid: getpid(), user: nil, command: "core start")
        let request = RestartRequest(reason: "the core ended while the app was restarted", requester: requester)
        do throws(OperationRefusal) {
            log(try await operations.restart(request))
        } catch {
            logger.error("app \(name): the restart that the core before had begun is refused: \(error)")
        }
    }

    func status(_ snapshot: AppSnapshot?) async -> AppStatus {
        let overview = await operations.overview()
        let live = await operations.liveSettings()
        var status = AppStatus(
            name: name, root: root, mode: mode, kind: live?.kind,
            environment: live?.environment ?? plan.settings.environment)
        status.isStarted = isStarted
        status.liveRelease = overview.live?.label.name
        status.generations = snapshot?.generations.map { measurements.generation($0, of: name) } ?? []
        status.companions = companions?.snapshot().map { CompanionStatus($0) } ?? []
        status.queue = QueueStatus(
            length: snapshot?.queueLength ?? 0, max: (live ?? plan.settings).queue.maxRequestQueueSize)
        status.scale = snapshot?.scale
        status.pausedSince = snapshot?.isPaused == true ? await operations.pausedSince().map { WallTime($0) } : nil
        status.lock = LockAnswer(name, overview.freeze).lock
        status.operation = overview.running.map { running in
            OperationStatus(
                operation: OperationID(AdminAPI.OperationKind(running.kind), running.operation.rawValue),
                kind: AdminAPI.OperationKind(running.kind), deploy: running.deploy,
                step: running.step?.name ?? "starting", since: WallTime(running.since),
                by: running.requester.user ?? running.requester.command)
        }
        if let outcome = overview.lastOutcome, let failure = outcome.failure {
            status.lastFailure = FailureReport(failure, step: outcome.failedStep?.name)
        } else if let failure = settings.failure {
            status.lastFailure = FailureReport(failure.masked(settings.mask), step: nil)
        } else if let failure = snapshot?.lastBootFailure {
            status.lastFailure = FailureReport(failure.masked(settings.mask))
        }
        let notPreloaded = status.generations.compactMap { generation in
            generation.preloader?.reason.map { "\(generation.number) is not preloaded: \($0)" }
        }
        status.warnings = notPreloaded + plan.warnings + settings.warnings + overview.warnings
        return status
    }
}

extension CompanionStatus {
    init(_ companion: CompanionSnapshot) {
        self.init(
            name: "\(companion.id)", release: companion.release?.name, pid: companion.pid,
            state: companion.state.rawValue, restarts: companion.restarts, ageSeconds: companion.age.inSeconds,
            isFailing: companion.isFailing, lastError: companion.lastEnd.map { "\($0)" })
    }
}

extension AppStatus {
    init(_ refused: RefusedApp) {
        self.init(name: refused.name, root: refused.root, mode: .inPlace, kind: nil, environment: AppStatus.notServed)
        lastFailure = FailureReport(step: "configuration", summary: refused.reason)
    }
}

extension GenerationStatus {
    init(_ generation: GenerationSnapshot, workers: [WorkerStatus]) {
        self.init(
            number: generation.number, release: generation.release?.name, state: State(generation.state),
            target: generation.target, workers: workers)
    }
}

extension GenerationStatus.State {
    init(_ state: GenerationState) {
        switch state {
        case .booting: self = .booting
        case .proved: self = .proved
        case .live: self = .live
        case .standby: self = .standby
        case .draining, .gone: self = .draining
        }
    }
}

extension WorkerStatus {
    init(_ worker: WorkerSnapshot, lastError: String?, memory: MemoryStatus?) {
        self.init(
            number: worker.number, pid: worker.pid, state: worker.state.rawValue, requestsNow: worker.requestsNow,
            requestsTotal: Int(clamping: worker.requestsTotal), ageSeconds: (monotonicNow() - worker.bornAt).inSeconds,
            lastError: lastError)
        self.memory = memory
        let isBooting = worker.state == .launching || worker.state == .loading || worker.state == .proving
        if !isBooting { concurrency = worker.concurrency }
        if !isBooting, worker.requestsNow == 0 { idleSeconds = (monotonicNow() - worker.lastUsed).inSeconds }
    }
}
