import AdminAPI
import AdminClient
import ArgumentParser
import Glibc

/// `passenger-config reopen-logs`.
struct ReopenLogsTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reopen-logs", abstract: "Have the server open its log files again.")

    @Option(help: ArgumentHelp("The running server.", valueName: "name"))
    var instance: String?

    func run() throws {
        let context = CommandContext(GlobalOptions.parseOrExit([]))
        let record = try InstanceChoice(all: context.registry.instances()).choose(instance)
        try SupervisorProcess(record).signal(SIGUSR1)
        context.console.line("All log files are opened again.")
    }
}
