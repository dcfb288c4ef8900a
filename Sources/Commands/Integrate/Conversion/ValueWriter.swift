import AppConfig
import Model

/// A directive's argument as a value of the server file; nil when it cannot be one.
enum ValueWriter {
    /// As YAML: what is text is quoted.
    static func text(_ word: String, as value: PassengerDirective.Value, of key: String, root: String) -> String? {
        guard let plain = plain(word, value, root), KeyTable.all.first(where: { $0.name == key })?.takes(plain) == true
        else { return nil }
        switch value {
        case .text, .name, .path, .program, .pathInApp: return JSONText.quoted(plain)
        case .flag, .number, .seconds, .megabytes, .bytes, .spawnMethod, .appType: return plain
        }
    }

    private static func plain(_ word: String, _ value: PassengerDirective.Value, _ root: String) -> String? {
        switch value {
        case .text, .name, .program: word
        case .path: word.hasPrefix("/") ? word : nil
        case .pathInApp: pathInApp(word, root)
        case .flag: flag(word).map { $0 ? "true" : "false" }
        case .number, .seconds, .bytes: Int(word).map { "\($0)" }
        case .megabytes: Int(word).map { $0 == 0 ? "0" : "\($0)MB" }
        case .spawnMethod:
            switch word {
            case "smart", "smart-lv2": "smart"
            case "direct", "conservative": "direct"
            default: nil
            }
        case .appType:
            switch word {
            case "rack", "rails", "ruby": "rack"
            case "wsgi", "python": "wsgi"
            case "node", "nodejs": "node"
            default: nil
            }
        }
    }

    static func flag(_ word: String?) -> Bool? {
        switch word?.lowercased() {
        case "on", "yes", "true": true
        case "off", "no", "false": false
        default: nil
        }
    }

    /// Relative to the app's directory.
    static func pathInApp(_ path: String, _ root: String) -> String? {
        let isInside = path.hasPrefix(root + "/")
        let relative = isInside ? String(path.dropFirst(root.count + 1)) : path
        let parts = relative.split(separator: "/")
        guard !parts.isEmpty, !relative.hasPrefix("/"), !parts.contains("..") else { return nil }
        return parts.joined(separator: "/")
    }
}
