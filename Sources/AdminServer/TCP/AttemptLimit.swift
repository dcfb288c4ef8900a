import Model

/// Bounds how many wrong tokens are listened to: from each address, and from all of them together. Nothing is said about a
/// token past the limit, not even when it is the right one; an address from which a right one came before is kept out by its
/// own mistakes only. Memory is bounded, too.
struct AttemptLimit: Sendable {
    enum Verdict: Equatable, Sendable {
        case granted
        case refused
        /// Come back after this.
        case wait(Duration)
    }

    static let ofPeer = Allowance(burst: 10, every: .seconds(30))
    static let ofAll = Allowance(burst: 100, every: .seconds(2))
    static let mostPeers = 1024
    static let mostProven = 256

    /// So many at once, and one more each time that this has passed.
    struct Allowance: Sendable {
        var burst: Int
        var every: Duration
    }

    /// Until when past mistakes count (the "generic cell rate algorithm": one time says it all).
    private var debts: [String: Instant] = [:]
    /// Of addresses for which there is no room.
    private var debtOfOthers = Instant.zero
    private var debtOfAll = Instant.zero
    private var proven: [String] = []

    /// - Parameter isRight: looked up before, so that how long this takes says nothing.
    mutating func judge(_ peer: String, isRight: Bool, now: Instant) -> Verdict {
        if let wait = wait(debts[peer] ?? (debts.count < Self.mostPeers ? .zero : debtOfOthers), Self.ofPeer, now) {
            return .wait(wait)
        }
        if !proven.contains(peer), let wait = wait(debtOfAll, Self.ofAll, now) { return .wait(wait) }
        guard !isRight else {
            note(proven: peer)
            return .granted
        }
        debtOfAll = max(debtOfAll, now) + Self.ofAll.every
        if debts[peer] == nil, debts.count >= Self.mostPeers { debts = debts.filter { $0.value > now } }
        if let debt = debts[peer] ?? (debts.count < Self.mostPeers ? .zero : nil) {
            debts[peer] = max(debt, now) + Self.ofPeer.every
        } else {
            debtOfOthers = max(debtOfOthers, now) + Self.ofPeer.every
        }
        return .refused
    }

    private func wait(_ debt: Instant, _ allowance: Allowance, _ now: Instant) -> Duration? {
        let over = debt - now - allowance.every * (allowance.burst - 1)
        return over > .zero ? over : nil
    }

    private mutating func note(proven peer: String) {
        proven.removeAll { $0 == peer }
        proven.append(peer)
        if proven.count > Self.mostProven { proven.removeFirst() }
    }

    /// Addresses that are remembered.
    var peers: Int { debts.count }
}
