package import Model
package import Pool

/// Watches the *old* version while hooks change what both live with: a migration that the running code cannot live with has to
/// stop the deploy before its switch, and not be blamed on the new version after it.
package struct MigrationGuard: Sendable, Equatable {
    private let limits: AutoRollbackSettings
    private let before: TrafficCounts

    /// `before`: what the live generation had counted when the first hook began.
    package init(limits: AutoRollbackSettings, before: TrafficCounts) {
        self.limits = limits
        self.before = before
    }

    /// Nil: nothing points to the migration.
    package func complaint(now: TrafficCounts) -> DeployFailure? {
        let since = now.since(before)
        var what: String?
        if since.crashes >= BakeWatch.crashLimit { what = "\(since.crashes) of its workers died" }
        if since.requests >= UInt64(max(limits.minRequests, 1)),
            since.errorRate > before.errorRate + limits.errorPoints
        {
            what = "\(since.errors) of \(since.requests) requests failed"
        }
        return what.map {
            DeployFailure(
                .oldVersionFails, "the version that serves fails since before_boot began: \($0)",
                hint: "it cannot live with what before_boot did; mend that first, then make the change in two deploys")
        }
    }
}
