/// Finds interpreters, so that settings name the same program whatever PATH a worker will have.
struct Interpreters {
    /// PATH of whoever starts the app; nil leaves bare names as they are.
    var searchPath: String?
    /// The app's own directory, for a virtual environment in it, and files that name a version.
    var directory: String
    /// Of the user that reads the app's configuration, for what version managers have installed there.
    var home: String? = FilePath.home()

    func ruby(_ configured: String?) -> String { version(.ruby, configured) ?? find(configured, ["ruby"]) }
    func nodejs(_ configured: String?) -> String {
        version(.nodejs, configured) ?? find(configured, ["node", "nodejs"])
    }

    /// The app's own environment has the app's own packages: it goes before all else.
    func python(_ configured: String?) -> String {
        if configured == nil {
            for name in [".venv", "venv"] {
                // Kept as it is: a virtual environment is known by the path that its link is started through.
                let path = FilePath.join(directory, "\(name)/bin/python")
                if FilePath.isExecutableFile(path) { return path }
            }
        }
        return version(.python, configured) ?? find(configured, ["python3", "python"])
    }

    var versionFiles: VersionFiles { VersionFiles(directory: directory, home: home) }

    private func version(_ language: VersionFiles.Language, _ configured: String?) -> String? {
        configured == nil ? versionFiles.wanted(language)?.program : nil
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
