import AppConfig
import Core
import Foundation
import Glibc
import Linux
import Model

/// `passenger _reload`: reads the configuration that a server was started with again, and makes a new plan of it for its
/// supervisor. It runs as the supervisor does, as `passenger start` did before it; neither the core nor a client has a say
/// in what it reads.
package enum ReloadProcess {
    package static func run() -> Int32 {
        do {
            setProcessName("passenger-reload")
            umask(0o022)
            let running = try RunningPlan()
            try writeAll(ReloaderPlan.resultTarget, MessageCodec.encode(compile(running)))
            return 0
        } catch {
            printError("passenger _reload: \(error)")
            return 1
        }
    }

    private static func compile(_ running: RunningPlan) throws -> CompiledPlan {
        let core = running.core
        do {
            let library = LibraryPaths(
                program: running.supervisor.programPath, launchProgram: running.supervisor.launchProgram,
                loaders: core.loaderDirectory, templates: core.templateDirectory)
            var plans = try StartAction(request: running.request).prepareAgain(
                running.supervisor, core, library, loaders: core.loaderDirectory)
            plans.supervisor.reloader = nil
            let refusals = PlanChange(from: core, to: plans.core).refusals
            guard refusals.isEmpty else { return .refused(reason: refusals.joined(separator: "\n")) }
            return .plan(plans.supervisor)
        } catch let error as StartError {
            return .refused(reason: error.description)
        }
    }
}

/// What a running server was started with, as its supervisor hands it to a child that makes another plan.
struct RunningPlan {
    let request: StartRequest
    let supervisor: SupervisorPlan
    let core: CoreBootPlan

    init() throws {
        let input = try readWholeFile(ReloaderPlan.inputTarget, limit: 16 << 20)
        request = try JSONDecoder().decode(StartRequest.self, from: Data(input))
        let bytes = try readWholeFile(ReloaderPlan.runningTarget, limit: 64 << 20)
        supervisor = try MessageCodec.decodeSupervisorPlan(bytes)
        core = try CoreBootPlan.decode(supervisor.coreBootPlan)
    }
}

extension StartAction {
    /// For a server that runs: nothing is made that it has already, and what lies in its directory, where the core may write,
    /// is not looked at.
    ///
    /// - Parameters:
    ///   - library: of the program that is to run by the plan.
    ///   - loaders: where its loaders lie for everybody to read.
    func prepareAgain(
        _ running: SupervisorPlan, _ core: CoreBootPlan, _ library: LibraryPaths, loaders: String
    ) throws -> StartPlans {
        try checkServerFile()
        var configuration = try loadConfiguration()
        configuration.server.pidFile = try pidFile(of: configuration, core)
        // In the background or not, it stays where it is.
        configuration.server.daemonize = core.server.daemonize
        // Where the standard one lies may be another by now.
        configuration.server.runtimeDirectory =
            configuration.origins["runtime_dir"] == nil
            ? core.server.runtimeDirectory
            : ("\(configuration.server.runtimeDirectory)/x" as NSString).deletingLastPathComponent
        guard case .unix(let adminSocket) = running.listeners.first?.address else {
            throw StartError("the running server has no admin socket")
        }
        let files = InstanceFiles(
            directory: core.instanceDirectory, sockets: core.socketDirectory, adminSocket: adminSocket,
            loaders: loaders)
        var plans = try makePlans(
            configuration, files, library, openFiles: (core.openFilesSoft, core.openFilesHard), warnings: [])
        // The same variables, in the order that they had.
        plans.supervisor.coreEnvironment = running.coreEnvironment
        plans.supervisor.reportDescriptor = running.reportDescriptor
        plans.supervisor.programPath = running.programPath
        // The same directory: its watcher goes on.
        if running.appsWatcher != nil, plans.supervisor.appsWatcher != nil {
            plans.supervisor.appsWatcher = running.appsWatcher
        }
        return plans
    }

    /// Root has looked at it before the start; now nobody may, and what it says is done with root's rights.
    private func checkServerFile() throws {
        guard geteuid() == 0, let file = request.serverFile else { return }
        let path = file.hasPrefix("/") ? file : "\(request.workingDirectory)/\(file)"
        let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        for path in Set([path, resolved]) {
            guard let objection = PathTrust.objection(to: path, user: 0) else { continue }
            throw StartError(
                "\(path) is not read again with root's rights, because \(objection)",
                hint: "Restart the server, or keep the file where root alone can change it.")
        }
    }

    /// The standard one may not have been possible, or wanted, at the start.
    private func pidFile(of configuration: LoadedConfiguration, _ core: CoreBootPlan) throws -> String? {
        let isAskedFor = configuration.origins["pid_file"] != nil
        return isAskedFor ? configuration.server.pidFile : core.server.pidFile
    }
}
