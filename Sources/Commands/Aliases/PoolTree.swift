import Model

/// A document that Phusion Passenger's tools print as XML and as JSON, with members in a fixed order.
indirect enum PoolTree: Equatable {
    case text(String)
    case number(Int)
    case fields([(String, PoolTree)])
    /// In XML each is an element of this name, in JSON an object with this one member.
    case list(of: String, [PoolTree])

    static func == (a: PoolTree, b: PoolTree) -> Bool { a.json == b.json }

    var json: String {
        switch self {
        case .text(let text): return JSONText.quoted(text)
        case .number(let number): return "\(number)"
        case .fields(let fields):
            return "{\(fields.map { "\(JSONText.quoted($0)):\($1.json)" }.joined(separator: ","))}"
        case .list(let name, let items):
            return "[\(items.map { PoolTree.fields([(name, $0)]).json }.joined(separator: ","))]"
        }
    }

    func xml(indent: Int = 0) -> [String] {
        let margin = String(repeating: " ", count: indent)
        switch self {
        case .text(let text): return [margin + PoolTree.escaped(text)]
        case .number(let number): return ["\(margin)\(number)"]
        case .fields(let fields): return fields.flatMap { PoolTree.element($0, $1, indent) }
        case .list(let name, let items): return items.flatMap { PoolTree.element(name, $0, indent) }
        }
    }

    private static func element(_ name: String, _ value: PoolTree, _ indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        // Passenger's readers ask for the default group of a supergroup.
        let start = name == "group" && !value.isLeaf ? "<group default=\"true\">" : "<\(name)>"
        guard !value.isLeaf else { return ["\(margin)\(start)\(value.xml()[0])</\(name)>"] }
        return ["\(margin)\(start)"] + value.xml(indent: indent + 3) + ["\(margin)</\(name)>"]
    }

    private var isLeaf: Bool {
        switch self {
        case .text, .number: true
        case .fields, .list: false
        }
    }

    /// XML 1.0: markup is escaped, and characters that a document cannot hold are left out.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            case "\t", "\n": result.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": continue
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
