package import Model

/// Which steps an operation takes, fixed when it begins.
package struct OperationPlan: Sendable, Equatable {
    package enum OldGeneration: Sendable, Equatable {
        /// Kept warm: a rollback may want it.
        case keptAsStandby
        /// The same code, or code that was just rolled back from.
        case drained
    }

    /// Ends with `switchTraffic`, or with `seal` when no server runs.
    package var steps: [DeployStep]
    /// Nil: done as soon as the switch is made.
    package var bake: Duration?
    package var oldGeneration: OldGeneration
    /// Already booted: a standby that a rollback switches to.
    package var warm: GenerationNumber?
    /// Whether `current` follows the switch.
    package var movesCurrent: Bool
    /// Whether the old version can live with what this has changed.
    package var isReversible = true

    private static let preparation: [DeployStep] = [.fetch, .resolve, .checkout, .link, .build, .seal]
    private static let activation: [DeployStep] = [
        .prove, .beforeBoot, .boot, .health, .beforeSwitch, .switchTraffic,
    ]

    package static func deploy(bake: Duration) -> OperationPlan {
        OperationPlan(
            steps: preparation + activation, bake: bake, oldGeneration: .keptAsStandby, warm: nil, movesCurrent: true)
    }
    /// Without a running server.
    package static let preparationOnly = OperationPlan(
        steps: preparation, bake: nil, oldGeneration: .keptAsStandby, warm: nil, movesCurrent: false)
    /// A release that was left sealed and pending.
    package static func resume(bake: Duration) -> OperationPlan {
        OperationPlan(
            steps: [.inspect] + activation, bake: bake, oldGeneration: .keptAsStandby, warm: nil, movesCurrent: true)
    }
    package static let restart = OperationPlan(
        steps: [.inspect, .boot, .health, .switchTraffic], bake: nil, oldGeneration: .drained, warm: nil,
        movesCurrent: false)
    package static func warmRollback(_ standby: GenerationNumber, now: Bool) -> OperationPlan {
        OperationPlan(
            steps: now ? [.switchTraffic] : [.grow, .switchTraffic], bake: nil, oldGeneration: .drained, warm: standby,
            movesCurrent: true)
    }
    package static let coldRollback = OperationPlan(
        steps: [.inspect, .prove, .boot, .health, .switchTraffic], bake: nil, oldGeneration: .drained, warm: nil,
        movesCurrent: true)
}
