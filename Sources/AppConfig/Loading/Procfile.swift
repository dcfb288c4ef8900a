import Model

/// A Procfile: a process a line, `worker: bundle exec sidekiq`. Read only when `processes` names it.
enum Procfile {
    /// What a Procfile says about the app itself and about its deploys: both have settings of their own here.
    private static let notCompanions: Set = ["web", "release"]

    /// The processes of the Procfile at `path` in the app's directory; none without a path.
    /// - Parameter origin: where `processes` was set.
    static func read(
        _ path: String?, in directory: String, _ origin: ConfigPlace?
    ) throws(ConfigError) -> [CompanionSettings] {
        guard let path else { return [] }
        let file = FilePath.join(directory, path)
        let place = ConfigPlace(source: .releaseFile(file))
        if let found = try ConfigFile.read(place, path: file) { return try parse(found.text, at: place) }
        throw ConfigError(
            ConfigProblem(
                at: origin ?? .standard, key: "processes", "'processes' names \(file), which does not exist"))
    }

    /// All processes of an app: `named`, which keep their place and their word, and those that the Procfile adds.
    static func processes(
        beside named: [CompanionSettings], _ found: [CompanionSettings], _ origin: ConfigPlace?
    ) throws(ConfigError) -> [CompanionSettings] {
        let processes = named + found.filter { process in !named.contains { $0.name == process.name } }
        let count = processes.reduce(0) { $0 + $1.instances }
        guard count <= CompanionName.most else {
            throw ConfigError(
                ConfigProblem(
                    at: origin ?? .standard, key: "processes",
                    "'processes' asks for \(count) processes; an app may have \(CompanionName.most)"))
        }
        return processes
    }

    /// Blank lines and comments are left out; so are `web` and `release`. No line is quoted in an error: it may hold a
    /// secret, and may be of a file that was never meant to be read.
    static func parse(_ text: String, at place: ConfigPlace) throws(ConfigError) -> [CompanionSettings] {
        var processes: [CompanionSettings] = []
        var problems: [ConfigProblem] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.trimming { $0.isWhitespace }
            if line.isEmpty || line.hasPrefix("#") { continue }
            var here = place
            (here.line, here.column) = (index + 1, 1)
            guard let colon = line.firstIndex(of: ":"), CompanionName.isLegal(String(line[..<colon])) else {
                problems.append(
                    ConfigProblem(at: here, "not of the form 'name: command'", hint: "For example: worker: sidekiq"))
                continue
            }
            let name = String(line[..<colon])
            let command = line[line.index(after: colon)...].trimming { $0.isWhitespace }
            if notCompanions.contains(name) { continue }
            if command.isEmpty || command.contains("\0") {
                problems.append(ConfigProblem(at: here, "'\(name)' has no command"))
            } else if processes.contains(where: { $0.name == name }) {
                problems.append(ConfigProblem(at: here, "'\(name)' given more than once", hint: "Keep one of them."))
            } else {
                processes.append(CompanionSettings(name: name, command: String(command)))
            }
        }
        guard problems.isEmpty else { throw ConfigError(problems) }
        return processes
    }
}

extension Substring {
    fileprivate func trimming(_ isEmpty: (Character) -> Bool) -> Substring {
        let start = drop(while: isEmpty)
        guard let last = start.lastIndex(where: { !isEmpty($0) }) else { return start.prefix(0) }
        return start[...last]
    }
}
