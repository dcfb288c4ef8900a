package import Model

/// Why a worker did not come up, or died. Kept whole, for error page, CLI, journal.
package struct BootFailure: Error, Sendable, Equatable, Codable {
    /// The journey's step: `launch`, `start_interpreter`, `load_libraries`, `load_app`, `start_serving`, `health`, `exited`,
    /// or the pool's own `start_timeout`, `health_timeout`, `aborted`.
    package var step: String
    /// One line that a person can act on.
    package var summary: String
    /// Backtrace, probe evidence.
    package var details: String?
    package var exit: ExitReason?
    /// Last lines of stdout and stderr, at most 50.
    package var outputTail: [String]
    package var hint: String?
    package var environmentNames: [String]
    package var limits: [String]

    package init(
        step: String, summary: String, details: String? = nil, exit: ExitReason? = nil, outputTail: [String] = [],
        hint: String? = nil, environmentNames: [String] = [], limits: [String] = []
    ) {
        self.step = step
        self.summary = summary
        self.details = details
        self.exit = exit
        self.outputTail = outputTail
        self.hint = hint
        self.environmentNames = environmentNames
        self.limits = limits
    }
}

/// A whole generation could not be booted; its workers are being stopped.
package struct GenerationFailure: Error, Sendable, Equatable {
    package var generation: GenerationNumber
    /// The failure that decided.
    package var failure: BootFailure
    /// Workers of the generation that failed in all.
    package var failures: Int
    package init(generation: GenerationNumber, failure: BootFailure, failures: Int) {
        self.generation = generation
        self.failure = failure
        self.failures = failures
    }
}
