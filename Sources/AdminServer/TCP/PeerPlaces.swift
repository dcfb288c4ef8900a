/// Bounds the connections over TCP. One whose client has not said yet who it is, is a stranger's: of these there are few, and
/// fewer from one address, so that they keep nobody out for longer than a stranger may stay.
struct PeerPlaces: Sendable {
    let mostStrangers: Int
    let mostOfPeer: Int
    let mostKnown: Int
    private(set) var known = 0
    private(set) var strangers = 0
    private var ofPeer: [String: Int] = [:]

    init(mostStrangers: Int = 64, mostOfPeer: Int = 16, mostKnown: Int = 256) {
        self.mostStrangers = mostStrangers
        self.mostOfPeer = mostOfPeer
        self.mostKnown = mostKnown
    }

    /// False when there is no room; else `leave` must follow.
    mutating func enter(_ peer: String) -> Bool {
        guard strangers < mostStrangers, ofPeer[peer, default: 0] < mostOfPeer else { return false }
        strangers += 1
        ofPeer[peer, default: 0] += 1
        return true
    }

    /// A stranger turns out to be somebody. False when there is no room for another; it stays a stranger.
    mutating func becomeKnown(_ peer: String) -> Bool {
        guard known < mostKnown else { return false }
        known += 1
        removeStranger(peer)
        return true
    }

    mutating func leave(_ peer: String, wasKnown: Bool) {
        if wasKnown { known -= 1 } else { removeStranger(peer) }
    }

    private mutating func removeStranger(_ peer: String) {
        strangers -= 1
        let left = ofPeer[peer, default: 1] - 1
        ofPeer[peer] = left > 0 ? left : nil
    }
}
