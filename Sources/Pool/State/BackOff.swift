package import Model

/// When a generation may boot its next worker; or, in Spawning, when a companion may be started again.
///
/// Workers that boot side by side mostly fail for one reason, so failures that come while the delay of an earlier one
/// still runs are the same failure: they neither count nor lengthen it.
package struct BackOff: Sendable, Equatable {
    package private(set) var failures = 0
    /// No boot before this.
    package private(set) var notBefore = Instant.zero
    private var lastFailure = Instant.zero

    package init() {}

    /// A boot failed, or a worker died young.
    mutating func failed(at now: Instant, _ policy: BackOffPolicy, random: inout SplitMix64) {
        guard now >= notBefore else { return }
        forgetIfLongAgo(now, policy)
        failures += 1
        lastFailure = now
        notBefore = now + BackOff.delay(failures: failures, policy, random: &random)
    }

    /// A worker that had proved itself died. The first time it is replaced at once: it may have been the OOM killer or a
    /// person. When that goes on in young workers it is a failing boot by another name.
    package mutating func died(at now: Instant, age: Duration, _ policy: BackOffPolicy, random: inout SplitMix64) {
        guard age < policy.youngAge else {
            self = BackOff()
            return
        }
        forgetIfLongAgo(now, policy)
        if failures > 0 {
            failed(at: now, policy, random: &random)
        } else {
            failures = 1
            lastFailure = now
        }
    }

    private mutating func forgetIfLongAgo(_ now: Instant, _ policy: BackOffPolicy) {
        if failures > 0, now - lastFailure > policy.forgetAfter { failures = 0 }
    }

    /// Doubles from `first` to `longest`, give or take a quarter, so that many apps that failed together (the database was
    /// away) do not come back together.
    static func delay(failures: Int, _ policy: BackOffPolicy, random: inout SplitMix64) -> Duration {
        let doubled = policy.first * (1 << min(max(failures - 1, 0), 20))
        let base = min(doubled, policy.longest)
        let spread = base / 4
        let jitter = Duration.nanoseconds(Int64.random(in: 0...max(0, 2 * spread.wholeNanoseconds), using: &random))
        return min(max(base - spread + jitter, policy.first), policy.longest)
    }
}
