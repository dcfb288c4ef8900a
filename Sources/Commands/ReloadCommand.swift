import AdminAPI
import AdminClient
import ArgumentParser
import Model

struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have a server take on its changed configuration: as a whole, or not at all.",
        discussion: """
            The server file, or the Passengerfile of the only app, is read again. Apps whose settings changed get a new \
            generation, the others are not touched; apps and listeners come and go; certificates are read and logs are \
            opened again. What only a restart of the server can change is refused, and then nothing is changed.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    @Flag(help: "Return when the configuration holds; do not wait for new generations.")
    var detach = false

    func run() throws {
        let context = CommandContext(global)
        let instance = try context.target(target, acceptsOnlyInstance: true).instance
        let client = AdminClient(socketPath: instance.adminSocket)
        let answer = try client.reload()
        try tell(answer, instance, context)
        if !detach { try follow(answer.restarts, client, context) }
        guard answer.problems.isEmpty else { throw ExitCode(ErrorCode.failed.exitStatus) }
    }

    private func tell(_ answer: ReloadAnswer, _ instance: InstanceRecord, _ context: CommandContext) throws {
        if global.json { return try context.console.json(answer, pretty: false) }
        for warning in answer.warnings { context.console.error("warning: \(warning)") }
        context.console.line("Server \"\(instance.name)\" has taken on its configuration.")
        for app in answer.added { context.console.line("\(app) is new.") }
        for app in answer.removed { context.console.line("\(app) is not served any more.") }
        for problem in answer.problems { context.console.error(problem) }
        if detach {
            for restart in answer.restarts { try OperationAnswer(context: context).tell(restart) }
        }
    }

    /// Each to its end; the first that fails gives the exit status.
    private func follow(_ restarts: [OperationAccepted], _ client: AdminClient, _ context: CommandContext) throws {
        var failure: (any Error)?
        for restart in restarts {
            let target = AppTarget(client: client, app: restart.app)
            do {
                try OperationFollower(context: context, target: target, accepted: restart).run()
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }
}
