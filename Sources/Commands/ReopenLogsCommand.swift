import AdminAPI
import AdminClient
import ArgumentParser
import Glibc

struct ReopenLogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reopen-logs", abstract: "Have a server open its log files again, after they were moved away.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let instance = try context.target(target, acceptsOnlyInstance: true).instance
        try SupervisorProcess(instance).signal(SIGUSR1)
        if global.json { return try context.console.json(["reopening": instance.name], pretty: false) }
        context.console.line("Server \"\(instance.name)\" opens its logs again.")
    }
}
