/// The file in an app's directory or deploy root.
enum Passengerfile {
    static let names = ["Passengerfile.json", "Passengerfile.yml"]

    /// Nil when the directory has none; having both is an error, as nobody could tell which one counts.
    static func read(
        in directory: String, as source: (String) -> ConfigSource
    ) throws(ConfigError) -> (file: ConfigFile, source: ConfigSource)? {
        var found: [(file: ConfigFile, source: ConfigSource)] = []
        for name in names {
            let path = FilePath.join(directory, name)
            let source = source(path)
            if let file = try ConfigFile.read(ConfigPlace(source: source), path: path) { found.append((file, source)) }
        }
        if found.count > 1 {
            throw ConfigError(
                ConfigProblem(
                    at: ConfigPlace(source: found[1].source), "there is a \(names[0]) beside it",
                    hint: "Keep one of the two: they could contradict each other."))
        }
        return found.first
    }
}
