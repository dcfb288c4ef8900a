/// Where the releases of an app come from.
package enum DeploySource: String, Sendable, Codable, CaseIterable {
    case git
    /// `passenger deploy --archive`.
    case archive
}

/// How the traffic comes from the old version to the new one.
package enum DeployStrategy: String, Sendable, Codable, CaseIterable {
    /// All of the new version boots beside the old one, then one switch.
    case blueGreen = "blue_green"
    /// Worker by worker, or in batches: never more memory than one batch above what it takes anyway.
    case rolling
    /// A part of the traffic first, compared with the rest for a while.
    case canary
    /// For apps that cannot run twice: requests are held while the old version stops and the new one boots.
    case replace
}

/// How many workers of the new version boot at a time, beyond those that serve (`rolling`).
package enum Surge: Sendable, Codable, Equatable {
    case count(Int)
    /// Of the workers that serve.
    case percent(Double)
    /// As many as fit in so many bytes, by what a worker takes now.
    case bytes(Int)
}

package struct CanarySettings: Sendable, Codable, Equatable {
    /// Of the requests, more than 0 and less than 100.
    package var percent: Double = 5
    package var time: Duration = .seconds(5 * 60)
    package init() {}
}

package struct WebhookSettings: Sendable, Codable, Equatable {
    /// http or https; nil: nobody is told.
    package var url: String?
    /// Of the app's environment: it holds the secret that what is sent is signed with.
    package var secretVariable = "DEPLOY_WEBHOOK_SECRET"
    package init() {}
}

package struct DatabaseSettings: Sendable, Codable, Equatable {
    /// What the database gives this app; nil: nobody counts.
    package var connections: Int?
    /// What one worker opens at most.
    package var perWorker = 5
    package init() {}
}

package struct DeploySettings: Sendable, Codable, Equatable {
    /// Nil: whichever a deploy names.
    package var source: DeploySource?
    package var repo: String?
    /// Nil means the remote's default branch.
    package var branch: String?
    /// Submodules are part of a release.
    package var submodules = true
    /// git-lfs fetches what it keeps elsewhere; otherwise its pointers are deployed as they are.
    package var lfs = true
    /// Symbolic links may lead out of the release.
    package var allowSymlinks = false
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
    package var strategy = DeployStrategy.blueGreen
    package var surge = Surge.percent(100)
    package var canary = CanarySettings()
    /// The switch waits for a person.
    package var approve = false
    package var database = DatabaseSettings()
    package var webhook = WebhookSettings()
    /// Of one app, alive at a time: a further deploy ends the oldest.
    package var maxGenerations: Int = 3
    package var rollbackWindow: Duration = .seconds(15 * 60)
    package var standbyFull: Duration = .seconds(5 * 60)
    package var standbyInstances: Int = 1
    package init() {}
}

package struct AutoRollbackSettings: Sendable, Codable, Equatable {
    /// Percentage points over the old generation's own error rate.
    package var errorPoints: Double = 5
    package var minRequests: Int = 50
    /// So many times as long as the old version's requests is too long; nil: that is only told.
    package var latencyFactor: Double?
    package init() {}
}
