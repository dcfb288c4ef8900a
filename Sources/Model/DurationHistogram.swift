/// How long things took, counted in buckets of fixed bounds. A plain value: whoever owns one counts without a lock, and those
/// of several owners are summed up when somebody asks.
package struct DurationHistogram: Sendable, Equatable, Codable {
    /// Upper bounds of the buckets, in nanoseconds; what took longer is in one bucket more. Close enough together for a
    /// quantile to be read from them: the next is at most twice as much.
    package static let bounds: [Int64] = [
        500_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000, 5_000_000, 7_500_000, 10_000_000, 15_000_000, 20_000_000,
        30_000_000, 50_000_000, 75_000_000, 100_000_000, 150_000_000, 200_000_000, 300_000_000, 500_000_000,
        750_000_000, 1_000_000_000, 1_500_000_000, 2_000_000_000, 3_000_000_000, 5_000_000_000, 7_500_000_000,
        10_000_000_000, 15_000_000_000, 20_000_000_000, 30_000_000_000, 60_000_000_000, 120_000_000_000,
        300_000_000_000, 600_000_000_000,
    ]
    package static let boundSeconds: [Double] = bounds.map { Double($0) / 1e9 }

    /// Of each bucket, not cumulated. Empty until something was counted.
    package private(set) var counts: [UInt64] = []
    package private(set) var sumSeconds: Double = 0

    package init() {}

    package var count: UInt64 { counts.reduce(0, &+) }

    package mutating func add(nanoseconds: Int64) {
        if counts.isEmpty { counts = [UInt64](repeating: 0, count: Self.bounds.count + 1) }
        counts[Self.bucket(nanoseconds)] &+= 1
        sumSeconds += Double(max(nanoseconds, 0)) / 1e9
    }

    package mutating func add(_ duration: Duration) { add(nanoseconds: duration.wholeNanoseconds) }

    /// The first whose bound is not below.
    private static func bucket(_ nanoseconds: Int64) -> Int {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < nanoseconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package static func += (sum: inout DurationHistogram, other: DurationHistogram) {
        sum.combine(other) { $0 &+ $1 }
        sum.sumSeconds += other.sumSeconds
    }

    /// What was counted after `earlier`, which is an earlier state of the same histogram.
    package func since(_ earlier: DurationHistogram) -> DurationHistogram {
        var difference = self
        difference.combine(earlier) { $0 >= $1 ? $0 - $1 : 0 }
        difference.sumSeconds = max(0, sumSeconds - earlier.sumSeconds)
        return difference
    }

    private mutating func combine(_ other: DurationHistogram, _ operation: (UInt64, UInt64) -> UInt64) {
        while counts.count < other.counts.count { counts.append(0) }
        for (index, count) in other.counts.enumerated() { counts[index] = operation(counts[index], count) }
    }

    /// Seconds that the part `quantile` (0 to 1) of all took at most, evenly spread in their bucket; nil when there is nothing.
    /// Of what took longer than the last bound it can only be said that it did.
    package func quantile(_ quantile: Double) -> Double? {
        let all = count
        guard all > 0 else { return nil }
        let rank = quantile * Double(all)
        var below: UInt64 = 0
        for (index, count) in counts.enumerated() where count > 0 {
            guard Double(below + count) >= rank else {
                below += count
                continue
            }
            guard index < Self.bounds.count else { break }
            let lower = index == 0 ? 0 : Self.boundSeconds[index - 1]
            return lower + (Self.boundSeconds[index] - lower) * max(0, rank - Double(below)) / Double(count)
        }
        return Self.boundSeconds.last
    }
}
