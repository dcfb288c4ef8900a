import Model

/// Whether a load balancer may send requests: the gateway is open, the server was not told to stop, and the apps that must
/// be live are.
struct Readiness: Equatable {
    enum Phase: Equatable, Sendable {
        case starting, serving, stopping
        /// Another core serves.
        case retired
    }

    struct App: Equatable {
        var name: AppName
        var isLive: Bool
        /// Of many, one that boots with its first request, or waits for its first deploy, holds nobody back.
        var isAwaited: Bool
    }

    var phase: Phase
    var apps: [App]

    /// Nil when it is ready.
    var objection: String? {
        switch phase {
        case .starting: return "the server starts"
        case .stopping: return "the server stops"
        case .retired: return "another core has taken over"
        case .serving: break
        }
        let missing = apps.filter { $0.isAwaited && !$0.isLive }.map(\.name.rawValue)
        return missing.isEmpty ? nil : "not live yet: \(missing.joined(separator: ", "))"
    }
}
