import AdminAPI
import AdminClient
import ArgumentParser
import Model

struct DetachProcessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach-process", abstract: "Take a worker out of service, and replace it.",
        discussion: "It finishes the requests that it has. The only worker that serves goes when another one has come.")

    @Argument(help: "The worker's process id, as passenger status shows it.")
    var pid: Int32

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if pid < 1 { throw ValidationError("A process id is a number above 0.") }
    }

    func run() throws {
        let context = CommandContext(global)
        let (client, app) = try owner(context)
        let answer = try client.detach(app, pid: pid)
        if global.json { return try context.console.json(answer, pretty: false) }
        context.console.line(DetachProcessCommand.text(answer))
    }

    static func text(_ answer: DetachAnswer) -> String {
        let who = "Worker \(answer.worker) of \(answer.app) (pid \(answer.pid))"
        return switch answer.outcome {
        case .detached: "\(who) gets no more requests, and is replaced."
        case .replacedFirst: "\(who) is the only one that serves; it goes when another one has come."
        case .leaving: "\(who) was leaving already."
        }
    }

    /// A process id names one worker on this machine, whichever server it belongs to.
    private func owner(_ context: CommandContext) throws -> (AdminClient, AppName) {
        let instances = context.registry.instances().filter { global.instance == nil || $0.name == global.instance }
        guard !instances.isEmpty else {
            throw ControlError(
                .notRunning, global.instance.map { "No instance \"\($0)\" is running." } ?? "No server is running.")
        }
        for instance in instances {
            let client = AdminClient(socketPath: instance.adminSocket)
            // One that does not answer, or not us, has no worker that we could detach.
            guard let report = try? client.status() else { continue }
            let owner = report.apps.first { app in app.generations.contains { $0.workers.contains { $0.pid == pid } } }
            if let owner { return (client, owner.name) }
        }
        throw ControlError(.notFound, "No worker has the process id \(pid).", hint: "See: passenger status")
    }
}
