import AdminAPI
import AppConfig
import Deploys
import Glibc
import Logging
import Model

/// Takes apps in. One that cannot be served is reported, and the others are none the worse for it.
actor AppRoster {
    /// Apps that are started at a time: each costs a process that reads its files.
    private static let startsAtOnce = 4

    private let table: AppTable
    private let make: @Sendable (AppPlan) throws -> ServedApp
    private let logger: Logger
    private var claims = HostClaims()

    init(table: AppTable, logger: Logger, make: @escaping @Sendable (AppPlan) throws -> ServedApp) {
        self.table = table
        self.make = make
        self.logger = logger
    }

    @discardableResult
    func admit(_ plan: AppPlan) -> ServedApp? {
        let settings = plan.settings
        if table[plan.name] != nil {
            return refuse(plan, "another app is called \(plan.name) already")
        }
        if let conflict = claims.claim(settings.serverNames, basePath: settings.http.baseURI, for: plan.name) {
            return refuse(plan, "\(conflict)")
        }
        do {
            let app = try make(plan)
            table.insert(app)
            for warning in plan.warnings { logger.warning("app \(app.name): \(warning)") }
            return app
        } catch {
            claims.release(plan.name)
            return refuse(plan, "\(error)")
        }
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

    /// Boots what has to be live; an app that cannot be booted is reported and tried again, never a reason not to serve.
    func start(_ apps: [ServedApp], by uid: UInt32) async {
        await withTaskGroup(of: Void.self) { group in
            for (position, app) in apps.enumerated() {
                if position >= Self.startsAtOnce { await group.next() }
                group.addTask { [logger] in await app.start(by: uid, logger) }
            }
        }
    }
}
