import AdminAPI
import AdminClient
import ArgumentParser

struct RestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Boot a new generation of workers, prove it, switch to it.")

    @Argument(help: "The app's name (default: the app of the working directory).")
    var name: String?

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    @Flag(help: "Return when the restart is accepted.")
    var detach = false

    func validate() throws {
        if name != nil && (target.app != nil || target.root != nil) {
            throw ValidationError("The app is named twice.")
        }
    }

    func run() throws {
        let context = CommandContext(global)
        var options = target
        options.app = name ?? target.app
        let app = try context.app(options)
        var request = RestartRequest()
        request.origin = RequestOrigin(command: "passenger restart", environment: context.environment)
        let accepted = try app.client.restart(app.app, request)
        if detach { return try OperationAnswer(context: context).tell(accepted) }
        try OperationFollower(context: context, target: app, accepted: accepted).run()
    }
}
