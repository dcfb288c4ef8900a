import Model

/// What the apps of one pool share, and the event that is being handled: its time, and the actions decided so far.
struct PoolContext {
    var workers = WorkerTable()
    var random: SplitMix64
    /// Of its own, so that who gets which id changes no other decision.
    var stickyRandom: SplitMix64
    var limits: PoolLimits
    var now = Instant.zero
    /// Another core has the workers: only what came before is still given to them.
    var isRetired = false
    private var actions: [PoolAction] = []

    init(limits: PoolLimits) {
        self.limits = limits
        random = SplitMix64(seed: limits.seed)
        stickyRandom = SplitMix64(seed: ~limits.seed)
    }

    mutating func act(_ action: PoolAction) { actions.append(action) }

    mutating func takeActions() -> [PoolAction] {
        defer { actions = [] }
        return actions
    }
}
