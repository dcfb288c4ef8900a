/// What the server file says of one app: a member of `apps:`.
struct AppSection {
    var name: String
    var place: ConfigPlace
    /// `root`, absolute; nil when the section is about an entry of `apps_dir`.
    var root: String?
    var layer: ConfigLayer
    var warnings: [ConfigProblem]
    /// Makes this app impossible, and no other.
    var problems: [ConfigProblem]

    /// - Throws: when `apps` itself is no mapping.
    static func all(
        _ member: ConfigNode.Member, source: ConfigSource, baseDirectory: String
    ) throws(ConfigError) -> [AppSection] {
        guard case .map(let members) = member.value.content else {
            throw ConfigError(
                ConfigProblem(
                    at: member.value.place, key: "apps", "'apps' must be a mapping, not \(member.value.nounPhrase)",
                    hint: "For example: apps: {blog: {root: /srv/blog, server_names: [blog.example.com]}}"))
        }
        return members.map { AppSection($0, source: source, baseDirectory: baseDirectory) }
    }

    private init(_ member: ConfigNode.Member, source: ConfigSource, baseDirectory: String) {
        name = member.name
        place = member.place
        layer = ConfigLayer(source: source, baseDirectory: baseDirectory)
        warnings = []
        problems = []
        guard case .map(let members) = member.value.content else {
            problems = [
                ConfigProblem(
                    at: member.value.place, key: "apps",
                    "the app '\(name.shortened(to: 80))' must be a mapping, not \(member.value.nounPhrase)",
                    hint: "For example: {root: /srv/blog}")
            ]
            return
        }
        var sorter = FileLayer.Sorter(serverKeys: .ofOneApp)
        for member in members {
            if member.name == "root" { readRoot(member) } else { sorter.sort(member, group: nil) }
        }
        layer.entries = sorter.entries
        warnings = sorter.warnings
        problems += sorter.problems
    }

    private mutating func readRoot(_ member: ConfigNode.Member) {
        do throws(WrongForm) {
            root = try ValueForm.path("/srv/blog").read(member.value, layer.baseDirectory)
        } catch {
            problems.append(
                ConfigProblem(
                    at: member.place, key: "root", "'root' must be a path, not \(member.value.nounPhrase)",
                    hint: "For example: root: /srv/blog"))
        }
    }
}
