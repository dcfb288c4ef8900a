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

/// What is known of a command of an earlier core.
package enum CommandTrace: Sendable, Equatable {
    case neverStarted
    /// Under the runner that the earlier core started.
    case running
    case ended
    /// It was started, and nothing will ever tell how it ended.
    case lost
}

/// Runs commands under `passenger _run`. The core implements it over the supervisor.
///
/// `record` names the file in the state directory that the runner appends to (`CommandName`). `output` is called for each line,
/// in order. When the task is cancelled, the command's whole process group is ended first.
package protocol CommandRunning: Sendable {
    /// There must be no such record yet.
    func run(
        _ command: RunnerCommand, record: String, output: @escaping @Sendable (String) -> Void
    ) async throws(DeployFailure) -> RecordedEnd
    /// Sees a command of an earlier core to its end, which may be past; nil when it was never started.
    func follow(_ record: String, output: @escaping @Sendable (String) -> Void) async -> RecordedEnd?
    func trace(of record: String) -> CommandTrace
    /// Records of commands that run since an earlier core, and that nobody has followed.
    func unfollowed() -> [String]
    /// Ends these of `unfollowed`; does not wait for it.
    func end(_ records: [String])
    /// Of commands that are to be run anew.
    func forget(_ records: [String])
}

/// Which command it is: the release that it runs in, for which step, and its place among those of the step.
package struct CommandName: Sendable, Hashable, CustomStringConvertible {
    package var release: DeployNumber
    package var step: DeployStep
    package var index: Int

    package init(release: DeployNumber, step: DeployStep, index: Int) {
        self.release = release
        self.step = step
        self.index = index
    }

    /// Nil for what is no command's name.
    package init?(_ text: String) {
        let parts = text.split(separator: "-")
        guard parts.count == 3, let release = Int(parts[0]), let step = DeployStep(rawValue: String(parts[1])),
            let index = Int(parts[2]), index >= 0
        else { return nil }
        self.init(release: DeployNumber(release), step: step, index: index)
    }

    /// "42-build-0", the name of its record too.
    package var description: String { "\(release)-\(step.rawValue)-\(index)" }
}
