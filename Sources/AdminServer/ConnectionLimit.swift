import Synchronization

/// Bounds the admin connections that are open at once; strangers have a small share of their own, so that they cannot
/// keep an operator out.
final class ConnectionLimit: Sendable {
    enum Place: Sendable, Equatable { case member, stranger }

    private struct Counts {
        var members = 0
        var strangers = 0
    }

    private let counts = Mutex(Counts())
    private let maxMembers: Int
    private let maxStrangers: Int

    init(maxMembers: Int = 256, maxStrangers: Int = 16) {
        self.maxMembers = maxMembers
        self.maxStrangers = maxStrangers
    }

    /// Nil when there is no room; else `leave` must follow.
    func enter(stranger: Bool) -> Place? {
        counts.withLock { counts in
            if stranger {
                guard counts.strangers < maxStrangers else { return nil }
                counts.strangers += 1
                return .stranger
            }
            guard counts.members < maxMembers else { return nil }
            counts.members += 1
            return .member
        }
    }

    func leave(_ place: Place) {
        counts.withLock { counts in
            switch place {
            case .member: counts.members -= 1
            case .stranger: counts.strangers -= 1
            }
        }
    }
}
