import Linux
import Model
import Pool

/// What is known of a process that was to serve, once it has ended or is given up.
struct BootEnding {
    /// Of the handshake, the step that was under way.
    var step: String
    var failure: BootFailure?
    var isReady: Bool
    var outputTail: [String]
    var end: (reason: ExitReason?, launchFailure: LaunchFailure?)?

    /// - Parameters:
    ///   - variables: its environment as `KEY=value`; only the names are told.
    ///   - openFiles: its limit.
    func describe(_ settings: AppSettings, variables: [String], openFiles: UInt64) -> BootFailure {
        var failure: BootFailure
        let ending = end?.reason.map { "\($0)" } ?? "never started"
        if let launch = end?.launchFailure {
            failure = BootFailure(
                step: "launch",
                summary: "\(launch.step) \(launch.subject): \(SystemError.describe(launch.errno))",
                hint: LaunchHint.hint(for: launch, settings: settings))
        } else if let known = self.failure {
            failure = known
            if failure.details == nil, end != nil { failure.summary += " (\(ending))" }
        } else if isReady {
            failure = BootFailure(step: "exited", summary: "the process ended: \(ending)")
        } else {
            failure = BootFailure(step: step, summary: "the process ended before it was ready: \(ending)")
        }
        failure.exit = end?.reason
        failure.outputTail = outputTail
        failure.environmentNames = variables.map { String($0.prefix { $0 != "=" }) }.sorted()
        failure.limits = ["open files \(openFiles)"]
        return failure
    }
}
