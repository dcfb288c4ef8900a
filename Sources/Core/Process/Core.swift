import AdminAPI
import AdminServer
import AppConfig
import Deploys
import Foundation
import Gateway
import Glibc
import Linux
import Logging
import Model
import NIOCore
import NIOPosix
import Pool
import Spawning
import Synchronization
import Telemetry

/// The parts of one core, and the order in which they start and stop.
final class Core: Sendable {
    private static let tickInterval = TimeAmount.milliseconds(100)

    /// The one that holds; a reload brings another.
    let plans: Shared<CoreBootPlan>
    var plan: CoreBootPlan { plans.withLock { $0 } }
    let link: SupervisorLink
    let inheritance: Inheritance
    let listeners: Shared<[InheritedListener]>
    let runners: InheritedRunners
    let writer: LogWriter
    let logger: Logger
    /// Of all that is logged.
    let level: SharedLevel
    let events: EventLog
    /// For all but the gateway, which has loops of its own.
    let group: MultiThreadedEventLoopGroup
    let threads: NIOThreadPool
    /// Apart: probes of an app that does not answer must not keep other apps' requests from their files.
    let probes: NIOThreadPool
    let reader: OutputReader
    let tools: Tools
    let pool: Pool
    let table = AppTable()
    let appsMessages: AsyncStream<AppsMessage>
    let tellApps: AsyncStream<AppsMessage>.Continuation
    /// Whether commands can find the server already, and whether what they find is out of date.
    let record = Shared((isWritten: false, isDue: false))
    let notes = AppNotes()
    let tallies = Tallies()
    let startedAt = (instant: monotonicNow(), wall: WallTime.now())
    let meter: MemoryMeter
    let shutdownRequests: AsyncStream<Bool>
    let requestShutdown: AsyncStream<Bool>.Continuation
    let phase = Shared(Readiness.Phase.starting)
    /// Opens logs anew, once there are some.
    private let logs = Shared<@Sendable () -> Void>({})
    let reloadNews: AsyncStream<ReloadNews>
    private let tellReload: AsyncStream<ReloadNews>.Continuation
    let upgrades: UpgradeRequests
    /// To take the place of another core.
    let succession: AsyncStream<SuccessionNews>
    private let tellSuccession: AsyncStream<SuccessionNews>.Continuation
    /// That another core takes its place, and what to do about its last clients.
    let retirements: AsyncStream<ClientSender?>
    private let tellRetirement: AsyncStream<ClientSender?>.Continuation
    let hurriedRetirements: AsyncStream<Void>
    private let hurryRetirement: AsyncStream<Void>.Continuation
    /// It was to retire, and is not any more.
    let isToStay = Shared(false)
    private let loads = Shared<@Sendable ([WorkerLoad]) -> Void>({ _ in })
    /// Calls back when what serves requests has had its turn.
    let turn = Shared<@Sendable (@escaping @Sendable () -> Void) -> Void>({ $0() })

    init(plan: CoreBootPlan, inheritance: Inheritance, link: SupervisorLink) throws {
        plans = Shared(plan)
        self.inheritance = inheritance
        listeners = Shared(inheritance.listeners)
        self.link = link
        let format = plan.server.logFormat
        let writer = try LogWriter(descriptor: 2, isJSON: format == .json)
        self.writer = writer
        let level = SharedLevel(Logger.Level(number: plan.server.logLevel))
        self.level = level
        logger = Logger(label: "passenger") { _ in
            switch format {
            case .text: LineLogHandler(writer: writer, level: level)
            case .json: JSONLogHandler(writer: writer, level: level)
            }
        }
        runners = InheritedRunners(inheritance.children, logger: logger)
        events = EventLog(logger: logger, format: format)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        threads = NIOThreadPool(numberOfThreads: 4)
        threads.start()
        probes = NIOThreadPool(numberOfThreads: 8)
        probes.start()
        reader = try OutputReader()
        reader.start()
        let group = self.group
        tools = Tools(
            link: link, reader: reader,
            schedule: { delay, action in
                group.any().scheduleTask(in: .nanoseconds(delay.wholeNanoseconds)) { action() }
            }, plan: plan)
        pool = Pool(
            limits: PoolLimits(
                maxPoolSize: plan.maxPoolSize, processors: System.coreCount,
                seed: UInt64.random(in: .min ... .max)),
            now: { monotonicNow() })
        meter = MemoryMeter(link: link, reader: reader, schedule: tools.schedule) { [pool] worker, memory in
            pool.workerMemory(worker, bytes: memory.ownBytes)
        }
        (shutdownRequests, requestShutdown) = AsyncStream.makeStream()
        (appsMessages, tellApps) = AsyncStream.makeStream()
        (reloadNews, tellReload) = AsyncStream.makeStream()
        upgrades = UpgradeRequests(link: link)
        (succession, tellSuccession) = AsyncStream.makeStream()
        (retirements, tellRetirement) = AsyncStream.makeStream()
        (hurriedRetirements, hurryRetirement) = AsyncStream.makeStream()
    }

