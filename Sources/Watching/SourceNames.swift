/// Which entries of an app's directory are its code. What the app itself, an editor or a tool writes while it runs is not: each
/// restart would bring the next.
package enum SourceNames {
    /// `name`: of a directory, `parent`: the name of the one that it lies in.
    package static func countsDirectory(_ name: String, in parent: String) -> Bool {
        if name.hasPrefix(".") || written.contains(name) { return false }
        return !(name == "bundle" && parent == "vendor")
    }

    package static func countsFile(_ name: String) -> Bool {
        if name.hasPrefix(".") { return name == ".env" || name.hasPrefix(".env.") || interpreters.contains(name) }
        // vim tries whether it may write with a file of that name.
        if name.hasPrefix("#") || name.hasSuffix("~") || name == "4913" { return false }
        return !orders.contains(name) && !passing.contains { name.hasSuffix($0) }
    }

    /// A name as a line of the log can have it: whoever makes a file must not make lines.
    package static func shown(_ name: String) -> String {
        let scalars = name.unicodeScalars.prefix(80).map {
            $0.properties.generalCategory == .control ? "?" : Character($0)
        }
        return String(scalars)
    }

    /// Static files are served as they are, so public/ is none of it.
    private static let written: Set = [
        "tmp", "log", "logs", "storage", "public", "node_modules", "__pycache__", "venv", "coverage",
    ]
    private static let interpreters: Set = [
        ".ruby-version", ".python-version", ".nvmrc", ".node-version", ".tool-versions",
    ]
    /// `restart_dir` may lie among the code.
    private static let orders: Set = ["restart.txt", "restart.result", "always_restart.txt"]
    private static let passing = [
        ".swp", ".swx", ".tmp", ".pyc", ".log", ".pid", ".sock", ".db", ".sqlite3", "-journal", "-wal", "-shm",
    ]
}
