import AppConfig
import Model

extension AppPlan {
    struct Objection: Error, CustomStringConvertible {
        var description: String
    }

    /// Of an app that has come in the directory of apps. Who runs it is decided as at the start of a server, but for one
    /// thing: never root, and none that the supervisor's policy does not know.
    init(entry: AppEntry, of directory: AppsDirectory, _ plan: CoreBootPlan) throws {
        guard let name = AppName(entry.name) else { throw Objection(description: "\(entry.name) is no app's name") }
        let loader = ConfigLoader(workingDirectory: plan.workingDirectory)
        let app = try loader.configureEntry(
            name, at: entry.isDeployRoot ? .deployRoot(entry.path) : .inPlace(entry.path), of: directory,
            arguments: plan.flags, environment: plan.environment)
        let choice = try UserChoice.resolve(
            location: app.location, rootOwner: entry.owner, settings: app.settings.users,
            startedAsRoot: plan.ownUser == 0, isOneOfMany: true)
        var users = Users()
        users.owners = [entry.owner]
        if plan.ownUser == 0 {
            users.workers = try Self.policyName(choice.workers, group: choice.group, entry)
            users.deploys = try Self.policyName(choice.deploys, group: nil, entry)
            if app.settings.users.deployUser != nil, let uid = UserDirectory.uid(policyName: users.deploys) {
                users.owners.insert(uid)
            }
        }
        self.init(app: app, users: users, stateDirectory: entry.stateDirectory, warnings: choice.warnings)
        isEntry = true
    }

    private static func policyName(
        _ user: UserChoice.User, group: String?, _ entry: AppEntry
    ) throws(Objection) -> String {
        switch user {
        case .named(let name): return group.map { "\(name):\($0)" } ?? name
        case .invoking:
            throw Objection(description: "root owns \(entry.path): set 'deploy_user' for it in the server file")
        case .owner:
            if let objection = entry.objection { throw Objection(description: objection) }
            guard let owner = entry.user else {
                throw Objection(description: "nothing may run as the owner of \(entry.path) (uid \(entry.owner))")
            }
            if let group {
                throw Objection(description: "'group' (\(group)) needs a 'user' beside it, in the server file")
            }
            return owner.name
        }
    }
}
