import Model

/// What a service manager is told: sd_notify(3), sd_pid_notify_with_fds(3).
package enum ServiceNotice: Equatable, Sendable {
    /// Serving: after the start, a reload, or with another core. Nil leaves the status as it is.
    case ready(status: String?)
    case reloading
    case stopping
    case status(String)
    case watchdog
    /// Descriptors go with it: they are kept and come back at the next start, also after a crash.
    case store(name: String)
    case forget(name: String)

    static let longestStatus = 500

    func text(now: Instant) -> String {
        switch self {
        case .ready(let status): "READY=1" + (status.map { "\nSTATUS=\(Self.line($0))" } ?? "")
        case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1000)"
        case .stopping: "STOPPING=1\nSTATUS=stopping"
        case .status(let status): "STATUS=\(Self.line(status))"
        case .watchdog: "WATCHDOG=1"
        // Without polling: else the manager drops a socket at its first error.
        case .store(let name): "FDSTORE=1\nFDNAME=\(name)\nFDPOLL=0"
        case .forget(let name): "FDSTOREREMOVE=1\nFDNAME=\(name)"
        }
    }

    /// A core's words must not become other assignments: one line, and not too long for a datagram.
    private static func line(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(longestStatus).map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}
