import Glibc

/// An app's deploy root, open.
struct DeployRoot: ~Copyable {
    let directory: Directory
    var path: String { directory.path }
    /// libgit2 works with paths; the mirror is never anywhere else.
    var mirrorPath: String { "\(path)/repo.git" }

    static let mirrorName = FileName(literal: "repo.git")
    static let releasesName = FileName(literal: "releases")
    static let sharedName = FileName(literal: "shared")
    static let currentName = FileName(literal: "current")
    static let markerName = FileName(literal: ".passenger")

    private init(_ directory: consuming Directory) { self.directory = directory }

    /// Opens a root that `prepare` has made.
    static func open(_ path: String) throws(BuilderFailure) -> DeployRoot {
        try check(path)
        let root = DeployRoot(try Directory.openRoot(path))
        guard try root.directory.status(markerName)?.isDirectory == true else {
            throw BuilderFailure(
                .unusableRoot, "\(path) is not a deploy root: it has no .passenger directory",
                hint: "its first deploy makes it one", path: path)
        }
        return root
    }

    /// Makes what is missing. What must be a directory or a link and is something else is an error before anything is
    /// changed.
    static func prepare(_ path: String) throws(BuilderFailure) -> DeployRoot {
        try check(path)
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw .system(errno, "make \(path)", path: path) }
        let root = DeployRoot(try Directory.openRoot(path))
        try root.requireNoRealCurrent()
        let rooms = [markerName, releasesName, sharedName, mirrorName]
        for name in rooms {
            guard let found = try root.directory.status(name), !found.isDirectory else { continue }
            throw BuilderFailure(
                .unusableRoot, "\(root.directory.join(name)) is not a directory",
                hint: "the deploy root's own directories cannot be files or links", path: root.directory.join(name))
        }
        try root.requireSpace(rooms)
        for name in rooms where name != mirrorName { try root.directory.makeDirectory(name) }
        try root.makeMirror()
        try root.directory.sync()
        return root
    }

    /// Each room may be on a file system of its own; a mount point is a directory like any other.
    private func requireSpace(_ rooms: [FileName]) throws(BuilderFailure) {
        try DiskSpace.read(directory).require(bytes: 0, inodes: 0, for: "a deploy", in: path)
        for name in rooms where try directory.status(name) != nil {
            let room = try directory.openDirectory(name)
            try DiskSpace.read(room).require(bytes: 0, inodes: 0, for: "a deploy", in: room.path)
        }
    }

    func releases() throws(BuilderFailure) -> Directory { try directory.openDirectory(DeployRoot.releasesName) }
    func shared() throws(BuilderFailure) -> Directory { try directory.openDirectory(DeployRoot.sharedName) }

    func release(_ name: ReleaseName) throws(BuilderFailure) -> Directory {
        let releases = try releases()
        guard try releases.status(FileName(name))?.isDirectory == true else {
            throw BuilderFailure(.noSuchRelease, "there is no release \(name)", path: "releases/\(name)")
        }
        return try releases.openDirectory(FileName(name))
    }

    /// A directory in the place of `current` would make every later switch fail half-way.
    func requireNoRealCurrent() throws(BuilderFailure) {
        guard let found = try directory.status(DeployRoot.currentName), !found.isLink else { return }
        let place = directory.join(DeployRoot.currentName)
        throw BuilderFailure(
            .notALink, "\(place) is not a link, and is not replaced by one",
            hint: "move it away first: mv \(place) \(place).old", path: place)
    }

    private static func check(_ path: String) throws(BuilderFailure) {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw BuilderFailure(.invalidRequest, "the deploy root must be an absolute path: \(path)")
        }
    }

    /// A mirror without HEAD is one whose making was interrupted: it has nothing worth keeping.
    private func makeMirror() throws(BuilderFailure) {
        if try directory.status(DeployRoot.mirrorName) != nil {
            let mirror = try directory.openDirectory(DeployRoot.mirrorName)
            if try mirror.status(FileName(literal: "HEAD")) != nil { return }
            try directory.removeTree(DeployRoot.mirrorName)
        }
        _ = try Repository.create(mirrorPath)
    }
}
