import AdminAPI
import AdminClient
import Glibc
import Linux
import Model

/// A command in the place of the app's own processes: the live version's directory, its user, its environment. This process
/// becomes the command, so that its exit status, its terminal and its signals are the command's.
struct AppShell {
    let context: ProcessContext
    /// Who the app's processes are; nil when that is who we are.
    let user: PolicyUser?

    init(_ app: AppTarget) throws(ControlError) {
        context = try app.client.processContext(app.app)
        let owner = try Self.owner(app)
        guard owner != geteuid() else {
            user = nil
            return
        }
        guard geteuid() == 0 else {
            throw ControlError(
                .forbidden, "\(app.app) runs as another user (id \(owner)), and only root can become that.",
                hint: "Run the command as root, or as the app's user.")
        }
        do throws(SystemError) { user = try lookUpUser(uid: owner) } catch {
            throw ControlError(.failed, "The app's user cannot be looked up: \(error).")
        }
        guard user != nil else { throw ControlError(.failed, "User id \(owner) of \(app.app) has no name.") }
    }

    /// By the kernel's word about a process that the supervisor started for the app, and not by what anybody says: root is
    /// about to become that user. Without one, whoever owns the app's directory.
    private static func owner(_ app: AppTarget) throws(ControlError) -> UInt32 {
        let report = try app.client.status()
        let status = report.apps.first { $0.name == app.app }
        let pids = status?.generations.reversed().flatMap(\.workers).compactMap(\.pid) ?? []
        for pid in pids where processParent(pid: pid) == report.server.supervisorPid {
            if let owner = Self.owner(of: "/proc/\(pid)") { return owner }
        }
        guard let root = status?.root, let owner = Self.owner(of: root) else {
            throw ControlError(.failed, "Whose \(app.app) is cannot be told.")
        }
        return owner
    }

    private static func owner(of path: String) -> UInt32? {
        var facts = stat()
        return stat(path, &facts) == 0 ? facts.st_uid : nil
    }

    /// From here on this process is the app's user, in its directory.
    func enter() throws(ControlError) {
        if let user {
            do throws(SystemError) { try becomeUser(user) } catch {
                throw ControlError(.failed, "This process cannot become \(user.name): \(error).")
            }
        }
        guard chdir(context.directory) == 0 else {
            throw ControlError(
                .failed, "The directory \(context.directory) cannot be entered: \(SystemError.describe(errno)).")
        }
        umask(0o022)
    }

    /// After `enter`. Returns only by throwing. No shell looks at the words.
    func become(_ command: [String]) throws(ControlError) -> Never {
        guard let path = Self.find(command[0], in: searchPath) else {
            throw ControlError(.notFound, "There is no program \(command[0]) in the app's PATH: \(searchPath)")
        }
        let error = executeProgram(path: path, arguments: command, environment: context.environment)
        throw ControlError(.failed, "\(command[0]) cannot be run: \(SystemError.describe(error.errno)).")
    }

    private var searchPath: String {
        context.environment.last { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) } ?? "/usr/bin:/bin"
    }

    static func find(_ name: String, in searchPath: String) -> String? {
        if name.contains("/") { return name }
        let places: [String] = searchPath.split(separator: ":").map { "\($0)/\(name)" }
        return places.first { access($0, X_OK) == 0 }
    }
}

/// What is the console of an app: the framework's own, or its language's.
struct AppConsole {
    let context: ProcessContext
    /// Whether a file of the app's directory is there.
    let has: (String) -> Bool

    func command() throws(ControlError) -> [String] {
        switch context.kind {
        case .rack:
            if has("bin/rails") { return [context.ruby, "bin/rails", "console"] }
            return has("Gemfile") ? ["bundle", "exec", "irb"] : ["irb"]
        case .wsgi, .asgi: return has("manage.py") ? [context.python, "manage.py", "shell"] : [context.python]
        case .node: return [context.nodejs]
        case .generic:
            throw ControlError(
                .usage, "What the console of \(context.app) is, is not known: it is an app of any language.",
                hint: "Run one: passenger exec \(context.app) -- COMMAND")
        }
    }
}
