/// The variables by which a service manager speaks to one process: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3). They
/// are the supervisor's; no core, worker or tool is to have them.
package enum ServiceVariables {
    package static let notifySocket = "NOTIFY_SOCKET"
    package static let watchdogTime = "WATCHDOG_USEC"
    package static let watchdogPid = "WATCHDOG_PID"
    package static let socketCount = "LISTEN_FDS"
    package static let socketPid = "LISTEN_PID"
    package static let socketNames = "LISTEN_FDNAMES"

    package static let all: Set<String> = [
        notifySocket, watchdogTime, watchdogPid, socketCount, socketPid, socketNames,
    ]

    package static func removed(from environment: [String: String]) -> [String: String] {
        environment.filter { !all.contains($0.key) }
    }
}
