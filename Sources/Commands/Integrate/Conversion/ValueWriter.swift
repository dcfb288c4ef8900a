import Model

/// A directive's argument as a value of the server file; nil when it cannot be one.
enum ValueWriter {
    static func text(_ word: String, as value: PassengerDirective.Value, root: String) -> String? {
        switch value {
        case .text: word.isEmpty ? nil : JSONText.quoted(word)
        case .name: word.isEmpty || word.contains { $0.isWhitespace } ? nil : JSONText.quoted(word)
        case .path: word.hasPrefix("/") ? JSONText.quoted(word) : nil
        case .program: word.isEmpty ? nil : JSONText.quoted(word)
        case .pathInApp: pathInApp(word, root).map(JSONText.quoted)
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
