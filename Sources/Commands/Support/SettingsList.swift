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
                values.append((SettingsList.keyNames[prefix + name] ?? prefix + name, text))
            } else {
                let isGroup = ["pool", "queue", "http", "files", "users"].contains(name)
                collect(child, prefix: isGroup ? prefix : "\(prefix)\(name).")
            }
        }
    }

    /// Where a key is not called as its setting is.
    private static let keyNames = [
        "static_files_directory": "static_files_dir", "base_u_r_i": "base_uri", "cache.is_on": "turbocaching",
        "cache.vary_by_cookie": "vary_turbocache_by_cookie", "cache_memory_limit": "turbocaching_memory",
        "tls.http2": "http2", "tls.redirect": "ssl_redirect", "tls.certificates": "ssl_certificate",
        "remote_admin": "admin_port", "asset_overlap_releases": "deploy.asset_overlap",
    ]

    /// Nil for a struct of further settings.
    private static func text(_ value: Any) -> String? {
        switch value {
        case let duration as Duration: return HumanFormat.duration(seconds: duration.inSeconds)
        case let list as [Any]: return "[\(list.map { text($0) ?? "\($0)" }.joined(separator: ", "))]"
        case let roles as AppRoles:
            let held = AppRole.allCases.filter { !roles[$0].isEmpty }
            return "{\(held.map { "\($0): [\(roles[$0].joined(separator: ", "))]" }.joined(separator: ", "))}"
        case let names as [String: String]: return "{\(names.keys.sorted().joined(separator: ", "))}"
        case let kind as AppKind: return kind.rawValue
        case let files as CertificateFiles: return "\(files.chain) with \(files.key)"
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
