import AppConfig
import Core
import Glibc
import Linux
import Model

/// The users of one server, looked up once; the supervisor accepts these and no others.
struct StartUsers {
    /// Of the core, nil without root.
    private(set) var core: PolicyUser?
    private(set) var policy: [PolicyUser] = []
    /// Whether anything may run as the user that starts the server.
    private(set) var allowsOwnUser: Bool
    private let servesMany: Bool
    private let isRoot = geteuid() == 0

    init(server: ServerSettings, servesMany: Bool) throws {
        self.servesMany = servesMany
        allowsOwnUser = !isRoot
        guard isRoot else { return }
        let user = try Self.coreUser(server.coreUser)
        core = user
        policy.append(user)
    }

    /// Finds out who runs an app, and adds them to the policy.
    mutating func add(_ app: ConfiguredApp) throws -> (names: AppPlan.Users, warnings: [String]) {
        let path = app.location.path
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw StartError("\(path): \(String(cString: strerror(errno)))", exitCode: 2)
        }
        let choice: UserChoice
        do {
            choice = try UserChoice.resolve(
                location: app.location, rootOwner: status.st_uid, settings: app.settings.users, startedAsRoot: isRoot,
                isOneOfMany: servesMany)
        } catch {
            throw StartError(error.message, hint: error.hint, exitCode: 2)
        }
        var names = AppPlan.Users()
        names.owners = [status.st_uid]
        guard isRoot else { return (names, choice.warnings) }
        try Self.refuseBorrowedRights(choice, app, owner: status.st_uid)
        if choice.workers == .invoking || choice.deploys == .invoking { allowsOwnUser = true }
        names.workers = try add(choice.workers, group: choice.group)?.name
        let deploys = try add(choice.deploys, group: nil)
        names.deploys = deploys?.name
        if app.settings.users.deployUser != nil, let deploys { names.owners.insert(deploys.uid) }
        return (names, choice.warnings)
    }

    /// The users that the server file names for the apps of a directory, which may come later. Their owners are the
    /// supervisor's to find out when they are there.
    mutating func add(
        _ directory: AppsDirectory, loader: ConfigLoader, arguments: [String: String], environment: [String: String]
    ) throws -> [RefusedApp] {
        var refused: [RefusedApp] = []
        for name in Set(directory.sections.keys).union(["app"]).sorted() {
            do {
                let app = try loader.configureEntry(
                    AppName(sanitizing: name), at: .inPlace(directory.path), of: directory, arguments: arguments,
                    environment: environment)
                guard isRoot else { continue }
                let users = app.settings.users
                if let user = users.user { _ = try add(.named(user), group: users.group) }
                if let user = users.deployUser { _ = try add(.named(user), group: nil) }
            } catch let error where directory.sections[name] != nil {
                let reason = (error as? StartError)?.message ?? "\(error)"
                refused.append(RefusedApp(name: AppName(sanitizing: name), root: directory.path, reason: reason))
            }
        }
        return refused
    }

    /// Rights that come from owning a directory are for those who decide what lies there.
    private static func refuseBorrowedRights(
        _ choice: UserChoice, _ app: ConfiguredApp, owner: uid_t
    ) throws {
        let derived: [UserChoice.User] = [.invoking, .owner(uid: owner)]
        guard derived.contains(choice.workers) || derived.contains(choice.deploys) else { return }
        var paths = [app.location.path]
        if let file = app.settings.startupFile { paths.append("\(app.settings.directory)/\(file)") }
        for path in paths {
            guard let objection = PathTrust.objection(to: path, user: owner) else { continue }
            throw StartError(
                "\(app.location.path) belongs to uid \(owner), but \(objection), who could put another app there",
                hint:
                    "Set 'user' to the user that the app is to run as, or serve a directory that nobody else can replace.",
                exitCode: 2)
        }
    }

    /// The unprivileged user of the core: `core_user`, else `passenger`, else `nobody`.
    private static func coreUser(_ name: String?) throws -> PolicyUser {
        for candidate in name.map({ [$0] }) ?? ["passenger", "nobody"] {
            if let user = try lookUpUser(name: candidate) {
                guard user.uid != 0 else {
                    throw StartError("core_user must not be root", hint: "Name an unprivileged user.", exitCode: 2)
                }
                return user
            }
        }
        throw StartError(
            "there is no user \(name ?? "passenger or nobody")", hint: "Set core_user to an unprivileged user.",
            exitCode: 2)
    }

    private mutating func add(_ choice: UserChoice.User, group: String?) throws -> PolicyUser? {
        var user: PolicyUser
        switch choice {
        case .invoking: return nil
        case .named(let name):
            guard let found = try lookUpUser(name: name) else {
                throw StartError("there is no user \(name)", exitCode: 2)
            }
            user = found
        case .owner(let uid):
            guard let found = try lookUpUser(uid: uid) else {
                throw StartError(
                    "the app belongs to uid \(uid), which has no name", hint: "Set 'user' to an existing user.",
                    exitCode: 2)
            }
            user = found
        }
        if let group {
            guard let entry = getgrnam(group) else { throw StartError("there is no group \(group)", exitCode: 2) }
            user.gid = entry.pointee.gr_gid
            user.name += ":\(group)"
        }
        if !policy.contains(user) { policy.append(user) }
        return user
    }
}
