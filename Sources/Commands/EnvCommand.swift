import AdminAPI
import AdminClient
import ArgumentParser
import Model
import Terminal

struct EnvCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "Show and change the app's environment variables (shared/.env).",
        discussion: "A change is proved in a new generation of workers; one that cannot be booted is taken back.",
        subcommands: [List.self, Set.self, Unset.self, Edit.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the variables' names.")

        @Flag(help: "Show what they hold, too.")
        var showValues = false

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            let app = try context.app(target, acceptsOnlyInstance: true)
            let answer = try app.client.environment(app.app, values: showValues)
            if global.json { return try context.console.json(answer) }
            for name in answer.names {
                context.console.line(answer.values.map { "\(name)=\(($0[name] ?? "").showable)" } ?? name)
            }
        }
    }

    struct Set: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Set variables.",
            discussion: "KEY=- reads the value from standard input: what is on a command line is seen by other users.")

        @Argument(help: ArgumentHelp("KEY=VALUE, or KEY=- for one.", valueName: "key=value"))
        var assignments: [Assignment]

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func validate() throws {
            if assignments.isEmpty { throw ValidationError("Name a variable: KEY=VALUE.") }
            if assignments.count(where: \.isFromInput) > 1 {
                throw ValidationError("Standard input is the value of one variable.")
            }
        }

        func run() throws {
            var request = EnvironmentRequest()
            for assignment in assignments {
                request.set[assignment.name] = assignment.isFromInput ? try ValueInput.read() : assignment.value
            }
            let names = assignments.map(\.name).joined(separator: " ")
            try EnvironmentChanging(CommandContext(global), target).send(request, "passenger env set \(names)")
        }
    }

    struct Unset: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "unset", abstract: "Take variables out.")

        @Argument(help: ArgumentHelp("Names.", valueName: "key"))
        var names: [String]

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            var request = EnvironmentRequest()
            request.unset = names
            let command = "passenger env unset \(names.joined(separator: " "))"
            try EnvironmentChanging(CommandContext(global), target).send(request, command)
        }
    }

    struct Edit: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "edit", abstract: "Edit the file with VISUAL or EDITOR.")

        @OptionGroup var target: TargetOptions
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            let changing = try EnvironmentChanging(context, target)
            let before = try changing.app.client.environment(changing.app.app, values: true).text
            var request = EnvironmentRequest()
            request.text = try PrivateEditor(environment: context.environment).edit(before ?? "")
            request.replacing = before
            try changing.send(request, "passenger env edit")
        }
    }

    /// `KEY=VALUE`.
    struct Assignment: ExpressibleByArgument, Sendable, Equatable {
        let name: String
        let value: String
        var isFromInput: Bool { value == "-" }

        init?(argument: String) {
            guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
            name = String(argument[..<equals])
            value = String(argument[argument.index(after: equals)...])
        }
    }
}
