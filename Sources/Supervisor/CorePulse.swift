package import Model

/// Whether one core still answers: it is asked every `interval`, and hangs when `mostUnanswered` questions in a row have had
/// no answer. An answer says that everything that serves requests has had its turn, not that apps are up.
///
/// What counts is questions, not time: after a suspended machine, a frozen control group or a stopped supervisor much time
/// has passed, and no core has failed to answer.
package struct CorePulse: Equatable, Sendable {
    package enum Verdict: Equatable, Sendable { case ask, hangs, none }

    /// How long a core may be silent where nobody (`ServiceEnvironment.watchdog`) wants it shorter.
    package static let limit = Duration.seconds(30)
    package static let mostUnanswered = 6

    private let interval: Duration
    private(set) var unanswered = 0
    /// Nil once it hangs, or goes.
    private(set) var nextQuestion: Instant?

    package init(limit: Duration, now: Instant) {
        interval = limit / Self.mostUnanswered
        nextQuestion = now + interval
    }

    package mutating func timePassed(now: Instant) -> Verdict {
        guard let due = nextQuestion, due <= now else { return .none }
        guard unanswered < Self.mostUnanswered else {
            nextQuestion = nil
            return .hangs
        }
        unanswered += 1
        nextQuestion = now + interval
        return .ask
    }

    /// It is known to be going.
    package mutating func stop() { nextQuestion = nil }

    /// To which question does not matter: it lives.
    package mutating func answered() { unanswered = 0 }
}
