import AppConfig
import Glibc
import Linux
import Model

/// The users of one server, looked up once; the supervisor accepts these and no others.
struct StartUsers {
    /// Of the core, nil without root.
    var core: PolicyUser?
    /// Policy names for the boot plan; nil is the user that starts the server.
    var workers: String?
    var deploys: String?
    var policy: [PolicyUser] = []
    var allowsOwnUser: Bool
    var warnings: [String] = []
    /// uid that owns what deploys write.
    var deployUserID: UInt32

    init(configuration: LoadedConfiguration) throws {
        let isRoot = geteuid() == 0
        let settings = configuration.app.users
        let path = configuration.location.path
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw StartError("\(path): \(String(cString: strerror(errno)))", exitCode: 2)
        }
        let choice: UserChoice
        do {
            choice = try UserChoice.resolve(
                location: configuration.location, rootOwner: status.st_uid, settings: settings, startedAsRoot: isRoot)
        } catch {
            throw StartError(error.message, hint: error.hint, exitCode: 2)
        }
        warnings = choice.warnings
        if isRoot { try Self.refuseBorrowedRights(choice, configuration, owner: status.st_uid) }
        allowsOwnUser = !isRoot || choice.workers == .invoking || choice.deploys == .invoking
        deployUserID = geteuid()
        guard isRoot else { return }
        core = try Self.coreUser(configuration.server.coreUser)
        policy.append(core!)
        workers = try add(choice.workers, group: choice.group)?.name
        let deployUser = try add(choice.deploys, group: nil)
        deploys = deployUser?.name
        deployUserID = deployUser?.uid ?? 0
    }

    /// Rights that come from owning a directory are for those who decide what lies there.
    private static func refuseBorrowedRights(
        _ choice: UserChoice, _ configuration: LoadedConfiguration, owner: uid_t
    ) throws {
        let derived: [UserChoice.User] = [.invoking, .owner(uid: owner)]
        guard derived.contains(choice.workers) || derived.contains(choice.deploys) else { return }
        let path = configuration.location.path
        var paths = [path]
        if let file = configuration.app.startupFile { paths.append("\(configuration.app.directory)/\(file)") }
        for path in paths {
            guard let objection = PathTrust.objection(to: path, user: owner) else { continue }
            throw StartError(
                "\(configuration.location.path) belongs to uid \(owner), but \(objection), who could put another app there",
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
