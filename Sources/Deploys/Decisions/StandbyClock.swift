package import Model

/// When an old generation that is kept for rollback shrinks, and when it goes.
package struct StandbyClock: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case park(workers: Int)
        case drain
    }

    private enum Stage: Sendable, Equatable { case whole, parked, over }

    private let wholeUntil: Instant
    private let until: Instant
    private let instances: Int
    private var stage = Stage.whole

    /// `now` is the end of the bake: until then nothing here exists and the old generation is whole. Or, under a later core, the
    /// bake ended `age` ago.
    package init(_ settings: DeploySettings, now: Instant, age: Duration = .zero) {
        wholeUntil = now + max(min(settings.standbyFull, settings.rollbackWindow) - age, .zero)
        until = now + max(settings.rollbackWindow - age, .zero)
        instances = max(settings.standbyInstances, 1)
    }

    package mutating func tick(_ now: Instant) -> Action? {
        if stage != .over, now >= until {
            stage = .over
            return .drain
        }
        if stage == .whole, now >= wholeUntil {
            stage = .parked
            return .park(workers: instances)
        }
        return nil
    }

    /// After a rollback that did not take place: shrink again at the next tick.
    package mutating func grownAgain() { if stage == .parked { stage = .whole } }
}
