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
        let crashes = growth(before.crashes, now.crashes)
        let requests = growth(before.requests, now.requests)
        let errors = growth(before.appErrors + before.gatewayErrors, now.appErrors + now.gatewayErrors)
        var what: String?
        if crashes >= BakeWatch.crashLimit { what = "\(crashes) of its workers died" }
        if requests >= UInt64(max(limits.minRequests, 1)),
            rate(errors, requests) > rate(before.appErrors + before.gatewayErrors, before.requests) + limits.errorPoints
        {
            what = "\(errors) of \(requests) requests failed"
        }
        return what.map {
            DeployFailure(
                .oldVersionFails, "the version that serves fails since before_boot began: \($0)",
                hint: "it cannot live with what before_boot did; mend that first, then make the change in two deploys")
        }
    }

    private func growth(_ before: UInt64, _ after: UInt64) -> UInt64 { after > before ? after - before : 0 }
    private func rate(_ errors: UInt64, _ requests: UInt64) -> Double {
        100 * Double(errors) / Double(max(requests, 1))
    }
}
