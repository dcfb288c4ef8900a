import Linux
import Model

/// Lets through ten reports a second, however fast the work goes.
struct ProgressPace {
    private var next = Instant.zero
    private let interval: Duration = .milliseconds(100)

    mutating func isDue() -> Bool {
        let now = monotonicNow()
        guard now >= next else { return false }
        next = now + interval
        return true
    }
}
