import AccessLog
import AdminAPI
import AppConfig
import Deploys
import Foundation
import Gateway
import HTTP1
import Linux
import Logging
import Model
import NIOCore
import NIOPosix
import Pool
import ResponseCache
import Sockets
import Spawning

// How the parts of this core are made from its boot plan.
extension Core {
    func makeGateway(_ certificates: CertificateKeeper?) async throws -> Gateway {
        let page = { [plan] (name: String) in
            (try? readFile("\(plan.templateDirectory)/errors/\(name)")).map { String(decoding: $0, as: UTF8.self) }
        }
        let server = plan.server
        var parts = GatewayParts(
            pool: pool, budget: BufferBudget(memoryLimit: server.bufferMemoryLimit, diskLimit: server.bufferDiskLimit),
            threads: threads, bufferDirectory: server.dataBufferDirectory,
            errorPages: ErrorPages(
                template: page("error.html") ?? ErrorPages.plainTemplate, boot: page("boot.html")),
            serverField: plan.serverField, trusted: AddressRanges(server.trustedProxies),
            maxConnections: server.maxConnections,
            report: { [events] in events.gateway($0) })
        parts.cache = ResponseCache(limits: CacheLimits(memory: server.cacheMemoryLimit))
        parts.accessLog = try makeAccessLog(server)
        parts.certificates = certificates?.store
        parts.redirectPort = plan.redirectPort
        let count = server.eventLoops > 0 ? server.eventLoops : System.coreCount
        return try await Gateway(group: SocketLoopGroup(count: count), parts: parts)
    }

    func metricsCollector(_ gateway: Gateway?) -> MetricsCollector {
        MetricsCollector(
            pool: pool, gateway: gateway, figures: { [meter] in meter.figures($0) }, tallies: tallies,
            apps: { [table] in
                table.all.map { .init(name: $0.name, index: $0.index, hasReleases: $0.mode == .deployRoot) }
            },
            version: { [plans] in plans.value.programVersion },
            instance: { [plans] in plans.value.server.instanceName }, coreNumber: inheritance.coreNumber,
            startedAt: startedAt)
    }

    func makeAccessLog(_ server: ServerSettings) throws(SystemError) -> AccessLogWriter? {
        guard server.accessLog != .off else { return nil }
        let target = server.accessLogFile.map { AccessLogTarget(path: $0) } ?? .inherited(2)
        return try AccessLogWriter(target, format: server.accessLog) { [events] in events.accessLog($0) }
    }

    func spawningParts() -> SpawningParts {
        let plan = self.plan
        return SpawningParts(
            link: link, reader: reader, meter: meter, socketDirectory: plan.socketDirectory,
            loaderDirectory: plan.loaderDirectory, socketBacklog: plan.server.socketBacklog,
            openFiles: (plan.openFilesSoft, plan.openFilesHard),
            bootNiceness: plan.lowersNiceness ? BootPriority.niceness : 0,
            environment: { [table] app in
                AppEnvironment.make(
                    inherited: table[app.name]?.settings.inheritedVariables ?? plan.environment, settings: app,
                    fileVariables: table[app.name]?.settings.fileVariables ?? [:],
                    user: app.users.user.flatMap { UserDirectory.entry(policyName: $0) })
            },
            // A core that root started runs as another user than any app's.
            sharesUser: { app in plan.ownUser == plan.coreUser && app.users.user == nil },
            schedule: tools.schedule,
            runBlocking: { [probes] body in probes.submit { if case .active = $0 { body() } } },
            output: { [events, table] app, source, stream, line in
                guard let served = table[app] else { return events.output(app, source, stream, line) }
                served.appLog.write(source, stream, line)
            },
            notice: { [events] in events.notice($0, $1, $2) })
    }

    /// `place`: it serves there already, in another way.
    func makeApp(
        _ app: AppPlan, at place: AppIndex?, _ routes: RouteTable?, _ watchers: Watchers?, _ spawner: WorkerSpawner
    ) throws -> ServedApp {
        let journal = try app.stateDirectory.map { try Journal(directory: $0) }
        let index =
            place ?? pool.addApp(app.name, queue: app.settings.queue, onDemand: ServedApp.startsOnDemand(app))
        let current = Shared(app)
        let settings = SettingsClient(tools: tools, plan: current)
        let log = AppLog(app: app.name, user: app.users.workers, tools: tools, events: events)
        let host = routes.map { [pool, plan] routes in
            PoolHost(
                pool: pool, app: index, meter: meter, gateway: routes.gateway,
                routes: AppRoutes(
                    pool: pool, app: index, location: app.location, table: routes, isAlone: !plan.servesMany, log: log))
        }
        // What operations do is told by their events; of their own log only problems are wanted.
        var logger = self.logger
        logger.logLevel = .warning
        let problems = logger
        let companions = routes.map { _ in
            CompanionKeeper(
                app: app.name, parts: spawner.parts, now: { monotonicNow() },
                output: { log.write(.companion($0), $1, $2) },
                report: { [events, name = app.name] in events.companion(name, $0) })
        }
        var parts = AppOperations.Parts(
            host: host, companions: companions.map { AppCompanions(keeper: $0) }, settings: settings, journal: journal,
            lock: journal.map { OperationLock(path: $0.lockPath) }, now: { monotonicNow() }, logger: problems)
        if journal == nil { parts.keepCapacity = { [notes, name = app.name] in notes.note($0, of: name) } }
        parts.isSuccessor = inheritance.coreNumber > 1
        var builder: BuilderClient?
        if let journal, app.location.isDeployRoot {
            builder = BuilderClient(tools: tools, app: app) { problems.warning("\($0)") }
            parts.builder = builder
            let environment: @Sendable () -> [String: String] = {
                buildEnvironment(app, inherited: settings.inheritedVariables, fileVariables: settings.fileVariables)
            }
            parts.commands = RunnerClient(
                tools: tools, runners: runners, app: app, directory: journal.runsDirectory, environment: environment)
            parts.notifier = NotifyClient(tools: tools, app: app, environment: environment)
        }
        if place == nil { host?.routes.begin(app.settings) }
        return ServedApp(
            plan: current, index: index, pool: pool, settings: settings,
            operations: AppOperations(app: app.name, parts: parts), builder: builder, routes: host?.routes,
            companions: companions,
            measurements: Measurements(
                spawner: spawner, meter: meter, controlGroups: inheritance.controlGroups),
            appLog: log, watchers: watchers, serverUser: plan.ownUser, logger: self.logger,
            log: { [events, tallies, name = app.name] handle in
                guard handle.log.claimReport() else { return }
                Task {
                    for await logged in handle.events() {
                        if case .finished(let outcome) = logged.event {
                            tallies.operationEnded(name, handle.kind, outcome.result)
                        }
                        events.operation(name, handle.operation, handle.deploy, logged.event)
                    }
                }
            })
    }
}

/// What builds and hooks find in their environment: the server's, the app's variables and its env file.
private func buildEnvironment(
    _ app: AppPlan, inherited: [String: String], fileVariables: [String: String]
) -> [String: String] {
    let user = app.users.deploys.flatMap { UserDirectory.entry(policyName: $0) }
    let list = AppEnvironment.make(
        inherited: inherited, settings: app.settings, fileVariables: fileVariables, user: user)
    return Dictionary(
        list.compactMap { pair -> (String, String)? in
            guard let split = pair.firstIndex(of: "=") else { return nil }
            return (String(pair[..<split]), String(pair[pair.index(after: split)...]))
        }, uniquingKeysWith: { $1 })
}
