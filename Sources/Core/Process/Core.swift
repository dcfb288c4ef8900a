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
    let group: MultiThreadedEventLoopGroup
    let threads: NIOThreadPool
    let reader: OutputReader
    let tools: Tools
    let pool: Pool
    private let shutdownRequests: AsyncStream<Bool>
    private let requestShutdown: AsyncStream<Bool>.Continuation

    init(plan: CoreBootPlan, inheritance: Inheritance, link: SupervisorLink) throws {
        self.plan = plan
        self.inheritance = inheritance
        self.link = link
        let writer = try LogWriter(descriptor: 2)
        self.writer = writer
        let level = Logger.Level(number: plan.server.logLevel)
        logger = Logger(label: "passenger") { _ in LineLogHandler(writer: writer, level: level) }
        events = EventLog(logger: logger)
        let loops = plan.isTransient ? 1 : plan.server.eventLoops
        group = MultiThreadedEventLoopGroup(numberOfThreads: loops > 0 ? loops : System.coreCount)
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
        link.start { request in
            switch request {
            case .shutdown(let hurry): requestShutdown.yield(hurry)
            // Every child of the supervisor's ends with it, and so do we.
            case .supervisorGone: exit(1)
            case .reload, .reopenLogs: break
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
        let gateway = plan.isTransient ? nil : try await makeGateway()
        let settings = SettingsClient(tools: tools)
        let spawner = WorkerSpawner(parts: spawningParts(settings), pool: pool)
        let bridge = PoolBridge(spawner: spawner, gateway: gateway) { [events] in events.pool($0) }
        pool.start(delegate: bridge)
        let app = try makeApp(gateway, settings)
        startTicking(app)
        if let gateway { try await open(gateway, app) }
        let listeners = try boundAddresses()
        let admin = startAdmin(app, listeners)
        let watcher = plan.isTransient ? nil : WatcherClient(tools: tools, app: app, logger: logger)
        for warning in plan.warnings { logger.warning("\(warning)") }
        await start(app)
        watcher?.start()
        try writeInstanceRecord(app, listeners)
        let summary = "listening on " + listeners.joined(separator: ", ")
        logger.info("passenger \(plan.programVersion) \(plan.isTransient ? "works without serving" : summary)")
        try link.send(.ready(summary: summary))
        if plan.isTransient { endWhenIdle(app) }
        await waitForShutdown(gateway, app)
        admin.cancel()
        withExtendedLifetime((bridge, watcher)) {}
        try link.send(.done)
        writer.flush()
        exit(0)
    }

    // MARK: Parts

    private func makeGateway() async throws -> Gateway {
        let template = try? readFile("\(plan.templateDirectory)/errors/error.html")
        let server = plan.server
        let name = server.showVersionInHeader ? "passenger/\(plan.programVersion)" : "passenger"
        return try await Gateway(
            group: group,
            parts: GatewayParts(
                pool: pool,
                budget: BufferBudget(memoryLimit: server.bufferMemoryLimit, diskLimit: server.bufferDiskLimit),
                threads: threads, bufferDirectory: server.dataBufferDirectory,
                errorPages: ErrorPages(
                    template: template.map { String(decoding: $0, as: UTF8.self) } ?? ErrorPages.plainTemplate),
                serverField: name, trustedProxies: TrustedProxies(server.trustedProxies),
                maxConnections: server.maxConnections, report: { [events] in events.gateway($0) }))
    }

    private func spawningParts(_ settings: SettingsClient) -> SpawningParts {
        let plan = self.plan
        let user = plan.users.workers.flatMap { UserDirectory.entry(policyName: $0) }
        return SpawningParts(
            link: link, reader: reader, socketDirectory: plan.socketDirectory, loaderDirectory: plan.loaderDirectory,
            socketBacklog: plan.server.socketBacklog, openFiles: (plan.openFilesSoft, plan.openFilesHard),
            environment: { app in
                AppEnvironment.make(
                    inherited: plan.environment, settings: app, fileVariables: settings.fileVariables, user: user)
            },
            // A core that root started runs as another user than any app's.
            sharesUser: { _ in plan.ownUser == plan.coreUser && plan.users.workers == nil },
            schedule: tools.schedule,
            runBlocking: { [threads] body in threads.submit { if case .active = $0 { body() } } },
            output: { [events] in events.output($0, $1, $2, $3) },
            notice: { [logger] app, worker, text in logger.warning("app \(app) \(worker): \(text)") })
    }

    private func makeApp(_ gateway: Gateway?, _ settings: SettingsClient) throws -> ServedApp {
        let index = pool.addApp(plan.appName, queue: plan.settings.queue)
        let pool = self.pool
        let host = gateway.map { gateway in
            PoolHost(pool: pool, app: index) { settings in
                pool.setQueue(index, settings.queue)
                gateway.setRoutes([Route(app: index, settings: settings)])
            }
        }
        let journal = try plan.stateDirectory.map { try Journal(directory: $0) }
        // What operations do is told by their events; of their own log only problems are wanted.
        var logger = self.logger
        logger.logLevel = .warning
        let problems = logger
        var parts = AppOperations.Parts(
            host: host, settings: settings, journal: journal,
            lock: journal.map { OperationLock(path: $0.lockPath) }, now: { monotonicNow() }, logger: problems)
        if let journal, case .deployRoot(let root) = plan.location {
            parts.builder = BuilderClient(tools: tools, root: root) { problems.warning("\($0)") }
            parts.commands = RunnerClient(
                tools: tools, directory: journal.runsDirectory,
                environment: { [plan] in buildEnvironment(plan, settings.fileVariables) })
        }
        return ServedApp(
            name: plan.appName, index: index, mode: plan.location.isDeployRoot ? .deployRoot : .inPlace, plan: plan,
            settings: settings, operations: AppOperations(app: plan.appName, parts: parts),
            log: { [events, name = plan.appName] handle in
                Task {
                    for await logged in handle.events() { events.operation(name, handle.operation, logged.event) }
                }
            })
    }

    private func startTicking(_ app: ServedApp) {
        group.any().scheduleRepeatedTask(initialDelay: Self.tickInterval, delay: Self.tickInterval) { [pool] _ in
            pool.tick()
            Task { await app.operations.tick() }
        }
    }

    private func open(_ gateway: Gateway, _ app: ServedApp) async throws {
        gateway.setRoutes([Route(app: app.index, settings: plan.settings)])
        let listeners = inheritance.listeners.filter { $0.name.hasPrefix("http") }
        try await gateway.open(
            listeners.map { GatewayListener(descriptor: $0.descriptor, isShared: $0.name.hasPrefix("http-unix")) })
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
            logger.error("app \(app.name): \(error.summary)")
            if let hint = error.hint { logger.error("    hint: \(hint)") }
        }
    }

    /// What is really listened on: port 0 has become a number by now.
    private func boundAddresses() throws -> [String] {
        try plan.server.listen.enumerated().map { index, address in
            guard case .tcp(let host, 0) = address,
                let listener = inheritance.listeners.first(where: { $0.name == "http-tcp:\(index)" })
            else { return address.description }
            return ListenAddress.tcp(host: host, port: Int(try boundPort(listener.descriptor))).description
        }
    }

    /// How commands find this server.
    private func writeInstanceRecord(_ app: ServedApp, _ listeners: [String]) throws {
        let pid = inheritance.supervisorPid
        let record = InstanceRecord(
            name: plan.server.instanceName, pid: pid, startTime: processStartTime(pid: pid) ?? 0,
            version: plan.programVersion, adminSocket: "\(plan.instanceDirectory)/admin.sock",
            apps: [.init(name: app.name, root: plan.location.path)], listen: listeners)
        let bytes = try WireJSON.encode(record)
        try writeFileAtomically(directory: plan.instanceDirectory, name: "instance.json", bytes: bytes, mode: 0o644)
    }

    // MARK: The end

    /// A transient core ends by itself once the operation it was made for is over; its command may be gone by then.
    private func endWhenIdle(_ app: ServedApp) {
        let requestShutdown = self.requestShutdown
        let idle = Shared(0)
        group.any().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            Task {
                let overview = await app.operations.overview()
                let isIdle = overview.running == nil && overview.waiting.isEmpty
                let seconds = idle.withLock { count in
                    count = isIdle ? count + 1 : 0
                    return count
                }
                // Long enough for the command to ask, and to read the last event.
                if seconds > (overview.lastOutcome == nil ? 30 : 3) { requestShutdown.yield(false) }
            }
        }
    }

    /// Drain: no new connections, requests in flight are answered within `shutdown_timeout`, workers are stopped. A
    /// second request hurries.
    private func waitForShutdown(_ gateway: Gateway?, _ app: ServedApp) async {
        var requests = shutdownRequests.makeAsyncIterator()
        let hurry = await requests.next() ?? true
        logger.info("stopping\(hurry ? " at once" : ": finishing requests in flight")")
        let limit = plan.server.shutdownTimeout
        let pool = self.pool
        await gateway?.drain()
        let orderly = Task {
            await app.operations.shutDown()
            await pool.shutdown(within: limit, hurry: hurry)
        }
        let hurried = Task {
            // A second signal: what is still in flight is cut.
            _ = await requests.next()
            gateway?.closeAll()
            await pool.shutdown(within: .zero, hurry: true)
        }
        await orderly.value
        hurried.cancel()
        await gateway?.finish(within: .milliseconds(500))
    }
}

/// What builds and hooks find in their environment: the server's, the app's variables and its env file.
private func buildEnvironment(_ plan: CoreBootPlan, _ fileVariables: [String: String]) -> [String: String] {
    let user = plan.users.deploys.flatMap { UserDirectory.entry(policyName: $0) }
    let list = AppEnvironment.make(
        inherited: plan.environment, settings: plan.settings, fileVariables: fileVariables, user: user)
    return Dictionary(
        list.compactMap { pair -> (String, String)? in
            guard let split = pair.firstIndex(of: "=") else { return nil }
            return (String(pair[..<split]), String(pair[pair.index(after: split)...]))
        }, uniquingKeysWith: { $1 })
}
