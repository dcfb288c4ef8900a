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
            let input = try readWholeFile(ReloaderPlan.inputTarget, limit: 16 << 20)
            let request = try JSONDecoder().decode(StartRequest.self, from: Data(input))
            let bytes = try readWholeFile(ReloaderPlan.runningTarget, limit: 64 << 20)
            let running = try MessageCodec.decodeSupervisorPlan(bytes)
            try writeAll(ReloaderPlan.resultTarget, MessageCodec.encode(compile(request, running)))
            return 0
        } catch {
            printError("passenger _reload: \(error)")
            return 1
        }
    }

    private static func compile(_ request: StartRequest, _ running: SupervisorPlan) throws -> CompiledPlan {
        let core = try JSONDecoder().decode(CoreBootPlan.self, from: Data(running.coreBootPlan))
        do {
            let plans = try StartAction(request: request).prepareAgain(running, core)
            let refusals = PlanChange(from: core, to: plans.core).refusals
            guard refusals.isEmpty else { return .refused(reason: refusals.joined(separator: "\n")) }
            return .plan(plans.supervisor)
        } catch let error as StartError {
            return .refused(reason: error.description)
        }
    }
}

extension StartAction {
    /// For a server that runs: nothing is made that it has already, and what lies in its directory, where the core may write,
    /// is not looked at.
    fileprivate func prepareAgain(_ running: SupervisorPlan, _ core: CoreBootPlan) throws -> StartPlans {
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
            loaders: core.loaderDirectory)
        let library = LibraryPaths(
            program: "", launchProgram: running.launchProgram, loaders: core.loaderDirectory,
            templates: core.templateDirectory)
        var plans = try makePlans(
            configuration, files, library, openFiles: (core.openFilesSoft, core.openFilesHard), warnings: [])
        // The same variables, in the order that they had.
        plans.supervisor.coreEnvironment = running.coreEnvironment
        plans.supervisor.reportDescriptor = running.reportDescriptor
        plans.supervisor.reloader = nil
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
