import Model
import Terminal

/// The stored values of a settings struct under the names that configuration files use: groups that are no more than
/// groups of our own (`pool`, `http`) are left out, `health` and `deploy` stay.
struct SettingsList: Sendable {
    private(set) var values: [(name: String, value: String)] = []

    init(of settings: Any) {
        collect(settings, prefix: "")
    }

    private mutating func collect(_ value: Any, prefix: String) {
        for (label, child) in Mirror(reflecting: value).children {
            guard let label else { continue }
            let name = SettingsList.snakeCase(label)
            if let text = SettingsList.text(child) {
                values.append((prefix + name, text))
            } else {
                let isGroup = ["pool", "queue", "http", "users"].contains(name)
                collect(child, prefix: isGroup ? prefix : "\(prefix)\(name).")
            }
        }
    }

    /// Nil for a struct of further settings.
    private static func text(_ value: Any) -> String? {
        switch value {
        case let duration as Duration: return HumanFormat.duration(seconds: duration.inSeconds)
        case let list as [Any]: return "[\(list.map { text($0) ?? "\($0)" }.joined(separator: ", "))]"
        case let names as [String: String]: return "{\(names.keys.sorted().joined(separator: ", "))}"
        case let kind as AppKind: return kind.rawValue
        case let value as any CustomStringConvertible: return value.description
        default: break
        }
        let mirror = Mirror(reflecting: value)
        guard mirror.displayStyle == .optional else {
            return mirror.displayStyle == .struct ? nil : "\(value)"
        }
        return mirror.children.first.map { text($0.value) ?? "\($0.value)" } ?? "-"
    }

    private static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
    }
}
