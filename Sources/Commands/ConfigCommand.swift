import AdminAPI
import AppConfig
import ArgumentParser
import Model
import Terminal

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Print the merged configuration of a directory, and where values come from.")

    @Argument(help: "The app's directory.")
    var directory = "."

    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let loaded: LoadedConfiguration
        do throws(ConfigError) {
            loaded = try ConfigLoader().loadServer(
                arguments: [:], environment: context.environment, directory: directory)
        } catch {
            throw ControlError(error)
        }
        for warning in loaded.warnings { context.console.error("warning: \(warning)") }
        let values =
            SettingsList(of: loaded.server).values + loaded.apps.flatMap { SettingsList(of: $0.settings).values }
        if global.json {
            let pairs = values.map { ($0.name, $0.value) }
            return try context.console.json(Dictionary(pairs, uniquingKeysWith: { $1 }))
        }
        var table = Table([.init("KEY"), .init("VALUE"), .init("FROM")])
        for (name, value) in values {
            let origin = loaded.origins[name]
            table.add([StyledText(name), StyledText(value, .strong), StyledText(origin?.description ?? "", .faint)])
        }
        context.console.lines(table.lines(context.console.output))
    }
}

extension ControlError {
    /// Every problem at once: mending them one by one is tiresome.
    init(_ error: ConfigError) {
        let problems = error.problems.map(\.description)
        self.init(.usage, problems.first ?? "The configuration cannot be used.", details: Array(problems.dropFirst()))
    }
}
