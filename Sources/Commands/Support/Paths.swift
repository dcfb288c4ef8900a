import Glibc

enum Paths {
    /// Absolute, links resolved as far as the path exists; the record of an instance holds such paths.
    static func resolved(_ path: String) -> String {
        if let whole = realPath(path) { return whole }
        // A directory that is yet to be made: its parent decides.
        let trimmed = String(path.reversed().drop { $0 == "/" }.reversed())
        guard let slash = trimmed.lastIndex(of: "/") else { return "\(realPath(".") ?? "")/\(trimmed)" }
        let parent = slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
        let name = trimmed[trimmed.index(after: slash)...]
        let base = parent == "/" ? "" : resolved(parent)
        return "\(base)/\(name)"
    }

    /// A directory that `passenger deploy` made.
    static func isDeployRoot(_ directory: String) -> Bool { access("\(directory)/.passenger", F_OK) == 0 }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
