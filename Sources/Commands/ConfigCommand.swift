import AdminAPI
import AppConfig
import ArgumentParser
import Core
import Foundation
import Model
import Terminal

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Print or check the configuration of a directory.",
        subcommands: [Show.self, Validate.self], defaultSubcommand: Show.self)

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print the merged configuration of a directory, and where values come from.",
            discussion: "Of a deploy root, with what its live release says. The subcommand's name may be left out.")

        @Argument(help: "The app's directory, or a deploy root.")
        var directory = "."

        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = CommandContext(global)
            var loaded: LoadedConfiguration
            do throws(ConfigError) {
                loaded = try ConfigLoader().loadServer(
                    arguments: [:], environment: context.environment, directory: directory)
            } catch {
                throw ControlError(error)
            }
            try addRelease(&loaded, context)
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

        /// The server reads the root's file at its start, and the release's with each generation.
        private func addRelease(_ loaded: inout LoadedConfiguration, _ context: CommandContext) throws {
            guard let app = loaded.apps.first, app.location.isDeployRoot else { return }
            do {
                var users = try StartUsers(server: loaded.server, servesMany: false)
                let user = try users.add(app).names.deploys
                let inspection = AppInspection(
                    environment: context.environment, workingDirectory: FileManager.default.currentDirectoryPath)
                guard let read = try inspection.load(app, as: user) else { return }
                loaded.apps[0].settings = read.settings
                loaded.origins.merge(read.origins) { $1 }
                for warning in read.warnings where !loaded.warnings.contains(warning) {
                    loaded.warnings.append(warning)
                }
            } catch let error as ConfigError {
                throw ControlError(error)
            } catch let error as StartError {
                context.console.error("warning: without what the live release says: \(error)")
            }
        }
    }

    struct Validate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "validate", abstract: "Check a configuration as a start would read it, and change nothing.",
            discussion: """
                A server file with its certificates, users and apps, or the app in a directory or deploy root, whose own files \
                are read as the app's user. A server file that names no apps is checked with the app in the working directory. \
                Exits with 2 when something would be refused, each with file, line and what to do.
                """)

        @Argument(help: "A server file, an app's directory or its Passengerfile, or a deploy root.")
        var path = "."

        @OptionGroup var global: GlobalOptions

        private struct Report: Encodable {
            struct Problem: Encodable {
                var file: String?
                var line: Int?
                var column: Int?
                var key: String?
                var message: String
                var hint: String?

                init(_ problem: ConfigProblem) {
                    (file, line, column, key) = (problem.file, problem.line, problem.column, problem.key)
                    (message, hint) = (problem.message, problem.hint)
                }
            }
            var errors: [Problem]
            var warnings: [String]
            var apps: [AppName]
        }

        func run() throws {
            let context = CommandContext(global)
            let path = Paths.resolved(self.path)
            let found = ConfigValidation(path, environment: context.environment)
            if global.json {
                try context.console.json(
                    Report(errors: found.problems.map { .init($0) }, warnings: found.warnings, apps: found.apps))
                if !found.problems.isEmpty { throw ExitCode(ErrorCode.usage.exitStatus) }
                return
            }
            for warning in found.warnings { context.console.error("warning: \(warning)") }
            guard found.problems.isEmpty else { throw ControlError(ConfigError(found.problems)) }
            context.console.line("\(path) can be used: \(HumanFormat.count(found.apps.count, "app")).")
        }
    }
}

extension ControlError {
    /// Every problem at once: mending them one by one is tiresome.
    init(_ error: ConfigError) {
        let problems = error.problems.map(\.description)
        self.init(.usage, problems.first ?? "The configuration cannot be used.", details: Array(problems.dropFirst()))
    }
}
