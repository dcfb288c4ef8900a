import AdminAPI
import AdminClient
import ArgumentParser

struct RestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Boot a new generation of workers, prove it, switch to it.")

    @OptionGroup var named: NamedApp
    @OptionGroup var global: GlobalOptions

    @Flag(help: "Return when the restart is accepted.")
    var detach = false

    func run() throws {
        let context = CommandContext(global)
        let app = try context.app(named.options)
        var request = RestartRequest()
        request.origin = RequestOrigin(command: "passenger restart", environment: context.environment)
        let accepted = try app.client.restart(app.app, request)
        if detach { return try OperationAnswer(context: context).tell(accepted) }
        try OperationFollower(context: context, target: app, accepted: accepted).run()
    }
}
