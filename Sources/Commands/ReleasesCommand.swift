import AdminAPI
import AdminClient
import ArgumentParser
import Terminal

struct ReleasesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "releases", abstract: "List the releases on disk, newest first.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let app = try context.app(target, acceptsOnlyInstance: true)
        let releases = try app.client.releases(app.app)
        if global.json { return try context.console.json(releases) }
        guard !releases.isEmpty else { return context.console.line("\(app.app) has no release yet.") }
        context.console.lines(HistoryText(traits: context.console.output).releases(releases))
    }
}
