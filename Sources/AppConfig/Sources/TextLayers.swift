/// Flags and environment variables as layers. Both are names with text, in which a list is written with commas or, like a
/// mapping, in YAML's brackets.
enum TextLayers {
    struct Result {
        var layer: ConfigLayer
        var warnings: [ConfigProblem] = []
    }

    /// - Parameter flags: by name, with or without the dashes; deploy keys also by their short form.
    static func flags(_ flags: [String: String], baseDirectory: String) throws(ConfigError) -> Result {
        var result = Result(layer: ConfigLayer(source: .flag, baseDirectory: baseDirectory))
        var problems: [ConfigProblem] = []
        for (flag, text) in flags.sorted(by: { $0.key < $1.key }) {
            let name = KeyTable.flatName(flag)
            let place = ConfigPlace(source: .flag, label: "--" + name.replacing("_", with: "-"))
            if let key = KeyTable.key(forFlag: flag) {
                result.layer.entries.append(.init(key: key.name, place: place, value: try value(text, key, place)))
            } else if KeyTable.isUnsupported(flatName: name) {
                result.warnings.append(.unsupported(name, at: place))
            } else {
                let near = KeyTable.nearestFlatName(to: name).map { "--" + $0.replacing("_", with: "-") }
                problems.append(
                    ConfigProblem(at: place, key: name, "unknown flag", hint: near.map { "Did you mean '\($0)'?" }))
            }
        }
        guard problems.isEmpty else { throw ConfigError(problems) }
        return result
    }

    /// Takes `PASSENGER_<KEY>` out of an environment; an empty value is no value. Other programs have variables with the
    /// same beginning, so an unknown one is only worth a warning when it looks like a typing error.
    static func environment(_ environment: [String: String], baseDirectory: String) throws(ConfigError) -> Result {
        var result = Result(layer: ConfigLayer(source: .environment, baseDirectory: baseDirectory))
        for (variable, text) in environment.sorted(by: { $0.key < $1.key }) where !text.isEmpty {
            guard variable.hasPrefix(prefix), !notKeys.contains(variable) else { continue }
            let name = variable.dropFirst(prefix.count).lowercased()
            let place = ConfigPlace(source: .environment, label: variable)
            if let key = KeyTable.key(forFlatName: name), key.variable == variable {
                result.layer.entries.append(.init(key: key.name, place: place, value: try value(text, key, place)))
            } else if KeyTable.isUnsupported(flatName: name) {
                result.warnings.append(.unsupported(name, at: place))
            } else if let near = KeyTable.nearestFlatName(to: name) {
                result.warnings.append(
                    ConfigProblem(
                        at: place, "unknown variable, ignored", hint: "Did you mean '\(prefix)\(near.uppercased())'?"))
            }
        }
        return result
    }

    /// Whether a variable configures us, and so is kept from the apps.
    static func isConfiguration(_ variable: String) -> Bool {
        guard variable.hasPrefix(prefix), !notKeys.contains(variable) else { return false }
        let name = variable.dropFirst(prefix.count).lowercased()
        return KeyTable.key(forFlatName: name) != nil || KeyTable.isUnsupported(flatName: name)
    }

    private static let prefix = "PASSENGER_"
    /// What we give to apps ourselves, and what an app or deploy script may hand on to us.
    private static let notKeys: Set<String> = [
        "PASSENGER_APP_ENV", "PASSENGER_RELEASE", "PASSENGER_REVISION", "PASSENGER_SOCKET",
    ]

    private static func value(_ text: String, _ key: ConfigKey, _ place: ConfigPlace) throws(ConfigError) -> ConfigNode
    {
        let scalar = ConfigNode(.scalar(text), at: place)
        switch key.shape {
        case .scalar, .toggle: return scalar
        case .list where !text.hasPrefix("["):
            let parts = text.split(separator: ",").map { part in
                String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
            return ConfigNode(.list(parts.map { ConfigNode(.scalar($0), at: place) }), at: place)
        case .commands where !text.hasPrefix("["): return scalar
        case .mapOrText where !text.hasPrefix("{") && !text.contains("="): return scalar
        case .map where !text.hasPrefix("{"), .mapOrText where !text.hasPrefix("{"):
            return try pairs(text, key, place)
        case .list, .commands, .map, .mapOrText: return try ConfigDocument.parse(text, at: place) ?? scalar
        }
    }

    /// `NAME=value`, one only: a value may well have commas in it.
    private static func pairs(_ text: String, _ key: ConfigKey, _ place: ConfigPlace) throws(ConfigError) -> ConfigNode
    {
        guard let equals = text.firstIndex(of: "=") else {
            throw ConfigError(
                ConfigProblem(
                    at: place, key: key.name, "'\(key.name)' must be \(key.expected), not '\(text.shortened(to: 60))'",
                    hint: "For example: \(key.flag) '\(key.example)'"))
        }
        let value = ConfigNode(.scalar(String(text[text.index(after: equals)...])), at: place)
        return ConfigNode(.map([.init(name: String(text[..<equals]), place: place, value: value)]), at: place)
    }
}
