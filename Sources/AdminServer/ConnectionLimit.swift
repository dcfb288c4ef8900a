import Synchronization

/// Bounds the admin connections that are open at once. Those of other users than the server's own have a share of their
/// own, and each of them a small one, so that none keeps an operator, or somebody who has a role, out.
final class ConnectionLimit: Sendable {
    enum Place: Sendable, Equatable {
        case member
        case other(uid: UInt32)
    }

    private struct Counts {
        var members = 0
        var others = 0
        var ofUser: [UInt32: Int] = [:]
    }

    private let counts = Mutex(Counts())
    private let maxMembers: Int
    private let maxOthers: Int
    private let maxOfUser: Int

    init(maxMembers: Int = 256, maxOthers: Int = 256, maxOfUser: Int = 16) {
        self.maxMembers = maxMembers
        self.maxOthers = maxOthers
        self.maxOfUser = maxOfUser
    }

    /// Nil when there is no room; else `leave` must follow.
    func enter(uid: UInt32, isMember: Bool) -> Place? {
        counts.withLock { counts in
            if isMember {
                guard counts.members < maxMembers else { return nil }
                counts.members += 1
                return .member
            }
            guard counts.others < maxOthers, counts.ofUser[uid, default: 0] < maxOfUser else { return nil }
            counts.others += 1
            counts.ofUser[uid, default: 0] += 1
            return .other(uid: uid)
        }
    }

    func leave(_ place: Place) {
        counts.withLock { counts in
            switch place {
            case .member: counts.members -= 1
            case .other(let uid):
                counts.others -= 1
                let left = counts.ofUser[uid, default: 1] - 1
                counts.ofUser[uid] = left > 0 ? left : nil
            }
        }
    }
}
