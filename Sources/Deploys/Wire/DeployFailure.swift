package import Pool

/// Why a step of an operation failed: a code for programs, a line that a person can act on, and the evidence.
///
/// Every seam of this room throws it, so the journal, the event log and the exit status all tell the same story.
package struct DeployFailure: Error, Sendable, Equatable, Codable, CustomStringConvertible {
    package enum Code: String, Sendable, Codable, CaseIterable {
        /// The repository's server, or the repository, is not there: the one failure of a fetch that may pass by itself.
        case unreachable
        case configuration, repository, referenceUnknown, treeRefused, diskFull, linkFailed
        case commandFailed, commandTimedOut
        /// The command was started and nobody recorded its end: it may have run to completion or half-way. Never rerun.
        case commandUnknown
        case bootFailed, unhealthy
        /// The new version's errors or crashes during the bake.
        case badBake
        /// A step took longer than it may.
        case timedOut
        /// A person had to say yes, and nobody did.
        case notApproved
        /// The version that serves fails since hooks of the new one changed what both live with.
        case oldVersionFails
        /// There is not enough for the workers that were to be booted.
        case memoryShort
        case withdrawn, older, noTarget, releaseMissing
        case cancelled, interrupted, internalError

        /// For people and for programs: `boot_failed`. The journal has the raw values.
        package var name: String { rawValue.inSnakeCase }
    }

    package var code: Code
    /// One line, without the step that failed: `description` has both.
    package var summary: String
    package var details: String?
    package var hint: String?
    /// Last lines of the output of whatever failed.
    package var outputTail: [String]
    /// The failed boot, whole, when that was the cause.
    package var boot: BootFailure?

    package init(
        _ code: Code, _ summary: String, details: String? = nil, hint: String? = nil, outputTail: [String] = [],
        boot: BootFailure? = nil
    ) {
        self.code = code
        self.summary = summary
        self.details = details
        self.hint = hint
        self.outputTail = outputTail
        self.boot = boot
    }

    package init(_ failure: GenerationFailure) {
        let boot = failure.failure
        self.init(
            boot.step == "health" ? .unhealthy : .bootFailed, boot.summary, details: boot.details, hint: boot.hint,
            outputTail: boot.outputTail, boot: boot)
    }

    package static let cancelled = DeployFailure(.cancelled, "stopped before it was finished")

    /// Of a boot also the step that it came to, for where the line stands alone.
    package var description: String { boot.map { "\($0.step): \(summary)" } ?? summary }
}
