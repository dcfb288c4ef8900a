internal import Glibc
internal import Linux

/// The directories that a served file may lie in. Opened files are judged, never paths: between looking at a path and
/// opening it, it can become another file's.
struct AllowedRoots {
    /// Absolute paths without links in them, as the kernel writes them.
    private var roots: [String]

    init(_ directories: [String]) {
        roots = directories.compactMap { directory in
            guard let opened = try? openPath(directory) else { return nil }
            return AllowedRoots.realPath(of: opened.number)
        }
    }

    /// What is below the innermost root that the opened file lies in; nil when it lies in none.
    func part(of path: String) -> Substring? {
        var best: Substring?
        for root in roots {
            guard let part = AllowedRoots.part(of: path, below: root) else { continue }
            if best.map({ part.utf8.count < $0.utf8.count }) ?? true { best = part }
        }
        return best
    }

    /// Nil when `path` is not below `root`.
    static func part(of path: String, below root: String) -> Substring? {
        if root == "/" { return path.dropFirst() }
        guard path.utf8.count > root.utf8.count, path.utf8.starts(with: root.utf8) else {
            return path == root ? "" : nil
        }
        let rest = path.utf8.dropFirst(root.utf8.count)
        return rest.first == UInt8(ascii: "/") ? Substring(rest.dropFirst()) : nil
    }

    mutating func add(realPath: String) { roots.append(realPath) }

    /// Where the file lies that a descriptor has open: the kernel's own account of it, with every link followed. A deleted
    /// file's ends in " (deleted)", one out of reach (another mount namespace) does not start with a slash.
    static func realPath(of descriptor: Int32) -> String? {
        guard let path = readLink("/proc/self/fd/\(descriptor)"), path.utf8.first == UInt8(ascii: "/") else {
            return nil
        }
        return path
    }
}
