package import Model

/// When the service manager is given a sign of life: every half of the time that it waits, and only when the core has answered
/// since the last one. A server that stops has deadlines of its own, and no core to ask.
package struct WatchdogPulse: Equatable, Sendable {
    private let interval: Duration
    private var due = Instant(nanoseconds: 0)
    private var coreLives = false

    package init(time: Duration) { interval = time / 2 }

    /// Nil as long as it would say nothing anyway.
    package func deadline(isStopping: Bool) -> Instant? { coreLives || isStopping ? due : nil }

    package mutating func coreAnswered() { coreLives = true }

    package mutating func isDue(isStopping: Bool, now: Instant) -> Bool {
        guard coreLives || isStopping, due <= now else { return false }
        due = now + interval
        coreLives = false
        return true
    }
}
