import Glibc
import Linux

/// What a link in the deploy root says, and which of the root's releases that is.
struct ReleaseLink {
    let target: String
    /// Nil when it leads anywhere else. The release need not be there.
    let release: ReleaseName?
    /// The root as the link spells it; nil when it is relative.
    let rootPath: String?

    /// Ours are relative; those of others may be absolute and mean the same, also by another path to the same root.
    init(_ target: String, in root: borrowing Directory) {
        self.target = target
        let parts = target.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[parts.count - 2] == "releases", let name = ReleaseName(String(parts.last ?? ""))
        else {
            (release, rootPath) = (nil, nil)
            return
        }
        let path = parts.dropLast(2).joined(separator: "/")
        if parts.count == 2 || path == "." {
            (release, rootPath) = (name, nil)
        } else if target.hasPrefix("/"), path == root.path || root.isAlso(path) {
            (release, rootPath) = (name, path)
        } else {
            (release, rootPath) = (nil, nil)
        }
    }
}

extension Directory {
    /// Whether a path leads to this directory.
    fileprivate func isAlso(_ path: String) -> Bool {
        var (own, other) = (stat(), stat())
        return fstat(descriptor.number, &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev
            && own.st_ino == other.st_ino
    }
}
