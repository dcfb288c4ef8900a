import Glibc

/// Who besides root decides what lies at a path: the owners of the directories on the way, and everybody who may write in
/// one. A server that root started gives an app the rights of whoever owns its directory, so nobody with less may be able
/// to put another directory there.
package enum PathTrust {
    /// What lstat(2) says of one place on the way.
    struct Place: Equatable {
        var path: String
        var owner: UInt32
        var group: UInt32
        var mode: UInt32

        private var isSticky: Bool { mode & 0o1000 != 0 }

        /// Whether others than the owner can put another file there. In a sticky directory they can only add some.
        func isOpen(countingGroup: Bool, countingSticky: Bool) -> Bool {
            if isSticky, !countingSticky { return false }
            return mode & 0o002 != 0 || countingGroup && mode & 0o020 != 0 && group != 0
        }
    }

    /// Why the code at an absolute path must not run as `user`, to whom it belongs; nil when it may.
    package static func objection(to path: String, user: UInt32) -> String? {
        var places: [Place] = []
        for ancestor in ancestors(of: path) {
            guard let place = look(at: ancestor) else { return "\(ancestor) cannot be looked at" }
            places.append(place)
        }
        return objection(ancestors: places, target: look(at: path, followsLinks: true), user: user)
    }

    static func objection(ancestors: [Place], target: Place?, user: UInt32) -> String? {
        let isRoot = user == 0
        for place in ancestors {
            if place.owner != 0, place.owner != user { return "\(place.path) belongs to uid \(place.owner)" }
            if place.isOpen(countingGroup: isRoot, countingSticky: false) {
                return "others may write in \(place.path)"
            }
        }
        guard isRoot, let target else { return nil }
        if target.owner != 0 { return "\(target.path) belongs to uid \(target.owner)" }
        return target.isOpen(countingGroup: true, countingSticky: true) ? "others may write to \(target.path)" : nil
    }

    /// `/`, `/srv`, `/srv/blog` for `/srv/blog/current`.
    static func ancestors(of path: String) -> [String] {
        var path = FilePath.normalized(path)
        var ancestors: [String] = []
        while path != "/" {
            path = FilePath.parent(path)
            ancestors.append(path)
        }
        return ancestors.reversed()
    }

    private static func look(at path: String, followsLinks: Bool = false) -> Place? {
        var status = stat()
        guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        // The mode of a link means nothing; its owner, and who may replace it, do.
        let isLink = status.st_mode & S_IFMT == S_IFLNK
        return Place(
            path: path, owner: status.st_uid, group: status.st_gid, mode: isLink ? 0 : UInt32(status.st_mode & 0o7777))
    }
}
