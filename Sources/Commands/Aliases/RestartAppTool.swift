import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Linux
import Model
import Terminal

/// `passenger-config restart-app`.
struct RestartAppTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart-app", abstract: "Restart apps by their paths, or one by its name.",
        discussion: """
            Returns when new workers have the traffic, or have failed: then the old ones go on serving, and the exit status \
            is 1. No request is lost either way, with --rolling-restart and without. With neither a path nor a name, on a \
            terminal, it asks which app.
            """)

    @Argument(help: "Apps whose paths begin with this; '.' is the working directory.")
    var path: String?

    @Option(help: ArgumentHelp("The app of this name, or group name as passenger-status shows it.", valueName: "name"))
    var name: String?

    @Flag(help: "Accepted; every restart is one without loss.")
    var rollingRestart = false

    @Flag(help: "Exit with 0 if there is no such app.")
    var ignoreAppNotRunning = false

    @Flag(help: "Exit with 0 if no server runs.")
    var ignorePassengerNotRunning = false

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard path == nil || name == nil else {
            throw ValidationError("Pass either an app path prefix or an app group name (--name), not both.")
        }
        guard !isAsking || (ChoiceScreen.isThere && !global.json) else {
            throw ValidationError(
                "Please pass either an app path prefix or an app group name (--name): there is no terminal to choose one on."
            )
        }
    }

    private var isAsking: Bool { path == nil && name == nil }

    func run() throws {
        let context = CommandContext(global)
        let instances = context.registry.instances()
        if instances.isEmpty, ignorePassengerNotRunning {
            return context.console.error("Phusion Passenger doesn't seem to be running.")
        }
        let wanted = try global.instance.map { [try InstanceChoice(all: instances).choose($0)] } ?? instances
        guard !wanted.isEmpty else { throw try missing(instances) }
        let found = try targets(wanted)
        guard !found.isEmpty else {
            if ignoreAppNotRunning { return context.console.error(notFound.message) }
            throw notFound
        }
        try restart(isAsking ? [choose(found, context)] : found, context)
    }

    private func choose(_ found: [Found], _ context: CommandContext) throws -> Found {
        let menu = ChoiceMenu(
            title: "Please select the application to restart.",
            tip: "Arrow keys and Enter. Without this menu: passenger-config restart-app --help",
            choices: found.map(\.group))
        guard let index = try ChoiceScreen.ask(menu, context.console.output) else {
            context.console.error("Nothing was restarted.")
            throw ExitCode(1)
        }
        return found[index]
    }

    private func missing(_ all: [InstanceRecord]) throws(ControlError) -> ControlError {
        do throws(ControlError) { _ = try InstanceChoice(all: all).choose(nil) } catch { return error }
        return notFound
    }

    private var notFound: ControlError {
        guard !isAsking else { return ControlError(.unknownApp, "There is no app that could be restarted.") }
        let which = name.map { "with the name \"\($0)\"" } ?? "whose path begins with \(path ?? "")"
        return ControlError(.unknownApp, "No app is running \(which).", hint: "See: passenger-status")
    }

    /// `group`: as `passenger-status` names it.
    private typealias Found = (target: AppTarget, app: AppSummary, group: String)

    /// Of servers that know us, the apps that are ours to see. That another user's server refuses us is told if nothing else
    /// is found: the app may be there.
    private func targets(_ instances: [InstanceRecord]) throws(ControlError) -> [Found] {
        var visible: [(client: AdminClient, app: AppSummary, group: String)] = []
        var refusal: ControlError?
        for instance in instances {
            let client = AdminClient(socketPath: instance.adminSocket)
            do throws(ControlError) {
                visible += try client.status().apps.map { app in
                    let summary = AppSummary(
                        name: app.name, root: app.root, mode: app.mode, liveRelease: app.liveRelease)
                    return (client, summary, "\(app.root) (\(app.environment))")
                }
            } catch {
                guard error.code == .forbidden || error.code == .notRunning else { throw error }
                refusal = error
            }
        }
        let chosen = isAsking ? visible : visible.filter { matches($0.app, group: $0.group) }
        let found = chosen.isEmpty ? visible.filter { holds($0.app) } : chosen
        if found.isEmpty, visible.isEmpty, !ignoreAppNotRunning, let refusal { throw refusal }
        return found.map { (AppTarget(client: $0.client, app: $0.app.name), $0.app, $0.group) }
    }

    private func matches(_ app: AppSummary, group: String) -> Bool {
        if let name { return name == app.name.rawValue || name == app.root || name == group }
        let roots = [app.root, Paths.resolved(app.root)]
        return prefixes.contains { prefix in roots.contains { $0.hasPrefix(prefix) } }
    }

    /// What lies in an app's directory, such as `current` of a deploy root, means that app.
    private func holds(_ app: AppSummary) -> Bool {
        name == nil && prefixes.contains { $0.hasPrefix("\(app.root)/") }
    }

    /// As it was written and with links resolved: an app may be served by either.
    private var prefixes: [String] {
        guard let path else { return [] }
        let resolved = Paths.resolved(path)
        return path.hasPrefix("/") ? [path, resolved] : [resolved]
    }

    private func restart(_ found: [Found], _ context: CommandContext) throws {
        var last: (any Error)?
        for (target, app, _) in found {
            do {
                if !global.json { context.console.line("Restarting \(app.root)") }
                var request = RestartRequest()
                request.origin = RequestOrigin(
                    command: "passenger-config restart-app", environment: context.environment)
                let accepted = try target.client.restart(target.app, request)
                try OperationFollower(context: context, target: target, accepted: accepted).run()
            } catch let error as ControlError where found.count > 1 {
                context.console.report(error, asJSON: global.json)
                last = ExitCode(error.code.exitStatus)
            } catch  where found.count > 1 {
                last = error
            }
        }
        if let last { throw last }
    }
}
