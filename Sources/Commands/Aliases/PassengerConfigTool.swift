import ArgumentParser

/// `passenger-config`.
struct PassengerConfigTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passenger-config", abstract: "Manage a running server, as Phusion Passenger's tool does.",
        version: PassengerCommand.versionText,
        subcommands: [
            RestartAppTool.self, DetachProcessCommand.self, ListInstancesTool.self, ReopenLogsTool.self,
            APICallTool.self, ValidateInstallTool.self, SystemMetricsTool.self, AboutTool.self,
        ])
}
