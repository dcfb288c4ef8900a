package import Model

/// One build or hook command, as the deploy user.
package struct RunnerCommand: Sendable, Equatable, Codable {
    /// Given to `sh -c`.
    package var command: String
    package var directory: String
    /// Over the deploy user's own environment.
    package var environment: [String: String]
    package var timeout: Duration

    package init(command: String, directory: String, environment: [String: String], timeout: Duration) {
        self.command = command
        self.directory = directory
        self.environment = environment
        self.timeout = timeout
    }
}

/// How a command ended, by its runner's own record.
package enum RecordedEnd: Sendable, Equatable, Codable {
    case ended(ExitReason)
    case timedOut
    /// No end was recorded: the runner was killed, or the machine went down.
    case unknown
}

/// Runs commands under `passenger _run`. The core implements it over the supervisor.
package protocol CommandRunning: Sendable {
    /// `record` names the file in the state directory that the runner appends to ("42-build-0"). `output` is called for
    /// each line, in order. When the task is cancelled, the command's whole process group is ended first.
    func run(
        _ command: RunnerCommand, record: String, output: @escaping @Sendable (String) -> Void
    ) async throws(DeployFailure) -> RecordedEnd
    /// How a command of an earlier core ended, once its runner (which may be at work still) has; nil when it was never
    /// started.
    func recordedEnd(_ record: String) async -> RecordedEnd?
}
