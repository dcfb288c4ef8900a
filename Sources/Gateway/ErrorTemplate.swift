/// A page with the placeholders `{{status}}`, `{{title}}`, `{{message}}` and `{{error_id}}`, taken apart once. Values are
/// escaped for HTML; a placeholder of any other name stands for nothing.
package struct ErrorTemplate: Sendable {
    /// Largest page that an app may bring along, in bytes.
    package static let limit = 256 << 10

    private enum Part: Sendable {
        case text(String)
        case value(String)
    }
    private let parts: [Part]

    package init(_ template: String) {
        var parts: [Part] = []
        var rest = template[...]
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            parts.append(.text(String(rest[..<open.lowerBound])))
            parts.append(.value(String(rest[open.upperBound..<close.lowerBound])))
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

    func fill(_ answer: ErrorAnswer.Words) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let literal): text += literal
            case .value("status"): text += "\(answer.status)"
            case .value("title"): text += ErrorTemplate.escape(answer.title)
            case .value("message"): text += ErrorTemplate.escape(answer.message)
            case .value("error_id"): text += ErrorTemplate.escape(answer.id)
            case .value: break
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
