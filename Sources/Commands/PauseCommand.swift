import AdminAPI
import AdminClient
import ArgumentParser
import Model

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Hold an app's requests, until it is resumed.",
        discussion: "Requests in progress go on. Those that come are held, no more than max_request_queue_size of them."
    )

    @OptionGroup var named: NamedApp
    @OptionGroup var global: GlobalOptions

    @Option(help: ArgumentHelp("How long a request is held before it is answered with 503.", valueName: "time"))
    var hold = TimeSpan(duration: .seconds(30))

    func run() throws {
        let context = CommandContext(global)
        let app = try context.app(named.options)
        let answer = try app.client.pause(app.app, PauseRequest(holdSeconds: hold.duration.inSeconds))
        if global.json { return try context.console.json(answer, pretty: false) }
        context.console.line("\(answer.app) is paused; go on with: passenger resume \(answer.app)")
    }
}

struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a paused app's requests go on.")

    @OptionGroup var named: NamedApp
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let app = try context.app(named.options)
        let answer = try app.client.resume(app.app)
        if global.json { return try context.console.json(answer, pretty: false) }
        context.console.line("\(answer.app) serves; \(answer.held) requests wait for a worker.")
    }
}
