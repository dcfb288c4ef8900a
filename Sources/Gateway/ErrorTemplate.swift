/// A page with values for `{{name}}`, taken apart once. What is between `{{#name}}` and `{{/name}}` is left out when there is no such value
/// (Mustache's sections, not one in another). Values are escaped for HTML.
package struct ErrorTemplate: Sendable {
    /// Largest page that an app may bring along, in bytes.
    package static let limit = 256 << 10

    private enum Part: Sendable {
        case text(String)
        case value(String)
        case begin(String)
        case end
    }
    private let parts: [Part]

    package init(_ template: String) {
        var parts: [Part] = []
        var rest = template[...]
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            parts.append(.text(String(rest[..<open.lowerBound])))
            let name = rest[open.upperBound..<close.lowerBound]
            switch name.first {
            case "#": parts.append(.begin(String(name.dropFirst())))
            case "/": parts.append(.end)
            default: parts.append(.value(String(name)))
            }
            rest = rest[close.upperBound...]
        }
        parts.append(.text(String(rest)))
        self.parts = parts
    }

    /// An app's own page (`custom_error_page`), which stands for all pages that the gateway would show in the app's place,
    /// friendly ones too, as in Passenger. Nil when it is over `limit`.
    package init?(custom template: String) {
        guard template.utf8.count <= ErrorTemplate.limit else { return nil }
        self.init(template)
    }

    func fill(_ values: [String: String]) -> String {
        var text = ""
        var isLeftOut = false
        for part in parts {
            switch part {
            case .begin(let name): isLeftOut = values[name, default: ""].isEmpty
            case .end: isLeftOut = false
            case .text where isLeftOut, .value where isLeftOut: break
            case .text(let literal): text += literal
            case .value(let name): text += ErrorTemplate.escape(values[name, default: ""])
            }
        }
        return text
    }

    private static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
