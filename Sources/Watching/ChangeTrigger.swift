package import Model

/// Decides when changes of an app's code ask for a restart: when they have ended, for an editor or git writes many files, or when
/// they have gone on for a while.
package struct ChangeTrigger: Sendable {
    package static let settling = Duration.milliseconds(100)
    package static let longest = Duration.milliseconds(500)

    private var changing: (first: Instant, last: Instant)?

    package init() {}

    package mutating func changed(now: Instant) { changing = (changing?.first ?? now, now) }

    /// When to look again; nil while nothing has changed.
    package var due: Instant? {
        changing.map { min($0.last + ChangeTrigger.settling, $0.first + ChangeTrigger.longest) }
    }

    /// Once for all changes until now.
    package mutating func isDue(now: Instant) -> Bool {
        guard let due, now >= due else { return false }
        changing = nil
        return true
    }
}
