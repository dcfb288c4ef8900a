import AppConfig
import Linux
import Logging
import Model

/// Apps that come and go in a directory: follows what its watcher tells.
struct DirectoryApps: Sendable {
    let directory: AppsDirectory
    let plan: CoreBootPlan
    let roster: AppRoster
    let table: AppTable
    let logger: Logger
    let changed: @Sendable () -> Void

    func follow(_ message: AppsMessage) async {
        switch message {
        case .present(let entry): await take(entry)
        case .gone(let name):
            if let name = AppName(name) { await roster.drop(name) }
        case .unreachable(nil, let reason):
            logger.warning("\(directory.path) is unreachable: \(reason); its apps go on")
            table.directoryNote = "\(directory.path) is unreachable: \(reason)"
        case .reachable(nil):
            logger.info("\(directory.path) is reachable again")
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
        if let known = table[name], known.plan.isEntry {
            // A watcher that was started again tells everything anew.
            let isSame = known.root == entry.path && known.plan.location.isDeployRoot == entry.isDeployRoot
            if isSame { return table.note(name, nil) }
            await roster.drop(name)
        }
        do {
            let app = try AppPlan(entry: entry, of: directory, plan)
            await roster.admit(app)?.startUnlessOnDemand()
        } catch {
            await roster.refuse(RefusedApp(name: name, root: entry.path, reason: "\(error)"))
        }
    }

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }
}
