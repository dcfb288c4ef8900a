package import Model

/// Which events are the same one over again: they differ in peer, worker or id alone.
package struct GatewayEventKind: Hashable, Sendable, CustomStringConvertible {
    package let words: String
    package let app: AppName?

    /// Those of which there were too many kinds to keep apart.
    static let other = Self(words: "of other kinds", app: nil)

    package var description: String { words }
}

/// What of a flood is told: of each kind the first few in a time, the rest as a number when that time is over. A log that one
/// client or one broken worker fills hides what else happens.
struct RepeatLimit {
    /// So many of a kind are told in a window, which is `LoopEvents.windowSeconds` long.
    static let burst = 20
    /// So many kinds are kept apart: apps have failures of their own.
    static let maxKinds = 100

    private var counts: [GatewayEventKind: Int] = [:]

    mutating func mayTell(_ kind: GatewayEventKind) -> Bool {
        let known = counts[kind] != nil || counts.count < Self.maxKinds ? kind : .other
        counts[known, default: 0] += 1
        return counts[known, default: 0] <= Self.burst
    }

    /// The kinds of which more came than were told, and how many more. The next window begins.
    mutating func endWindow() -> [(kind: GatewayEventKind, more: Int)] {
        defer { counts.removeAll(keepingCapacity: true) }
        return counts.filter { $0.value > Self.burst }
            .map { ($0.key, $0.value - Self.burst) }
            .sorted { $0.more > $1.more }
    }
}