    func run() async {
        let requestShutdown = self.requestShutdown
        let (tellApps, tellReload) = (self.tellApps, self.tellReload)
        link.start { [self] request in
            switch request {
            case .ping: answerPing()
            case .shutdown(let hurry):
                if phase.value != .retired {
                    requestShutdown.yield(hurry)
                } else if hurry {
                    hurryRetirement.yield()
                }
            case .child(let child): tellSuccession.yield(.child(child))
            case .begin(let clients): tellSuccession.yield(.begin(clients: clients))
            case .retire(let clients):
                isToStay.withLock { $0 = false }
                tellRetirement.yield(clients.map { ClientSender(Descriptor(owning: $0)) })
            case .stay: isToStay.withLock { $0 = true }
            case .upgraded(let ticket, let version): upgrades.upgraded(ticket, version: version)
            case .upgradeRefused(let ticket, let reason): upgrades.refused(ticket, reason: reason)
            case .loads(let changed): loads.value(changed)
            // Every child of the supervisor's ends with it, and so do we.
            case .supervisorGone: exit(1)
            case .reopenLogs: reopenLogs()
            case .listener(let listener): tellReload.yield(.listener(listener))
            case .reload(let ticket, let bootPlan): tellReload.yield(.plan(ticket: ticket, bootPlan))
            case .reloadRefused(let ticket, let reason): tellReload.yield(.refused(ticket: ticket, reason: reason))
            case .apps(let message): tellApps.yield(message)
            }
        }
        do {
            try await serve()
        } catch {
            logger.critical("start: \(error)")
            writer.flush()
            try? link.send(.failed(reason: "\(error)", exitCode: 1))
            exit(1)
        }
    }

    func reopenLogs() { logs.value() }

    private func serve() async throws {
        let plan = self.plan
        let certificates =
            plan.isTransient
            ? nil : try await CertificateKeeper(plan.server.tls, link: link, threads: threads, logger: logger)
        let gateway = plan.isTransient ? nil : try await makeGateway(certificates)
        logs.replace { [table] in
            for app in table.all { app.appLog.reopen() }
            gateway?.reopenLogs()
        }
        if let gateway { turn.replace { gateway.whenEachLoopHadItsTurn($0) } }
        let routes = gateway.map { RouteTable(gateway: $0) }
        let spawner = WorkerSpawner(parts: spawningParts(), pool: pool)
        let snapshots =
            plan.isTransient
            ? nil
            : SnapshotKeeper(
                file: snapshotFile, pool: pool, spawner: spawner, notes: notes, threads: threads,
                schedule: tools.schedule, logger: logger)
        if let snapshots { notes.follow { snapshots.changed() } }
        let (firstBoot, bootEnded) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let bridge = PoolBridge(
            spawner: spawner, gateway: gateway, gate: { [table] in table[$0]?.spawns }, snapshots: snapshots
        ) { [events, table, tallies] event in
            events.pool(event)
            tallies.happened(event, at: monotonicNow())
            switch event.kind {
            case .wanted: Task { await table[event.app]?.start() }
            case .bootFailed, .switched: bootEnded.yield()
            case .generationGone:
                guard let generation = event.generation else { break }
                gateway?.forget(generation, of: event.app)
                if let index = table[event.app]?.index {
                    gateway?.forgetRoutes(of: generation, index)
                    gateway?.forgetTraffic(of: generation, index)
                }
            default: break
            }
        }
        pool.start(delegate: bridge)
        for warning in plan.warnings { logger.warning("\(warning)") }
        let watchers = plan.isTransient ? nil : Watchers(tools: tools, notes: notes, logger: logger)
        let roster = AppRoster(table: table, routes: routes, logger: logger) { [self] in
            try makeApp($0, at: $1, routes, watchers, spawner)
        }
        await admitApps(to: roster, routes)
        let entries = directoryApps(roster)
        let following = await follow(entries, routes)
        if !plan.servesMany, let refused = table.refused.first { throw StartFailure(description: refused.reason) }
        let inherited =
            inheritance.isSuccessor
            ? try await waitForHandOver() : Succession(children: inheritance.children, clients: inheritance.clients)
        let adopted = await adopt(inherited.children, with: spawner)
        loads.replace { [self] in take($0, spawner) }
        startTicking()
        let reload = ConfigurationReload(
            core: self, gateway: gateway, roster: roster, certificates: certificates, entries: entries)
        let reloading = Task { [reloadNews] in await reload.follow(reloadNews) }
        let listeners = try boundAddresses()
        let admin = startAdmin(certificates, reload, metricsCollector(gateway), try await makeRemoteAdmin())
        let apps = table.all.filter { app in
            adopted.contains(app.name) || !ServedApp.startsOnDemand(app.plan) || !runners.records(of: app.name).isEmpty
        }
        // Not earlier: who comes while nothing is booting yet would be told that nothing is live. Until here connections
        // wait in the kernel's queue, those that a core before this one could not take on too.
        let isServing = !apps.isEmpty && apps.allSatisfy { adopted.contains($0.name) }
        if isServing, let gateway { try await open(gateway, inherited.clients) }
        await roster.start(apps)
        if !isServing, let gateway { try await open(gateway, inherited.clients) }
        snapshots?.begin()
        certificates?.startWatching(group)
        try writeInstanceRecord(listeners)
        let summary = "listening on " + listeners.joined(separator: ", ")
        logger.info("passenger \(plan.programVersion) \(plan.isTransient ? "works without serving" : summary)")
        // Whoever starts a daemon wants to know how the app came up; `status` tells it.
        if plan.server.daemonize, !inheritance.isSuccessor, let app = apps.first {
            if isBooting(app) { for await _ in firstBoot { break } } else { await waitForPendingDeploy(of: app) }
        }
        try link.send(.ready(summary: summary))
        if plan.isTransient { endWhenIdle() }
        if let gateway, let snapshots {
            let parts = Retirement(
                gateway: gateway, bridge: bridge, spawner: spawner, snapshots: snapshots, admin: admin.server,
                adminTask: admin.task)
            Task { await followRetirement(parts) }
        }
        await waitForShutdown(gateway)
        following?.cancel()
        reloading.cancel()
        // Whoever asked for the stop gets the answer before the process ends.
        await admin.server.stopAccepting()
        admin.task.cancel()
        await admin.task.value
        withExtendedLifetime((bridge, watchers)) {}
        for app in table.all { app.appLog.flush() }
        writer.flush()
        try link.send(.done)
        exit(0)
    }

