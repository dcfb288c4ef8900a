import Model

/// What came with the start, and which listener of the plan it is.
struct ArrivedSocket: Equatable, Sendable {
    var descriptor: Int32
    /// As the service manager calls it.
    var name: String
    /// Nil when it is no listener that can be reached.
    var address: ListenAddress?
}

/// The names by which the service manager's store has our listeners, and the way back.
enum StoredSockets {
    /// Of FDNAME, sd_pid_notify_with_fds(3).
    private static let longestName = 255
    private static let prefix = "passenger.listener."

    static func isOurs(_ name: String) -> Bool { name.hasPrefix(prefix) }

    /// Visible ASCII without the colon, which separates names.
    static func name(_ listener: String) -> String {
        let text = listener.utf8.map { byte in
            switch byte {
            case UInt8(ascii: ":"): "_"
            case 0x21...0x7E where byte != UInt8(ascii: "%"): String(UnicodeScalar(byte))
            default: "%\(byte)"
            }
        }
        return String((prefix + text.joined()).prefix(longestName))
    }

    /// The sockets of each listener that has some, by its name. All siblings of an address are used, however many the plan wants:
    /// closing one would reset the connections that wait on it.
    static func match(_ sockets: [ArrivedSocket], with plans: [ListenerPlan]) -> [String: [ArrivedSocket]] {
        var matches: [String: [ArrivedSocket]] = [:]
        for plan in plans {
            let known = sockets.filter { $0.name == name(plan.name) && isPossible($0.address, plan.address) }
            let same = sockets.filter { $0.address == plan.address }
            // Port 0 is found again by its name only.
            let found = plan.address.port == 0 ? known : same
            if !found.isEmpty { matches[plan.name] = found }
        }
        return matches
    }

    private static func isPossible(_ address: ListenAddress?, _ wanted: ListenAddress) -> Bool {
        switch (address, wanted) {
        case (.tcp(let host, _), .tcp(let wantedHost, _)): host == wantedHost
        default: address == wanted
        }
    }
}
