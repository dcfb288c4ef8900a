import AdminAPI
import AdminClient
import ArgumentParser
import Model

struct RollbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Switch back to the release before, or to another one.",
        discussion: "Ends a running deploy: before its switch this is an abort, after it the switch back.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    @Option(help: ArgumentHelp("The release to go back to (default: the last stable one).", valueName: "n"))
    var to: Int?

    @Flag(help: "Switch at once, before as many workers are ready as are live now.")
    var now = false

    @Flag(help: "Also to a release that was rolled back from before.")
    var force = false

    @Option(
        help: ArgumentHelp(
            "Put this version of the env file in force, too; a restart after the switch makes it the workers'.",
            valueName: "n"))
    var withEnv: Int?

    @Flag(help: "Return when the rollback is accepted.")
    var detach = false

    func validate() throws {
        if let to, to < 1 { throw ValidationError("Releases are numbered from 1.") }
        if force, to == nil { throw ValidationError("--force needs --to: say which release.") }
    }

    func run() throws {
        let context = CommandContext(global)
        let app = try context.app(target)
        var request = RollbackRequest()
        request.to = to.map { DeployNumber($0) }
        request.now = now
        request.force = force
        request.withEnv = withEnv
        request.origin = RequestOrigin(command: "passenger rollback", environment: context.environment)
        let accepted = try app.client.rollback(app.app, request)
        if detach { return try OperationAnswer(context: context).tell(accepted) }
        try OperationFollower(context: context, target: app, accepted: accepted).run()
    }
}
