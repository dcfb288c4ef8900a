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

    /// Whose processes the app's are, by the kernel's word: root is about to become that user, with an environment that the core
    /// tells. So a core that lies must not be able to name a user whom it may not start processes as anyway: only children of
    /// the supervisor count, and that is who listens, or its parent, and runs this program.
    private static func owner(_ app: AppTarget) throws(ControlError) -> UInt32 {
        let supervisor = try supervisor(app)
        guard let starter = owner(of: "/proc/\(supervisor)") else { throw untold(app) }
        let status = try app.client.status().apps.first { $0.name == app.app }
        let generations = status?.generations.reversed() ?? []
        let pids = generations.flatMap { $0.workers.compactMap(\.pid) + [$0.preloader?.pid].compactMap { $0 } }
        for pid in pids where processParent(pid: pid) == supervisor {
            // One that is not root's starts nobody else's processes: what looks so is none of an app's.
            if let owner = owner(of: "/proc/\(pid)"), starter == 0 || owner == starter { return owner }
        }
        throw untold(app)
    }

    private static func supervisor(_ app: AppTarget) throws(ControlError) -> Int32 {
        guard let connection = try? connectUnix(path: app.client.socketPath),
            let listener = try? peerCredentials(connection.number).pid
        else { throw ControlError(.notRunning, "No server answers at \(app.client.socketPath).") }
        // The core listens too, on the same socket, and is the supervisor's child.
        let candidates = [processParent(pid: listener), listener].compactMap { $0 }
        let own = program(of: "self")
        // Whoever is not root becomes nobody.
        guard
            let found = candidates.first(where: {
                SupervisorProcess.isSupervisor($0) && (geteuid() != 0 || program(of: "\($0)") == own)
            })
        else {
            throw ControlError(
                .refused, "The server of \(app.app) is not this program.",
                hint: "As root, use the one that it was started with; or run the command as the app's user.")
        }
        return found
    }

    private static func program(of process: String) -> String? {
        readLink("/proc/\(process)/exe").map { $0.hasSuffix(" (deleted)") ? String($0.dropLast(10)) : $0 }
    }

    private static func untold(_ app: AppTarget) -> ControlError {
        ControlError(
            .refused, "\(app.app) has no process now, so whose it is cannot be told.",
            hint: "Send it a request, or see what keeps it from starting: passenger status")
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
        case .static:
            throw ControlError(.usage, "\(context.app) is a site without code: it has no console.")
        case .generic:
            throw ControlError(
                .usage, "What the console of \(context.app) is, is not known: it is an app of any language.",
                hint: "Run one: passenger exec \(context.app) -- COMMAND")
        }
    }
}
