import ArgumentParser

/// The names of Phusion Passenger's tools. Called by one of them (a symbolic link to this program), it behaves as that tool.
enum ToolAlias: String, CaseIterable {
    case status = "passenger-status"
    case memoryStats = "passenger-memory-stats"
    case config = "passenger-config"

    /// `name`: as the program was called, with or without its directory.
    init?(calledAs name: String) {
        guard let base = name.split(separator: "/").last else { return nil }
        self.init(rawValue: String(base))
    }

    var command: any ParsableCommand.Type {
        switch self {
        case .status: PassengerStatusTool.self
        case .memoryStats: PassengerMemoryStatsTool.self
        case .config: PassengerConfigTool.self
        }
    }
}
