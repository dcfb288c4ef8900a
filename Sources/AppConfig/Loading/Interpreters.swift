/// Finds interpreters, so that settings name the same program whatever PATH a worker will have.
struct Interpreters {
    /// PATH of whoever starts the app; nil leaves bare names as they are.
    var searchPath: String?
    /// The app's own directory, for a virtual environment in it.
    var directory: String

    func ruby(_ configured: String?) -> String { find(configured, ["ruby"]) }
    func nodejs(_ configured: String?) -> String { find(configured, ["node", "nodejs"]) }

    /// The app's own environment has the app's own packages: it goes before what is on PATH.
    func python(_ configured: String?) -> String {
        if configured == nil {
            for name in [".venv", "venv"] {
                // Kept as it is: a virtual environment is known by the path that its link is started through.
                let path = FilePath.join(directory, "\(name)/bin/python")
                if FilePath.isExecutableFile(path) { return path }
            }
        }
        return find(configured, ["python3", "python"])
    }

    /// Nil when no directory of PATH has an executable file of this name.
    func lookUp(_ name: String) -> String? {
        guard let searchPath else { return nil }
        for part in searchPath.split(separator: ":") where part.hasPrefix("/") {
            let path = FilePath.join(String(part), name)
            if FilePath.isExecutableFile(path) { return path }
        }
        return nil
    }

    private func find(_ configured: String?, _ names: [String]) -> String {
        let names = configured.map { [$0] } ?? names
        if names[0].contains("/") { return names[0] }
        for name in names {
            if let path = lookUp(name) { return path }
        }
        return names[0]
    }
}
