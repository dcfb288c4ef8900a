package import Model
package import Pool

package enum BakeVerdict: Sendable, Equatable {
    case good
    case rollBack(String)
    /// The old side worsens as well: the database, the network, the host. Switching back would mend nothing.
    case hold(String)
    /// No worker of the new version is alive right now. Another may be booting, so only the end of the bake decides.
    case deserted(String)

    package var isBad: Bool { self != .good }
}

/// Judges a new generation during its bake, against what the old one used to do.
package struct BakeWatch: Sendable, Equatable {
    /// Deaths of workers during one bake that are no accident any more.
    package static let crashLimit: UInt64 = 3

    package let limits: AutoRollbackSettings
    /// The old generation's counts at the switch: its own baseline. Nil for a first deploy.
    package let old: TrafficCounts?

    package init(limits: AutoRollbackSettings, old: TrafficCounts?) {
        self.limits = limits
        self.old = old
    }

    /// Longer than this times what the old version took is worth a word, when no limit is set.
    private static let remarkable = 2.0

    /// What is to be told, or is too much, of how long the new version takes. Too few requests say nothing.
    package func judge(_ latency: LatencyDiff) -> (note: String?, verdict: BakeVerdict) {
        guard isTelling(UInt64(latency.requests)) else { return (nil, .good) }
        if let limit = limits.latencyFactor, latency.factor > limit { return (nil, .rollBack(latency.inWords)) }
        return (latency.factor > BakeWatch.remarkable ? latency.inWords : nil, .good)
    }

    /// `new` counts from the switch on; `oldNow` is what the old generation has counted by now; `alive` are the new
    /// one's workers that take requests.
    package func verdict(new: TrafficCounts, oldNow: TrafficCounts?, alive: Int) -> BakeVerdict {
        guard let complaint = complaint(about: new) else {
            return alive > 0 ? .good : .deserted("the workers of the new version died, and none has come up again")
        }
        return oldWorsened(oldNow) ? .hold("\(complaint), and the old version is failing too") : .rollBack(complaint)
    }

    /// Percent of the old generation's requests that failed before the switch. Too few requests say nothing: then it is 0.
    private var baseline: Double {
        guard let old, isTelling(old.requests) else { return 0 }
        return old.errorRate
    }

    private func complaint(about new: TrafficCounts) -> String? {
        if new.crashes >= BakeWatch.crashLimit { return "\(new.crashes) workers of the new version died" }
        guard isTelling(new.requests) else { return nil }
        guard new.errorRate > baseline + limits.errorPoints else { return nil }
        return "\(new.errors) of \(new.requests) requests failed (\(percent(new.errorRate)), the old version: "
            + "\(percent(baseline)))"
    }

    /// After the switch the old generation gets no new requests, but it still ends those in flight and keeps its workers.
    private func oldWorsened(_ now: TrafficCounts?) -> Bool {
        guard let old, let now else { return false }
        let since = now.since(old)
        if since.crashes >= BakeWatch.crashLimit { return true }
        return isTelling(since.requests) && since.errorRate > baseline + limits.errorPoints
    }

    private func isTelling(_ requests: UInt64) -> Bool { requests >= UInt64(max(limits.minRequests, 1)) }

    private func percent(_ rate: Double) -> String {
        let tenths = Int((rate * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }
}
