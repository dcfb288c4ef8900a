import AdminAPI
import AdminClient
import ArgumentParser
import Model
import Terminal

struct DeploysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploys", abstract: "List deploys; show, follow, approve, stop or resume one.",
        subcommands: [List.self, Show.self, Attach.self, Approve.self, Abort.self, Resume.self],
        defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List deploys, newest first.")

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            let app = try context.app(target, acceptsOnlyInstance: true)
            let deploys = try app.client.deploys(app.app)
            if global.json { return try context.console.json(deploys) }
            guard !deploys.isEmpty else { return context.console.line("\(app.app) was never deployed.") }
            context.console.lines(HistoryText(traits: context.console.output).deploys(deploys))
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Show the steps of a deploy, and why it failed.")

        @Argument(help: "The deploy's number.")
        var number: Int

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            let app = try context.app(target, acceptsOnlyInstance: true)
            let detail = try app.client.deployDetail(app.app, DeployNumber(number))
            if global.json { return try context.console.json(detail) }
            context.console.lines(HistoryText(traits: context.console.output).deploy(detail))
        }
    }

    struct Attach: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "attach", abstract: "Follow a running deploy.")

        @Argument(help: "The deploy's number.")
        var number: Int

        @Flag(name: .shortAndLong, help: "Show what commands write, also off a terminal.")
        var verbose = false

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            let app = try context.app(target, acceptsOnlyInstance: true)
            let deploy = DeployNumber(number)
            let detail = try app.client.deployDetail(app.app, deploy)
            guard let operation = detail.operation else { return try tell(detail, context) }
            let accepted = OperationAccepted(app: app.app, operation: operation, deploy: deploy)
            try OperationFollower(context: context, target: app, accepted: accepted, showsOutput: verbose).run()
        }

        /// It is over, and its events are gone: what the journal says, with the exit status that following it had had.
        private func tell(_ detail: DeployDetail, _ context: CommandContext) throws {
            guard context.global.json else {
                context.console.lines(HistoryText(traits: context.console.output).deploy(detail))
                guard let status = detail.result?.exitStatus, status != 0 else { return }
                throw ExitCode(status)
            }
            guard let result = detail.result else { return try context.console.json(detail, pretty: false) }
            try context.console.json(OperationEvent.finished(result), pretty: false)
            guard result.exitStatus == 0 else { throw ExitCode(result.exitStatus) }
        }
    }

    struct Approve: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "approve", abstract: "Let a deploy go on that waits, or that is watched.",
            discussion: "A canary gets all of the traffic, a bake is over, a switch that waits for it is made.")

        @Argument(help: "The deploy's number.")
        var number: Int

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            let app = try context.app(target)
            let command = "passenger deploys approve \(number)"
            let order = DeployOrder(origin: RequestOrigin(command: command, environment: context.environment))
            let accepted = try app.client.approve(app.app, deploy: DeployNumber(number), order)
            if global.json { return try context.console.json(accepted) }
            context.console.line("Deploy \(number) is approved.")
        }
    }

    struct Resume: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume", abstract: "Go on with a deploy that was interrupted.",
            discussion: "Commands that had ended are not run again; one whose end is not known needs deploy.idempotent."
        )

        @Argument(help: "The deploy's number.")
        var number: Int

        @Flag(help: "Return when it is accepted.")
        var detach = false

        @Flag(name: .shortAndLong, help: "Show what commands write, also off a terminal.")
        var verbose = false

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            let app = try context.app(target)
            let command = "passenger deploys resume \(number)"
            let order = DeployOrder(origin: RequestOrigin(command: command, environment: context.environment))
            let accepted = try app.client.resumeDeploy(app.app, deploy: DeployNumber(number), order)
            if detach { return try OperationAnswer(context: context).tell(accepted) }
            try OperationFollower(context: context, target: app, accepted: accepted, showsOutput: verbose).run()
        }
    }

    struct Abort: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "abort", abstract: "Stop a running deploy; what is live stays live.")

        @Argument(help: "The deploy's number.")
        var number: Int

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            let app = try context.app(target)
            let accepted = try app.client.abort(app.app, deploy: DeployNumber(number))
            if global.json { return try context.console.json(accepted) }
            context.console.line("Deploy \(number) is being aborted.")
        }
    }
}
