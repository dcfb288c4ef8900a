import AppConfig
import Linux
import Logging
import Model

/// Apps that come and go in a directory: follows what its watcher tells.
struct DirectoryApps: Sendable {
    private let directory: Shared<AppsDirectory>
    private let entries = Shared<[AppName: AppEntry]>([:])
    let plan: CoreBootPlan
    let roster: AppRoster
    let table: AppTable
    let logger: Logger
    let changed: @Sendable () -> Void
    private var path: String { directory.withLock { $0.path } }

    init(
        directory: AppsDirectory, plan: CoreBootPlan, roster: AppRoster, table: AppTable, logger: Logger,
        changed: @escaping @Sendable () -> Void
    ) {
        self.directory = Shared(directory)
        self.plan = plan
        self.roster = roster
        self.table = table
        self.logger = logger
        self.changed = changed
    }

    /// The server file says something else of them.
    func update(_ new: AppsDirectory) async {
        directory.withLock { $0 = new }
        for (name, entry) in entries.withLock({ $0 }) {
            do {
                let app = try AppPlan(entry: entry, of: new, plan)
                if let known = table[name], known.plan.isEntry, known.plan.users != app.users {
                    logger.error("app \(name) goes on as it was: its users cannot be changed while it is served")
                } else {
                    await roster.update(app)
                }
            } catch {
                logger.error("app \(name) goes on as it was: \(error)")
            }
        }
    }

    func follow(_ message: AppsMessage) async {
        switch message {
        case .present(let entry): await take(entry)
        case .gone(let name):
            if let name = AppName(name) {
                entries.withLock { $0[name] = nil }
                await roster.dropEntry(name)
            }
        case .unreachable(nil, let reason):
            logger.warning("\(path) is unreachable: \(reason); its apps go on")
            table.directoryNote = "\(path) is unreachable: \(reason)"
        case .reachable(nil):
            logger.info("\(path) is reachable again")
            table.directoryNote = nil
        case .unreachable(let name?, let reason):
            if let name = AppName(name) { await roster.unreachable(name, path(name.rawValue), reason) }
        case .reachable(let name?):
            if let name = AppName(name) { await roster.reachable(name) }
        case .refused(let name, let reason):
            await roster.refuse(RefusedApp(name: AppName(sanitizing: name), root: path(name), reason: reason))
        case .listed: return
        }
        changed()
    }

    private func take(_ entry: AppEntry) async {
        guard let name = AppName(entry.name) else { return }
        entries.withLock { $0[name] = entry }
        var former: ServedApp?
        if let known = table[name], known.plan.isEntry {
            // A watcher that was started again tells everything anew.
            let isSame = known.root == entry.path && known.plan.location.isDeployRoot == entry.isDeployRoot
            if isSame { return table.note(name, nil) }
            if entry.isDeployRoot, AppLocation.deployRoot(entry.path).takesOver(known.plan.location) {
                former = known
            } else {
                await roster.dropEntry(name)
            }
        }
        do {
            let app = try AppPlan(entry: entry, of: directory.withLock { $0 }, plan)
            if let former {
                if former.plan.users == app.users { return await roster.takeOver(app) }
                await roster.dropEntry(name)
            }
            await roster.admit(app)?.startUnlessOnDemand()
        } catch {
            await roster.refuse(RefusedApp(name: name, root: entry.path, reason: "\(error)"))
        }
    }

    private func path(_ name: String) -> String { "\(path)/\(name)" }
}
