/// A point on the machine's monotonic clock (CLOCK_MONOTONIC), in nanoseconds since an arbitrary start.
///
/// Decisions take the time as an argument, so tests hand them whatever time they like; only shells read the clock
/// (`Linux.monotonicNow()`).
package struct Instant: Hashable, Comparable, Sendable, Codable {
    package let nanoseconds: Int64
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package static let zero = Instant(nanoseconds: 0)
    package static let distantFuture = Instant(nanoseconds: .max)

    package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    package static func + (a: Instant, b: Duration) -> Instant {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.wholeNanoseconds)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }
    package static func - (a: Instant, b: Instant) -> Duration {
        .nanoseconds(a.nanoseconds.subtractingReportingOverflow(b.nanoseconds).partialValue)
    }
}

extension Duration {
    /// Whole nanoseconds, saturating at `Int64.max` (292 years).
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : scaled + attoseconds / 1_000_000_000
    }
    /// Seconds with fraction, for printing and JSON.
    package var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
    /// Milliseconds with fraction, for printing.
    package var inMilliseconds: Double { Double(wholeNanoseconds) / 1e6 }
    /// For people: `12 ms`, `3.4 s`, `30 s`.
    package var inWords: String {
        let milliseconds = wholeNanoseconds / 1_000_000
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        let tenths = milliseconds % 1000 / 100
        return tenths == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds / 1000).\(tenths) s"
    }
}
