import AdminAPI
import AppConfig
import Core
import Foundation
import Glibc
import Linux
import Model

/// What a start comes down to: the plan of the supervisor, with the core's inside it.
struct StartPlans {
    var supervisor: SupervisorPlan
    var core: CoreBootPlan

    init(
        request: StartRequest, configuration: LoadedConfiguration, users: StartUsers, apps: [AppPlan],
        refused: [RefusedApp], states: StateDirectories, files: InstanceFiles, library: LibraryPaths,
        openFiles: (soft: UInt64, hard: UInt64), warnings: [String]
    ) throws {
        var server = configuration.server
        if request.isTransient {
            server.listen = []
            server.tls.listen = []
            server.remoteAdmin = nil
        }
        core = CoreBootPlan(
            programVersion: ProductVersion.current, server: server, apps: apps, refused: refused,
            directory: configuration.directory, servesMany: configuration.servesMany,
            maxPoolSize: configuration.maxPoolSize, warnings: configuration.warnings.map(\.description),
            flags: request.flags, environment: request.environment, workingDirectory: request.workingDirectory,
            loaderDirectory: files.loaders, templateDirectory: library.templates,
            instanceDirectory: files.directory, socketDirectory: files.sockets, isTransient: request.isTransient,
            ownUser: geteuid(),
            coreUser: users.core?.uid ?? geteuid(), openFilesSoft: openFiles.soft, openFilesHard: openFiles.hard,
            lowersNiceness: canLowerNiceness())
        let admin = server.remoteAdmin
        let certificates = CertificatePaths(
            server.tls.certificates + [admin?.certificate].compactMap { $0 }, and: [admin?.tokens].compactMap { $0 },
            isRoot: geteuid() == 0)
        core.warnings += certificates.warnings + warnings
        supervisor = SupervisorPlan()
        supervisor.readableFiles = certificates.trusted
        if let directory = configuration.directory {
            supervisor.appsWatcher = try Self.appsWatcher(directory, states, users)
        }
        supervisor.listeners = Self.listeners(server, files)
        supervisor.users = users.policy
        supervisor.coreUser = users.core?.name
        supervisor.allowsOwnUser = users.allowsOwnUser
        supervisor.coreArguments = ["passenger-core", "_core"]
        supervisor.coreEnvironment = request.environment.map { "\($0.key)=\($0.value)" }
        supervisor.launchProgram = library.launchProgram
        supervisor.programPath = try programAsCalled()
        supervisor.coreBootPlan = [UInt8](try JSONEncoder().encode(core))
        supervisor.shutdownTimeout = server.shutdownDelay + server.shutdownTimeout
        supervisor.pidFile = server.pidFile
        supervisor.instanceDirectory = files.directory
        supervisor.logFormat = server.logFormat
        if !request.isTransient {
            supervisor.reloader = ReloaderPlan(
                arguments: ["passenger", "_reload"], input: [UInt8](try JSONEncoder().encode(request)))
        }
    }

    private static func appsWatcher(
        _ directory: AppsDirectory, _ states: StateDirectories, _ users: StartUsers
    ) throws -> AppsWatcherPlan {
        let input = AppsProcess.Input(
            directory: directory.path, stateDirectory: states.base,
            core: users.core.map { .init(name: $0.name, uid: $0.uid, gid: $0.gid) }, startedAsRoot: geteuid() == 0)
        return AppsWatcherPlan(arguments: ["passenger", "_apps"], input: [UInt8](try JSONEncoder().encode(input)))
    }

    private static func listeners(_ server: ServerSettings, _ files: InstanceFiles) -> [ListenerPlan] {
        let loops = server.eventLoops > 0 ? server.eventLoops : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        // All may connect; who may do what is decided by the peer's credentials. It comes first: whoever has it bound owns
        // the instance's directory.
        let admin = ListenerPlan(
            name: "admin", address: .unix(path: files.adminSocket), backlog: 128, mode: 0o666)
        func plans(_ addresses: [ListenAddress], _ scheme: ListenerName.Scheme) -> [ListenerPlan] {
            addresses.map { address in
                let name = ListenerName(scheme, address).rawValue
                switch address {
                case .tcp:
                    return ListenerPlan(
                        name: name, address: address, backlog: server.socketBacklog, count: max(1, loops))
                case .unix: return ListenerPlan(name: name, address: address, backlog: server.socketBacklog)
                }
            }
        }
        let remote = server.remoteAdmin.map { ListenerPlan(name: "admin-tcp", address: $0.listen, backlog: 128) }
        return [admin] + plans(server.listen, .http) + plans(server.tls.listen, .https) + [remote].compactMap { $0 }
    }
}

/// What was asked for on the command line.
struct StartRequest: Codable {
    /// Nil: what the configuration names, or the working directory.
    var directory: String?
    /// `--foo-bar VALUE` flags by key name.
    var flags: [String: String]
    var serverFile: String?
    var environment: [String: String]
    var workingDirectory: String
    /// For one `deploy` while no server runs.
    var isTransient = false
}
