/// Decides what looks at a directory of apps mean: which apps have come and which have gone.
///
/// An entry that is not there any more is gone. Everything else that makes an app impossible to see (its target, the
/// directory, a mount that has vanished and left an empty directory in its place) only makes it unreachable: what runs goes on.
package struct AppsDirectoryState: Sendable {
    /// Tells one directory from another that took its place.
    package struct Identity: Sendable, Equatable {
        package var device: UInt64
        package var inode: UInt64
        package init(device: UInt64, inode: UInt64) {
            self.device = device
            self.inode = inode
        }
    }

    /// An entry that can be an app.
    package struct Facts: Sendable, Equatable {
        /// The app's root, absolute.
        package var path: String
        package var isDeployRoot: Bool
        package var owner: UInt32
        /// Why it must not run as its owner.
        package var objection: String?
        package var identity: Identity
        package var isEmpty: Bool
        package init(
            path: String, isDeployRoot: Bool, owner: UInt32, objection: String?, identity: Identity, isEmpty: Bool
        ) {
            self.path = path
            self.isDeployRoot = isDeployRoot
            self.owner = owner
            self.objection = objection
            self.identity = identity
            self.isEmpty = isEmpty
        }

        /// Whether it is the app that it was. An objection that has come up since it was taken in does not stop it.
        fileprivate func isSame(as other: Facts) -> Bool {
            path == other.path && isDeployRoot == other.isDeployRoot && owner == other.owner
                && (objection == other.objection || other.objection == nil)
        }

        /// Whether it is the root, a deploy root by now, whose `current` was the app: the same app in another place.
        fileprivate func takesOver(_ other: Facts) -> Bool {
            isDeployRoot && !other.isDeployRoot && other.path == "\(path)/current" && owner == other.owner
                && objection == nil
        }

        /// The root of an app that is served through its `current`.
        package var rootOfCurrent: String? {
            guard !isDeployRoot, path.hasSuffix("/current") else { return nil }
            return String(path.dropLast("/current".count))
        }
    }

    package enum Look: Sendable, Equatable {
        case app(Facts)
        case unreachable(String)
        /// It is there, and no app. Completes "it is …".
        case other(String)
    }

    package enum Listing: Sendable, Equatable {
        case entries(Identity, [String: Look])
        case unreachable(String)
    }

    package enum Change: Sendable, Equatable {
        case present(name: String, Facts)
        case gone(name: String)
        /// Nil: the directory itself.
        case unreachable(name: String?, reason: String)
        case reachable(name: String?)
        case refused(name: String, reason: String)
    }

    private enum Known: Equatable {
        case app(Facts, unreachable: String?)
        case unreachable(String)
        case refused(String)
    }

    private static let emptied = "an empty directory is in its place: is something not mounted?"

    private var known: [String: Known] = [:]
    private var directory: Identity?
    private var directoryProblem: String?

    package init() {}

    package mutating func observe(_ listing: Listing) -> [Change] {
        switch listing {
        case .unreachable(let reason): return directoryUnreachable(reason)
        case .entries(let identity, let looks):
            if let directory, directory != identity, looks.isEmpty, !known.isEmpty {
                return directoryUnreachable(Self.emptied)
            }
            var changes: [Change] = directoryProblem == nil ? [] : [.reachable(name: nil)]
            directory = identity
            directoryProblem = nil
            for name in known.keys.sorted() where looks[name] == nil {
                known[name] = nil
                changes.append(.gone(name: name))
            }
            for (name, look) in looks.sorted(by: { $0.key < $1.key }) { changes += observe(name, look) }
            return changes
        }
    }

    private mutating func directoryUnreachable(_ reason: String) -> [Change] {
        guard directoryProblem != reason else { return [] }
        directoryProblem = reason
        return [.unreachable(name: nil, reason: reason)]
    }

    private mutating func observe(_ name: String, _ look: Look) -> [Change] {
        switch look {
        case .app(let facts): return isThere(name, facts)
        case .unreachable(let reason): return isUnreachable(name, reason)
        case .other(let reason):
            guard known[name] != .refused(reason) else { return [] }
            let isApp = if case .app = known[name] { true } else { false }
            known[name] = .refused(reason)
            return (isApp ? [.gone(name: name)] : []) + [.refused(name: name, reason: reason)]
        }
    }

    private mutating func isThere(_ name: String, _ facts: Facts) -> [Change] {
        guard case .app(let before, let problem) = known[name] else {
            known[name] = .app(facts, unreachable: nil)
            return [.present(name: name, facts)]
        }
        if facts.isEmpty, !before.isEmpty, facts.identity != before.identity {
            return isUnreachable(name, Self.emptied)
        }
        known[name] = .app(facts, unreachable: nil)
        // What serves goes on meanwhile.
        if facts.takesOver(before) { return [.present(name: name, facts)] }
        guard facts.isSame(as: before) else { return [.gone(name: name), .present(name: name, facts)] }
        return problem == nil ? [] : [.reachable(name: name)]
    }

    private mutating func isUnreachable(_ name: String, _ reason: String) -> [Change] {
        let next: Known =
            if case .app(let facts, _) = known[name] { .app(facts, unreachable: reason) } else { .unreachable(reason) }
        guard known[name] != next else { return [] }
        known[name] = next
        return [.unreachable(name: name, reason: reason)]
    }
}
