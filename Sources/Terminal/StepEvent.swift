package import Model

/// What a renderer of steps is told.
package enum StepEvent: Sendable, Equatable {
    case started(title: String)
    /// The running step ended; `failure` is one line.
    case finished(seconds: Double, failure: String?)
    /// A line that the step's command wrote.
    case output(line: String)
    /// Replaces the one before.
    case progress(text: String)
    case note(StyledText)
    case warning(String)
    /// Somebody has to look at once.
    case alarm(String)
}

/// Turns steps into text; the caller writes it. Pure: the time comes with each call.
package protocol StepRenderer: Sendable {
    mutating func show(_ event: StepEvent, at now: Instant) -> String
    /// Something may move although nothing happened.
    mutating func tick(at now: Instant) -> String
    /// Leaves the screen as whole lines, whatever is in progress.
    mutating func end(at now: Instant) -> String
}
