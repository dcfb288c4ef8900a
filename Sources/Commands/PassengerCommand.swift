import AdminAPI
import ArgumentParser

/// `passenger` itself: prints help; everything is done by its subcommands.
struct PassengerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passenger",
        abstract: "Serves web apps, and deploys them without losing a request.",
        version: versionText,
        subcommands: [
            StartCommand.self, StopCommand.self, StatusCommand.self, ReloadCommand.self, UpgradeCommand.self,
            DeployCommand.self,
            RollbackCommand.self,
            ReleasesCommand.self, DeploysCommand.self, LockCommand.self, UnlockCommand.self, RestartCommand.self,
            PauseCommand.self, ResumeCommand.self,
            ScaleCommand.self, DetachProcessCommand.self, EnvCommand.self, ConfigCommand.self, TopCommand.self,
            MetricsCommand.self, APICommand.self, MemoryStatsCommand.self, ReopenLogsCommand.self, LogsCommand.self,
            CheckCommand.self, InitCommand.self, ConsoleCommand.self, ExecCommand.self,
            IntegrateCommand.self,
            SSHGateCommand.self,
        ])

    /// Deploy tools that were written for Phusion Passenger read the first line.
    static let versionText = "Phusion Passenger \(ProductVersion.passenger)\npassenger \(ProductVersion.current)"
}
