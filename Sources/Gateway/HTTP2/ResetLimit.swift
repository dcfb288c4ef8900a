internal import NIOCore

/// Tells a client that cancels now and then from one that makes us work for nothing (CVE-2023-44487, rapid reset, and
/// CVE-2025-8671, where it provokes us into resetting).
struct ResetLimit {
    static let window: TimeAmount = .seconds(30)

    let resets: Int
    private var windowStart: NIODeadline?
    private var count = 0
    private var opened = 0

    init(resets: Int) { self.resets = resets }

    mutating func streamOpened() { opened &+= 1 }

    /// True when it is too much.
    mutating func streamWasReset(at now: NIODeadline) -> Bool {
        if let windowStart, now - windowStart <= Self.window {
            count += 1
        } else {
            // A connection's first seconds count as one window with what was opened before.
            if windowStart != nil { opened = 0 }
            windowStart = now
            count = 1
        }
        return count > resets && count * 2 > opened
    }
}
