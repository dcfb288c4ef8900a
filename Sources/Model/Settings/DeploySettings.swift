package struct DeploySettings: Sendable, Codable, Equatable {
    package var repo: String?
    /// Nil means the remote's default branch.
    package var branch: String?
    package var keepReleases: Int = 5
    /// Paths inside a release that become links into `shared/`.
    package var shared: [String] = []
    /// Shell commands run in the release, in this order.
    package var build: [String] = []
    package var beforeBoot: [String] = []
    /// The new generation is healthy: its last word before the traffic.
    package var beforeSwitch: [String] = []
    /// What follows has no say any more: these run when it has happened, and nothing waits for them.
    package var afterSwitch: [String] = []
    package var afterStable: [String] = []
    /// The last process of another release is gone.
    package var afterDrain: [String] = []
    package var onFailure: [String] = []
    package var onRollback: [String] = []
    /// The old version cannot live with what `beforeBoot` and `beforeSwitch` do: nothing goes back by itself.
    package var irreversible = false
    /// A command whose end nobody recorded may be run again.
    package var idempotent = false
    package var hookTimeout: Duration = .seconds(30 * 60)
    package var drainTimeout: Duration = .seconds(10 * 60)
    /// How long upgraded connections and other streams of an old generation may go on; they end spread over it.
    package var streamDrain: Duration = .seconds(10 * 60)
    package var bake: Duration = .seconds(30)
    package var autoRollback = AutoRollbackSettings()
    package var rollbackWindow: Duration = .seconds(15 * 60)
    package var standbyFull: Duration = .seconds(5 * 60)
    package var standbyInstances: Int = 1
    package init() {}
}

package struct AutoRollbackSettings: Sendable, Codable, Equatable {
    /// Percentage points over the old generation's own error rate.
    package var errorPoints: Double = 5
    package var minRequests: Int = 50
    package init() {}
}
