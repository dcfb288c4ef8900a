import Glibc

/// What kind of directory an app was found in. Paths are absolute.
package enum AppLocation: Sendable, Codable, Equatable {
    /// A directory that `passenger deploy` writes: it has `.passenger/` in it, and serves its live release.
    case deployRoot(String)
    /// A directory that is served as it stands.
    case inPlace(String)

    package var path: String {
        switch self {
        case .deployRoot(let path), .inPlace(let path): path
        }
    }

    package var isDeployRoot: Bool {
        if case .deployRoot = self { true } else { false }
    }

    /// Whether this is the root that the other one is the `current` of.
    package func takesOver(_ other: AppLocation) -> Bool {
        guard case .deployRoot(let root) = self, case .inPlace(let path) = other else { return false }
        return path == FilePath.join(root, "current")
    }

    /// Whether a directory goes by the moment that it was made at: no deploy of ours makes such a one.
    static func isCapistranoRelease(_ directory: String) -> Bool {
        let name = FilePath.lastComponent(directory).utf8
        return name.count == 14 && name.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// The root that an app in this directory is deployed to: of a release, or of what its `current` leads to, the one that it is in.
    package static func root(of directory: String) -> String {
        let path = detect(directory).path
        guard FilePath.lastComponent(path) == "current", FilePath.isSymbolicLink(path) else { return path }
        return FilePath.parent(path)
    }

    /// Looks at `directory` and, when it is a release, at the root it belongs to.
    ///
    /// A path through `current`, or into `releases/X` beside a `current` link, means "this app", not "this release for
    /// ever": the root is served, or, for a root made by another tool (Capistrano), the path through the link, which is
    /// then resolved anew at each restart.
    package static func detect(_ directory: String) -> AppLocation {
        let directory = FilePath.normalized(directory)
        if isMarked(directory) { return .deployRoot(directory) }
        for path in [directory, FilePath.resolved(directory) ?? directory] {
            guard let root = rootOfRelease(path) else { continue }
            return isMarked(root) ? .deployRoot(root) : .inPlace(FilePath.join(root, "current"))
        }
        return .inPlace(directory)
    }

    /// An entry of a directory of apps: a root that another tool deploys to means its `current`. Where somebody names such a root, they
    /// are asked which they mean.
    package static func detect(entry directory: String) -> AppLocation {
        guard case .inPlace(let path) = detect(directory), isRootOfAnother(path) else { return detect(directory) }
        return .inPlace(FilePath.join(path, "current"))
    }

    /// Whether another tool deploys there: `current` is a link to something in a `releases`. By what the link says, so that one that
    /// leads nowhere for a moment makes no other app of it.
    private static func isRootOfAnother(_ directory: String) -> Bool {
        guard let target = FilePath.linkTarget(FilePath.join(directory, "current")) else { return false }
        return FilePath.lastComponent(FilePath.parent(target)) == "releases"
            && FilePath.kind(FilePath.join(directory, "releases")) == .directory
    }

    private static func isMarked(_ directory: String) -> Bool {
        FilePath.kind(FilePath.join(directory, ".passenger")) == .directory
    }

    /// `ROOT` for `ROOT/releases/X` or `ROOT/current`, when `ROOT/current` is a symbolic link.
    private static func rootOfRelease(_ directory: String) -> String? {
        let parent = FilePath.parent(directory)
        let root: String
        if FilePath.lastComponent(directory) == "current" {
            root = parent
        } else if FilePath.lastComponent(parent) == "releases" {
            root = FilePath.parent(parent)
        } else {
            return nil
        }
        return FilePath.isSymbolicLink(FilePath.join(root, "current")) ? root : nil
    }
}