    /// A release that was sealed without a server goes on when one starts; until it has the traffic there is nothing to see.
    private func waitForPendingDeploy(of app: ServedApp) async {
        guard let handle = try? await app.operations.attach(nil) else { return }
        for await logged in handle.events() {
            switch logged.event {
            case .switched, .finished: return
            default: continue
            }
        }
    }

    /// Without `prestart` the first request boots it.
    private func isBooting(_ app: ServedApp) -> Bool {
        pool.snapshot(of: app.index)?.generations.contains { $0.state == .booting && $0.target > 0 } ?? false
    }

    private func admitApps(to roster: AppRoster, _ routes: RouteTable?) async {
        for app in plan.refused { await roster.refuse(app) }
        let admit = { [plan] in for app in plan.apps { await roster.admit(app) } }
        if let routes { await routes.together(admit) } else { await admit() }
    }

    private func startTicking() {
        group.any().scheduleRepeatedTask(initialDelay: Self.tickInterval, delay: Self.tickInterval) { [pool, table] _ in
            pool.tick()
            for app in table.all where app.isStarted { app.companions?.tick() }
            Task { for app in table.all where app.isStarted { await app.operations.tick() } }
        }
    }

    /// `clients`: where those of a core before come from.
    private func open(_ gateway: Gateway, _ clients: Int32?) async throws {
        try await gateway.open(gatewayListeners(inheritance.listeners))
        phase.withLock { $0 = .serving }
        if let clients { takeClients(Descriptor(owning: clients), gateway, logger) }
    }

    func gatewayListeners(_ listeners: [InheritedListener]) -> [GatewayListener] {
        let proxied = plan.server.proxyProtocol
        let count = Dictionary(grouping: listeners, by: \.name).mapValues(\.count)
        return listeners.compactMap { listener in
            guard let scheme = ListenerName.scheme(listener.name) else { return nil }
            return GatewayListener(
                descriptor: listener.descriptor, name: listener.name, isShared: count[listener.name] == 1,
                isTLS: scheme == .https,
                proxyProtocol: proxied)
        }
    }
}

/// The only app cannot be served.
private struct StartFailure: Error, CustomStringConvertible {
    var description: String
}
