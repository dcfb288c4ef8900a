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

    let plan: CoreBootPlan
    let link: SupervisorLink
    let inheritance: Inheritance
    let writer: LogWriter
    let logger: Logger
    let events: EventLog
    /// For all but the gateway, which has loops of its own.
    let group: MultiThreadedEventLoopGroup
    let threads: NIOThreadPool
    let reader: OutputReader
    let tools: Tools
    let pool: Pool
    let shutdownRequests: AsyncStream<Bool>
    let requestShutdown: AsyncStream<Bool>.Continuation
    /// Who writes logs that can be reopened, once there is something that does.
    private let logs = Shared<Gateway?>(nil)

    init(plan: CoreBootPlan, inheritance: Inheritance, link: SupervisorLink) throws {
        self.plan = plan
        self.inheritance = inheritance
        self.link = link
        let format = plan.server.logFormat
        let writer = try LogWriter(descriptor: 2, isJSON: format == .json)
        self.writer = writer
        let level = Logger.Level(number: plan.server.logLevel)
        logger = Logger(label: "passenger") { _ in
            switch format {
            case .text: LineLogHandler(writer: writer, level: level)
            case .json: JSONLogHandler(writer: writer, level: level)
            }
        }
        events = EventLog(logger: logger, format: format)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        threads = NIOThreadPool(numberOfThreads: 4)
        threads.start()
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
                maxPoolSize: plan.settings.pool.maxPoolSize, processors: System.coreCount,
                seed: UInt64.random(in: .min ... .max)),
            now: { monotonicNow() })
        (shutdownRequests, requestShutdown) = AsyncStream.makeStream()
    }

    func run() async {
        let requestShutdown = self.requestShutdown
        let logs = self.logs
        link.start { request in
            switch request {
            case .shutdown(let hurry): requestShutdown.yield(hurry)
            // Every child of the supervisor's ends with it, and so do we.
            case .supervisorGone: exit(1)
            case .reopenLogs: logs.withLock { $0?.reopenLogs() }
            case .reload: break
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

    private func serve() async throws {
        let certificates = try await CertificateKeeper(plan.server.tls, link: link, threads: threads, logger: logger)
        let gateway = plan.isTransient ? nil : try await makeGateway(certificates)
        logs.withLock { $0 = gateway }
        let settings = SettingsClient(tools: tools)
        let spawning = spawningParts(settings)
        let spawner = WorkerSpawner(parts: spawning, pool: pool)
        let (firstBoot, bootEnded) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let bridge = PoolBridge(spawner: spawner, gateway: gateway) { [events] event in
            events.pool(event)
            switch event.kind {
            case .bootFailed, .switched: bootEnded.yield()
            case .generationGone: if let generation = event.generation { gateway?.forget(generation, of: event.app) }
            default: break
            }
        }
        pool.start(delegate: bridge)
        let app = try makeApp(gateway, settings, certificates, spawning)
        startTicking(app)
        app.routes?.begin(plan.settings)
        let listeners = try boundAddresses()
        let admin = startAdmin(app, listeners)
        let watcher = plan.isTransient ? nil : WatcherClient(tools: tools, app: app, logger: logger)
        for warning in plan.warnings { logger.warning("\(warning)") }
        await start(app)
        // Not earlier: who comes while nothing is booting yet would be told that nothing is live. Until here connections
        // wait in the kernel's queue, those that a core before this one could not take on too.
        if let gateway { try await open(gateway) }
        watcher?.start()
        certificates?.startWatching(group)
        try writeInstanceRecord(app, listeners)
        let summary = "listening on " + listeners.joined(separator: ", ")
        logger.info("passenger \(plan.programVersion) \(plan.isTransient ? "works without serving" : summary)")
        // Whoever starts a daemon wants to know how the app came up; `status` tells it.
        if plan.server.daemonize, isBooting(app) {
            for await _ in firstBoot { break }
        }
        try link.send(.ready(summary: summary))
        if plan.isTransient { endWhenIdle(app) }
        await waitForShutdown(gateway, app)
        // Whoever asked for the stop gets the answer before the process ends.
        admin.cancel()
        await admin.value
        withExtendedLifetime((bridge, watcher)) {}
        try link.send(.done)
        writer.flush()
        exit(0)
    }

    /// Without `prestart` the first request boots it.
    private func isBooting(_ app: ServedApp) -> Bool {
        pool.snapshot()[app.index]?.generations.contains { $0.state == .booting && $0.target > 0 } ?? false
    }

    private func startTicking(_ app: ServedApp) {
        group.any().scheduleRepeatedTask(initialDelay: Self.tickInterval, delay: Self.tickInterval) { [pool] _ in
            pool.tick()
            app.companions?.tick()
            Task { await app.operations.tick() }
        }
    }

    private func open(_ gateway: Gateway) async throws {
        let proxied = plan.server.proxyProtocol
        try await gateway.open(
            inheritance.listeners.compactMap { listener in
                let isTLS = listener.name.hasPrefix("https-")
                guard isTLS || listener.name.hasPrefix("http-") else { return nil }
                return GatewayListener(
                    descriptor: listener.descriptor, isShared: listener.name.contains("-unix"), isTLS: isTLS,
                    proxyProtocol: proxied)
            })
    }

    private func startAdmin(_ app: ServedApp, _ listeners: [String]) -> Task<Void, Never> {
        let requestShutdown = self.requestShutdown
        let plane = CoreControlPlane(
            plan: plan, app: app, pool: pool, supervisorPid: inheritance.supervisorPid,
            listeners: listeners, startedAt: WallTime.now(),
            shutDown: { requestShutdown.yield($0) })
        let server = AdminServer(
            controlPlane: plane, access: AccessPolicy(instanceUsers: [plan.ownUser]), logger: logger)
        let listener = inheritance.listeners.first { $0.name == "admin" }
        return Task { [group, logger] in
            guard let listener else { return logger.error("admin: no listener was handed over") }
            do {
                try await server.run(listener: listener.descriptor, group: group)
            } catch is CancellationError {
            } catch {
                logger.error("admin: \(error)")
            }
        }
    }

    /// Boots what has to be live; an app that cannot be booted is reported and tried again, never a reason not to serve.
    private func start(_ app: ServedApp) async {
        do throws(DeployFailure) {
            let requester = Requester(uid: plan.ownUser, pid: getpid(), user: nil, command: "server start")
            if let handle = try await app.operations.start(requester: requester) { app.log(handle) }
        } catch {
            events.failure(app.name, error)
        }
    }
}
