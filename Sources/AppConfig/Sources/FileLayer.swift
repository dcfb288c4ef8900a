/// A configuration file sorted by its keys.
struct FileLayer {
    var layer: ConfigLayer
    /// `limits:` and `apps:`, which only the server file may have.
    var limits: ConfigLayer?
    var apps: [AppSection] = []
    var warnings: [ConfigProblem] = []

    /// Whether a file may set server keys, and why not.
    enum ServerKeys {
        case allowed
        /// Only those that are about one app (`user`, `server_names`): this is one app's part of the server file.
        case ofOneApp
        /// Completes "'port' cannot be set here: …".
        case refused(String)
        /// They were right where the file was read before. Completes the same sentence, as a warning.
        case ignored(String)
    }

    static func make(
        _ file: ConfigFile, source: ConfigSource, serverKeys: ServerKeys
    ) throws(ConfigError) -> FileLayer {
        let place = ConfigPlace(source: source)
        let base = FilePath.parent(file.path)
        guard let root = try ConfigDocument.parse(file.text, at: place) else {
            return FileLayer(layer: ConfigLayer(source: source, baseDirectory: base))
        }
        guard case .map(let members) = root.content else {
            throw ConfigError(
                ConfigProblem(
                    at: root.place, "must be a mapping of keys to values, not \(root.nounPhrase)",
                    hint: "For example: port: 3000"))
        }
        var sorter = Sorter(serverKeys: serverKeys)
        var limits: ConfigLayer?
        var apps: [AppSection] = []
        for member in members {
            if case .serverFile = source, member.name == "limits" {
                limits = ConfigLayer(source: source, baseDirectory: base, entries: sorter.limits(member))
            } else if case .serverFile = source, member.name == "apps" {
                apps = try AppSection.all(member, source: source, baseDirectory: base)
            } else {
                sorter.sort(member, group: nil)
            }
        }
        guard sorter.problems.isEmpty else { throw ConfigError(sorter.problems) }
        return FileLayer(
            layer: ConfigLayer(source: source, baseDirectory: base, entries: sorter.entries), limits: limits,
            apps: apps, warnings: sorter.warnings)
    }
}

extension FileLayer {
    struct Sorter {
        let serverKeys: ServerKeys
        var entries: [ConfigLayer.Entry] = []
        var warnings: [ConfigProblem] = []
        var problems: [ConfigProblem] = []

        init(serverKeys: ServerKeys) { self.serverKeys = serverKeys }

        mutating func sort(_ member: ConfigNode.Member, group: String?) {
            let name = group.map { "\($0).\(member.name)" } ?? member.name
            switch KeyTable.find(name) {
            case .key(let key): take(key, member)
            case .group: descend(member, name)
            case .unsupported: warnings.append(.unsupported(name, at: member.place))
            case .unknown: problems.append(unknown(member, group: group, name))
            }
        }

        /// The members of `limits:`: keys of any depth that have an order.
        mutating func limits(_ member: ConfigNode.Member) -> [ConfigLayer.Entry] {
            var inner = Sorter(serverKeys: .refused("'limits' bounds what apps may set"))
            inner.descend(member, "limits", group: nil)
            warnings += inner.warnings
            problems += inner.problems
            for entry in inner.entries where KeyTable.key(forFlatName: entry.key)?.lower == nil {
                problems.append(ConfigProblem(at: entry.place, key: entry.key, "'\(entry.key)' cannot be limited"))
            }
            return inner.entries
        }

        private mutating func take(_ key: ConfigKey, _ member: ConfigNode.Member) {
            if case .ignored(let reason) = serverKeys, key.scope == .server {
                let text = "'\(key.name)' has no effect here: \(reason)"
                warnings.append(ConfigProblem(at: member.place, key: key.name, text, hint: Self.hint(key)))
                return
            }
            if let problem = refusal(of: key, member) {
                problems.append(problem)
                return
            }
            entries.append(ConfigLayer.Entry(key: key.name, place: member.place, value: member.value))
        }

        private func refusal(of key: ConfigKey, _ member: ConfigNode.Member) -> ConfigProblem? {
            guard key.scope == .server else { return nil }
            switch serverKeys {
            case .allowed, .ignored: return nil
            case .refused(let reason):
                return ConfigProblem(
                    at: member.place, key: key.name, "'\(key.name)' cannot be set here: \(reason)",
                    hint: Self.hint(key))
            case .ofOneApp:
                guard !ConfigLoader.appsServerKeys.contains(key.name) else { return nil }
                return ConfigProblem(
                    at: member.place, key: key.name,
                    "'\(key.name)' cannot be set for one app: it is the whole server's",
                    hint: "Write it outside of 'apps'.")
            }
        }

        private static func hint(_ key: ConfigKey) -> String {
            "It belongs to the server: use \(key.flag), \(key.variable) or the server file."
        }

        private mutating func descend(_ member: ConfigNode.Member, _ name: String) {
            descend(member, name, group: name)
        }

        private mutating func descend(_ member: ConfigNode.Member, _ name: String, group: String?) {
            guard case .map(let members) = member.value.content else {
                problems.append(
                    ConfigProblem(
                        at: member.value.place, key: name,
                        "'\(name)' must be a mapping, not \(member.value.nounPhrase)"))
                return
            }
            for member in members { sort(member, group: group) }
        }

        private func unknown(_ member: ConfigNode.Member, group: String?, _ name: String) -> ConfigProblem {
            let shown = name.shortened(to: 80)
            var hint: String?
            if let nested = KeyTable.key(forFlatName: KeyTable.flatName(name)), nested.isNested {
                hint = "It is nested: \(nested.nestedExample)"
            } else if let near = KeyTable.nearest(to: member.name, in: group) {
                hint = "Did you mean '\(near)'?"
            }
            return ConfigProblem(at: member.place, key: shown, "unknown key '\(shown)'", hint: hint)
        }
    }
}

extension ConfigKey {
    fileprivate var isNested: Bool { name.contains(".") }

    /// As it is written in a file, on one line: `health: {path: /up}`.
    var nestedExample: String {
        let parts = name.split(separator: ".")
        let opening = parts.joined(separator: ": {")
        return "\(opening): \(example)" + String(repeating: "}", count: parts.count - 1)
    }
}

extension ConfigProblem {
    static func unsupported(_ name: String, at place: ConfigPlace) -> ConfigProblem {
        ConfigProblem(at: place, key: name, "'\(name)' is not supported by this version, ignored")
    }
}
