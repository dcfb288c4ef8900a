import AdminAPI
import AdminClient
import ArgumentParser
import Model

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show servers, apps, generations and workers.")

    /// Of the app that is named, and of no other.
    @Flag(help: .hidden)
    var alone = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let instances = try context.instances(target)
        for (index, instance) in instances.enumerated() {
            var report = try AdminClient(socketPath: instance.adminSocket).status()
            if alone { report.apps.removeAll { $0.name.rawValue != target.app } }
            if global.json {
                try context.console.json(report, pretty: instances.count == 1)
            } else {
                if index > 0 { context.console.line("") }
                context.console.lines(StatusText(traits: context.console.output).lines(report))
            }
        }
    }
}
