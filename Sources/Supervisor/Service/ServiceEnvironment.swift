import Glibc
import Model

/// What a service manager tells this process in its environment, as the man pages of systemd 252 have it: sd_notify(3),
/// sd_listen_fds(3), sd_watchdog_enabled(3).
struct ServiceEnvironment: Equatable, Sendable {
    struct Socket: Equatable, Sendable {
        var descriptor: Int32
        var name: String
    }

    static let firstSocket: Int32 = 3
    static let mostSockets = 4096

    /// A path, or `@` and a name in the abstract namespace; nil when nobody listens.
    private(set) var notifySocket: String?
    /// The service is ended when it is silent for longer; nil: it is not watched.
    private(set) var watchdog: Duration?
    /// Sockets that came with the start.
    private(set) var sockets: [Socket] = []
    /// What was not understood, for people.
    private(set) var problems: [String] = []

    static func current() -> ServiceEnvironment {
        var variables: [String: String] = [:]
        for name in ServiceVariables.all {
            guard let value = getenv(name) else { continue }
            variables[name] = String(cString: value)
        }
        return ServiceEnvironment(variables, pid: getpid())
    }

    init(_ variables: [String: String], pid: Int32) {
        notifySocket = address(variables[ServiceVariables.notifySocket])
        // Nobody could be told.
        watchdog = notifySocket == nil ? nil : Self.watchdog(variables, pid: pid)
        sockets = listened(variables, pid: pid)
    }

    private mutating func address(_ text: String?) -> String? {
        guard let text, !text.isEmpty else { return nil }
        if text.hasPrefix("/") || text.hasPrefix("@"), text.utf8.count > 1 { return text }
        problems.append("\(ServiceVariables.notifySocket) is neither a path nor an abstract name: \(text)")
        return nil
    }

    private static func watchdog(_ variables: [String: String], pid: Int32) -> Duration? {
        if let owner = variables[ServiceVariables.watchdogPid], Int32(owner) != pid { return nil }
        guard let microseconds = variables[ServiceVariables.watchdogTime].flatMap({ Int64($0) }), microseconds > 0
        else { return nil }
        return .microseconds(microseconds)
    }

    private mutating func listened(_ variables: [String: String], pid: Int32) -> [Socket] {
        // Meant for another process, which handed its environment on.
        guard variables[ServiceVariables.socketPid].flatMap({ Int32($0) }) == pid else { return [] }
        guard let count = variables[ServiceVariables.socketCount].flatMap({ Int($0) }), count > 0 else { return [] }
        guard count <= Self.mostSockets else {
            problems.append("\(ServiceVariables.socketCount) is \(count): they are not used")
            return []
        }
        let names = (variables[ServiceVariables.socketNames] ?? "").split(
            separator: ":", omittingEmptySubsequences: false)
        return (0..<count).map { index in
            Socket(
                descriptor: Self.firstSocket + Int32(index),
                name: names.count == count ? String(names[index]) : "unknown")
        }
    }
}
