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

    /// A repository's URL as it is, and a path made absolute: the server has another working directory.
    static func repository(_ text: String) -> String {
        // As git has it: a colon before the first slash makes it `host:path`.
        let isPath = !text.contains("://") && !(text.prefix { $0 != "/" }.contains(":"))
        return isPath ? resolved(text) : text
    }

    /// A directory that `passenger deploy` made.
    static func isDeployRoot(_ directory: String) -> Bool { access("\(directory)/.passenger", F_OK) == 0 }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
