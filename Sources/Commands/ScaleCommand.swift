import AdminAPI
import AdminClient
import ArgumentParser

struct ScaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Keep an app at so many workers.",
        usage: "passenger scale [<app>] <n>\npassenger scale [<app>] --reset",
        discussion: "Without it an app has as many workers as it needs. It holds for the versions that come after, too."
    )

    @Argument(
        help: ArgumentHelp(
            "The app's name (default: the app of the working directory), and the number.", valueName: "app> <n"))
    var words: [String] = []

    @Flag(help: "As many workers as are needed again.")
    var reset = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func validate() throws { _ = try wish() }

    func run() throws {
        let context = CommandContext(global)
        let wish = try self.wish()
        var options = target
        options.app = wish.app ?? target.app
        let app = try context.app(options)
        let answer = try app.client.scale(app.app, ScaleRequest(workers: wish.workers))
        if global.json { return try context.console.json(answer, pretty: false) }
        context.console.line(ScaleCommand.text(answer))
    }

    static func text(_ answer: ScaleAnswer) -> String {
        guard let wanted = answer.wanted else {
            return "\(answer.app) has as many workers as it needs; \(answer.kept) now."
        }
        let limit = answer.kept < wanted ? ", not at \(wanted): max_pool_size and max_instances leave no more" : ""
        return "\(answer.app) is kept at \(answer.kept) worker\(answer.kept == 1 ? "" : "s")\(limit)."
    }

    private func wish() throws -> (app: String?, workers: Int?) {
        var words = words
        var workers: Int?
        if !reset {
            guard let last = words.popLast(), let number = Int(last), (1...100_000).contains(number) else {
                throw ValidationError("Give the number of workers, 1 or more, or --reset.")
            }
            workers = number
        }
        guard words.count <= 1 else { throw ValidationError("More than one app is named.") }
        if words.first != nil, target.app != nil || target.root != nil {
            throw ValidationError("The app is named twice.")
        }
        return (words.first, workers)
    }
}
