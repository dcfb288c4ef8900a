import AdminAPI
import AdminClient
import AppConfig
import Core
import Foundation
import Glibc
import Linux
import Model

/// `passenger start`: reads the configuration, makes what the server needs, and becomes the supervisor.
struct StartAction {
    let request: StartRequest

    /// In the foreground it does not return: the process goes on as the supervisor, under the same pid. As a daemon it
    /// returns the exit status once the server is ready or has failed.
    func run() throws -> Int32 {
        let prepared = try prepare()
        for warning in prepared.core.warnings + prepared.core.apps.flatMap(\.warnings) {
            printError("warning: \(warning)")
        }
        if prepared.core.server.daemonize { return try Daemon.start(prepared) }
        try becomeSupervisor(prepared.supervisor)
    }

    func prepare() throws -> StartPlans {
        var configuration = try loadConfiguration()
        if !request.isTransient {
            try RunningServers(runtimeDirectory: configuration.server.runtimeDirectory).makeWay(for: configuration)
        }
        let program = try ownProgram()
        let library = try LibraryPaths.find(program: program, version: ProductVersion.current)
        let users = try StartUsers(server: configuration.server, servesMany: configuration.servesMany)
        let files = try InstanceFiles(server: configuration.server, users: users, library: library)
        configuration.server.runtimeDirectory = (files.directory as NSString).deletingLastPathComponent
        let withoutPidFile = PidFilePlace.prepare(
            &configuration.server, isAskedFor: configuration.origins["pid_file"] != nil)
        return try makePlans(
            configuration, files, library, openFiles: raiseOpenFileLimit(),
            warnings: withoutPidFile.map { [$0] } ?? [])
    }

    func loadConfiguration() throws -> LoadedConfiguration {
        do {
            var configuration = try ConfigLoader(workingDirectory: request.workingDirectory).loadServer(
                arguments: request.flags, environment: request.environment, directory: request.directory,
                serverFile: request.serverFile)
            // One instance for one app, unless somebody gave it a name.
            if configuration.origins["instance_name"] == nil {
                configuration.server.instanceName =
                    configuration.servesMany ? "default" : configuration.apps[0].name.rawValue
            }
            return configuration
        } catch {
            throw StartError(error.description, exitCode: error.exitStatus)
        }
    }

    /// All but what is made once for a server.
    func makePlans(
        _ configuration: LoadedConfiguration, _ files: InstanceFiles, _ library: LibraryPaths,
        openFiles: (soft: UInt64, hard: UInt64), warnings: [String]
    ) throws -> StartPlans {
        var users = try StartUsers(server: configuration.server, servesMany: configuration.servesMany)
        var apps: [AppPlan] = []
        var refused = configuration.refused
        let states = StateDirectories(server: configuration.server, core: users.core)
        for app in configuration.apps {
            do {
                apps.append(try plan(app, &users, states))
            } catch let error as StartError where configuration.servesMany {
                let reason = error.hint.map { "\(error.message). \($0)" } ?? error.message
                refused.append(RefusedApp(name: app.name, root: app.location.path, reason: reason))
            }
        }
        if let directory = configuration.directory {
            refused += try users.add(
                directory, loader: ConfigLoader(workingDirectory: request.workingDirectory), arguments: request.flags,
                environment: request.environment)
        }
        return try StartPlans(
            request: request, configuration: configuration, users: users, apps: apps, refused: refused, states: states,
            files: files, library: library, openFiles: openFiles, warnings: warnings)
    }

    private func plan(_ app: ConfiguredApp, _ users: inout StartUsers, _ states: StateDirectories) throws -> AppPlan {
        let (names, warnings) = try users.add(app)
        return AppPlan(
            app: app, users: names, stateDirectory: try states.make(for: app.name, at: app.location),
            warnings: warnings)
    }

    private func becomeSupervisor(_ plan: SupervisorPlan) throws -> Never {
        let file = try makeMemoryFile(name: "supervisor-plan", contents: MessageCodec.encode(plan), sealed: true)
        try setCloseOnExec(file.number, false)
        let arguments = ["passenger", "_supervise", "\(file.number)"]
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &pointers)
        throw SystemError(call: "execv", errno: errno, subject: "/proc/self/exe")
    }
}

/// The program that runs, links resolved. When another was installed over it: where it lay.
func ownProgram() throws -> String {
    guard let path = realpath("/proc/self/exe", nil) else {
        guard let link = readLink("/proc/self/exe") else { throw StartError("/proc is not mounted") }
        // proc_pid_exe(5).
        let mark = " (deleted)"
        return link.hasSuffix(mark) ? String(link.dropLast(mark.count)) : link
    }
    defer { free(path) }
    return String(cString: path)
}

/// The place where a newer version of this program will lie: the path by which it was called, which may be a link to one version
/// after another.
func programAsCalled(_ argument: String = CommandLine.arguments.first ?? "") throws -> String {
    let own = try ownProgram()
    let name = argument.contains("/") ? [argument] : searchPath.map { "\($0)/\(argument)" }
    let here = FileManager.default.currentDirectoryPath
    for path in name.map({ $0.hasPrefix("/") ? $0 : "\(here)/\($0)" }) {
        guard let resolved = realpath(path, nil) else { continue }
        defer { free(resolved) }
        guard String(cString: resolved) == own else { continue }
        // What others could lead elsewhere is not followed with root's rights.
        return geteuid() == 0 && PathTrust.objection(to: path, user: 0) != nil ? own : path
    }
    return own
}

private var searchPath: [String] {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
}

/// Ours becomes as high as it may; what it was is given to the apps.
func raiseOpenFileLimit() -> (soft: UInt64, hard: UInt64) {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let original = (UInt64(limit.rlim_cur), UInt64(limit.rlim_max))
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return original
}

func printError(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
