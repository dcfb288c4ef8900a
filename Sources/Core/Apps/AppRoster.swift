import AdminAPI
import AppConfig
import Deploys
import Gateway
import Glibc
import Logging
import Model
import Pool
import Spawning

/// Takes apps in and lets them go. One that cannot be served is reported, and the others are none the worse for it.
actor AppRoster {
    /// Apps that are started at a time: each costs a process that reads its files.
    private static let startsAtOnce = 4

    private let table: AppTable
    /// With the place in the pool that it has already.
    private let make: @Sendable (AppPlan, AppIndex?) throws -> ServedApp
    private let logger: Logger
    private let routes: RouteTable?
    private var claims = HostClaims()
    /// Came second to a host or a name; their turn comes when that is free.
    private var waiting: [AppPlan] = []

    init(
        table: AppTable, routes: RouteTable?, logger: Logger,
        make: @escaping @Sendable (AppPlan, AppIndex?) throws -> ServedApp
    ) {
        self.table = table
        self.routes = routes
        self.make = make
        self.logger = logger
    }

    @discardableResult
    func admit(_ plan: AppPlan) -> ServedApp? {
        let settings = plan.settings
        waiting.removeAll { $0.name == plan.name && $0.isEntry == plan.isEntry }
        if table[plan.name] != nil {
            waiting.append(plan)
            return refuse(plan, "another app is called \(plan.name) already")
        }
        if let conflict = claims.claim(settings.serverNames, basePath: settings.http.baseURI, for: plan.name) {
            waiting.append(plan)
            return refuse(plan, "\(conflict)")
        }
        do {
            let app = try make(plan, nil)
            table.insert(app)
            for warning in plan.warnings { logger.warning("app \(app.name): \(warning)") }
            return app
        } catch {
            claims.release(plan.name)
            return refuse(plan, "\(error)")
        }
    }

    /// What the server file says of an app that is served. Its workers know nothing of it before it is restarted.
    func update(_ plan: AppPlan) {
        guard let app = table[plan.name], app.plan.isEntry == plan.isEntry else {
            admit(plan)?.startUnlessOnDemand()
            return
        }
        let (old, new) = (app.plan.settings, plan.settings)
        claims.release(plan.name)
        if let conflict = claims.claim(new.serverNames, basePath: new.http.baseURI, for: plan.name) {
            // Its own: nobody has taken them in between.
            _ = claims.claim(old.serverNames, basePath: old.http.baseURI, for: plan.name)
            return logger.error("app \(plan.name) goes on as it was: \(conflict)")
        }
        app.replacePlan(plan)
        for warning in plan.warnings { logger.warning("app \(plan.name): \(warning)") }
        guard !app.isStarted else { return }
        app.routes?.begin(new)
        app.startUnlessOnDemand()
    }

    /// The root whose `current` was served is a deploy root now. What serves goes on until the live release has been booted anew in
    /// its place, from a path of its own.
    func takeOver(_ plan: AppPlan) async {
        guard let old = table[plan.name], let live = old.pool.liveGeneration(old.index),
            let settings = await old.operations.liveSettings()
        else {
            // Nothing serves that could go on.
            await drop(plan.name)
            admit(plan)?.startUnlessOnDemand()
            return
        }
        logger.info("app \(plan.name): \(plan.location.path) is a deploy root now")
        do {
            let app = try make(plan, old.index)
            old.watchers?.forget(old)
            // A restart that runs is of a path that is not served any more.
            await old.operations.shutDown()
            await stopCompanions(of: old)
            table.insert(app)
            old.appLog.close()
            for warning in plan.warnings { logger.warning("app \(app.name): \(warning)") }
            app.routes?.booted(live, settings)
            app.routes?.refresh()
            await app.operations.goOn(with: live, settings)
            await app.start()
        } catch {
            logger.error("app \(plan.name) goes on as it was: \(error)")
        }
    }

    /// An app of the directory has gone. The server file's own of that name is not concerned.
    func dropEntry(_ name: AppName) async {
        waiting.removeAll { $0.name == name && $0.isEntry }
        guard table[name]?.plan.isEntry ?? true else { return }
        await drop(name)
    }

    /// It gets no new requests; those in flight are finished within its drain time.
    func drop(_ name: AppName) async {
        waiting.removeAll { $0.name == name }
        guard let app = table[name] else { return table.remove(name) }
        logger.info("app \(name): is not served any more")
        routes?.remove(app.index)
        table.remove(name)
        claims.release(name)
        app.watchers?.forget(app)
        // Operations end first: what they have booted goes with the rest.
        await app.operations.shutDown()
        await stopCompanions(of: app)
        app.pool.removeApp(app.index)
        routes?.gateway.forgetTraffic(of: app.index)
        app.appLog.close()
        let next = waiting
        waiting = []
        for plan in next { admit(plan)?.startUnlessOnDemand() }
    }

    /// The core's ticks do not reach an app that is in the table no more.
    private func stopCompanions(of app: ServedApp) async {
        guard let companions = app.companions else { return }
        let ticking = Task {
            while !Task.isCancelled {
                companions.tick()
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
        await companions.shutDown(within: app.plan.settings.pool.stopTimeout)
        ticking.cancel()
    }

    /// What runs goes on; a name that nothing serves under is shown with the reason.
    func unreachable(_ name: AppName, _ path: String, _ reason: String) {
        logger.warning("app \(name): unreachable: \(reason)")
        guard let app = table[name] else {
            return table.refuse(RefusedApp(name: name, root: path, reason: "unreachable: \(reason)"))
        }
        if app.plan.isEntry { table.note(name, "unreachable: \(reason)") }
    }

    func reachable(_ name: AppName) {
        logger.info("app \(name): reachable again")
        table.note(name, nil)
    }

    func refuse(_ app: RefusedApp) {
        // What serves under this name goes on.
        guard table[app.name] == nil else { return logger.error("app \(app.name) at \(app.root): \(app.reason)") }
        table.refuse(app)
        logger.error("app \(app.name) is not served: \(app.reason)")
    }

    private func refuse(_ plan: AppPlan, _ reason: String) -> ServedApp? {
        refuse(RefusedApp(name: plan.name, root: plan.location.path, reason: reason))
        return nil
    }

    func start(_ apps: [ServedApp]) async {
        await withTaskGroup(of: Void.self) { group in
            for (position, app) in apps.enumerated() {
                if position >= Self.startsAtOnce { await group.next() }
                group.addTask { await app.start() }
            }
        }
    }
}
