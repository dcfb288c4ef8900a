import Model

/// The one place that knows which keys there are.
package enum KeyTable {
    /// All keys of this version, in the order of help.
    package static let all: [ConfigKey] = serverKeys + appKeys + deployKeys

    enum Finding {
        case key(ConfigKey)
        /// Keys lie below this name: `health`.
        case group
        case unsupported
        case unknown
    }

    /// - Parameter name: dotted, as in a file.
    static func find(_ name: String) -> Finding {
        if let key = byName[name] { return .key(key) }
        if unsupported.contains(name) { return .unsupported }
        return groups.contains(name) ? .group : .unknown
    }

    /// - Parameter flag: `--health-path`, `health-path`, or a deploy key's short form, `--bake`.
    package static func key(forFlag flag: String) -> ConfigKey? {
        byFlatName[flatName(flag)]
    }

    static func isUnsupported(flatName: String) -> Bool { unsupportedFlatNames.contains(flatName) }

    static func key(forFlatName name: String) -> ConfigKey? {
        byName[name] ?? all.first { $0.flatName == name }
    }

    static func flatName(_ flag: String) -> String {
        String(flag.drop { $0 == "-" }).replacing("-", with: "_").replacing(".", with: "_")
    }

    /// The known name that `name` was most likely meant to be.
    /// - Parameter group: dotted; its own members are preferred, and named without it.
    static func nearest(to name: String, in group: String?) -> String? {
        let prefix = group.map { $0 + "." } ?? ""
        let siblings = names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        return EditDistance.nearest(to: name, among: siblings.filter { !$0.contains(".") })
    }

    static func nearestFlatName(to name: String) -> String? {
        EditDistance.nearest(to: name, among: all.map(\.flatName))
    }

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    private static let byFlatName: [String: ConfigKey] = {
        var names = Dictionary(uniqueKeysWithValues: all.map { ($0.flatName, $0) })
        for key in deployKeys { names[flatName(String(key.name.dropFirst("deploy.".count)))] = key }
        return names
    }()

    private static let groups: Set<String> = Set(
        (all.map(\.name) + unsupported).flatMap { name in
            let parts = name.split(separator: ".")
            return (1..<max(parts.count, 1)).map { parts.prefix($0).joined(separator: ".") }
        })

    private static let names: [String] = (all.map(\.name) + unsupported + groups).sorted()

    private static let unsupportedFlatNames = Set(unsupported.map { $0.replacing(".", with: "_") })
}
