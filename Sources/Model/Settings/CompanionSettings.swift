/// One entry of `processes`: a background process that is deployed with the app (Sidekiq, Celery, a clock).
package struct CompanionSettings: Sendable, Codable, Equatable, CustomStringConvertible {
    /// Letters, digits, `_` and `-`; never `web`, which is the app itself.
    package var name: String
    /// Run as `sh -c 'exec …'` in the release's directory.
    package var command: String
    /// Processes that run it side by side; 0 switches it off.
    package var instances: Int = 1
    /// Sent to each one's leader to stop it.
    package var stopSignal: Int32 = 15
    /// From the stop signal to SIGKILL for its whole group.
    package var stopTimeout: Duration = .seconds(60)
    /// Sent just before a switch: take no new work. Nil: it works until it is stopped.
    package var quietSignal: Int32?

    package init(name: String, command: String) {
        self.name = name
        self.command = command
    }

    package var description: String { "\(name): \(command)" }
}
