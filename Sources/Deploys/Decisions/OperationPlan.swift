package import Model

/// Which steps an operation takes. Fixed when it begins, but for the way in which the traffic comes to the new version: that
/// is the release's own configuration, which is read on the way.
package struct OperationPlan: Sendable, Equatable {
    package enum OldGeneration: Sendable, Equatable {
        /// Kept warm: a rollback may want it.
        case keptAsStandby
        /// The same code, or code that was just rolled back from.
        case drained
    }

    /// Ends with `switchTraffic`, or with `seal` when no server runs.
    package private(set) var steps: [DeployStep]
    /// Nil: done as soon as the switch is made.
    package var bake: Duration?
    package private(set) var oldGeneration: OldGeneration
    /// Already booted: a standby that a rollback switches to.
    package let warm: GenerationNumber?
    /// Whether `current` follows the switch.
    package let movesCurrent: Bool
    /// Whether the old version can live with what this has changed.
    package var isReversible = true
    package private(set) var strategy = DeployStrategy.blueGreen
    /// How long a canary is compared.
    package private(set) var canaryTime = Duration.zero

    /// As if nothing was said about how the traffic comes.
    private let plain: [DeployStep]
    private let plainOld: OldGeneration

    private init(
        _ steps: [DeployStep], bake: Duration? = nil, old: OldGeneration, warm: GenerationNumber? = nil,
        movesCurrent: Bool
    ) {
        self.steps = steps
        plain = steps
        self.bake = bake
        oldGeneration = old
        plainOld = old
        self.warm = warm
        self.movesCurrent = movesCurrent
    }

    /// Rearranges what follows the reading of the configuration. May be called again with another answer, up to the boot.
    package mutating func rollOut(_ strategy: DeployStrategy, canary: Duration = .zero, approve: Bool) {
        self.strategy = strategy
        canaryTime = canary
        oldGeneration = plainOld
        steps = plain
        switch strategy {
        case .blueGreen: insert(approve ? [.approve] : [], before: .switchTraffic)
        case .canary: insert([.canary] + (approve ? [.approve] : []) + [.grow], before: .switchTraffic)
        case .rolling: insert((approve ? [.approve] : []) + [.roll], before: .switchTraffic)
        case .replace:
            // Even a trial boot would run twice.
            steps.removeAll { $0 == .prove }
            insert((approve ? [.approve] : []) + [.replace], before: .boot)
            oldGeneration = .drained
        }
    }

    private mutating func insert(_ new: [DeployStep], before step: DeployStep) {
        guard let index = steps.firstIndex(of: step) else { return }
        steps.insert(contentsOf: new, at: index)
    }

    private static let preparation: [DeployStep] = [.fetch, .resolve, .checkout, .link, .build, .seal]
    private static let activation: [DeployStep] = [
        .prove, .beforeBoot, .boot, .health, .beforeSwitch, .switchTraffic,
    ]

    package static func deploy(bake: Duration) -> OperationPlan {
        OperationPlan(preparation + activation, bake: bake, old: .keptAsStandby, movesCurrent: true)
    }
    /// Without a running server.
    package static let preparationOnly = OperationPlan(preparation, old: .keptAsStandby, movesCurrent: false)
    /// A release that was left sealed and pending. `isProved`: its hooks have begun, which is no time to find out whether it loads.
    package static func resume(bake: Duration, isProved: Bool = false) -> OperationPlan {
        let steps = isProved ? activation.filter { $0 != .prove } : activation
        return OperationPlan([.inspect] + steps, bake: bake, old: .keptAsStandby, movesCurrent: true)
    }
    /// A release whose build has begun.
    package static func resumeBuild(bake: Duration) -> OperationPlan {
        OperationPlan([.inspect, .build, .seal] + activation, bake: bake, old: .keptAsStandby, movesCurrent: true)
    }
    package static let restart = OperationPlan(
        [.inspect, .boot, .health, .switchTraffic], old: .drained, movesCurrent: false)
    package static func warmRollback(_ standby: GenerationNumber, now: Bool) -> OperationPlan {
        OperationPlan(
            now ? [.switchTraffic] : [.grow, .switchTraffic], old: .drained, warm: standby, movesCurrent: true)
    }
    package static let coldRollback = OperationPlan(
        [.inspect, .prove, .boot, .health, .switchTraffic], old: .drained, movesCurrent: true)
}
