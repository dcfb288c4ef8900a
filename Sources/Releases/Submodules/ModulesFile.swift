/// A tree's `.gitmodules`: which path comes from where. Written by whoever made the commit, so nothing in it is followed but that.
/// (git's own reader of such files knows `include`.)
struct ModulesFile: Equatable {
    /// URLs as they are written, by path.
    private(set) var urls: [String: String] = [:]

    /// Larger ones are nobody's.
    static let maxBytes = 1 << 20

    init(_ bytes: [UInt8]) {
        var section: [String: String]?
        // A line that ends in a backslash goes on in the next one.
        let text = String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n").replacing("\\\n", with: "")
        for line in text.split(separator: "\n") {
            let line = ModulesFile.trimmed(line)
            if line.hasPrefix("[") {
                close(&section)
                section = line.hasPrefix("[submodule ") && line.hasSuffix("]") ? [:] : nil
            } else if section != nil, let (key, value) = ModulesFile.assignment(line) {
                section?[key] = value
            }
        }
        close(&section)
    }

    private mutating func close(_ section: inout [String: String]?) {
        guard let path = section?["path"], let url = section?["url"] else { return }
        urls[path] = url
    }

    /// git-config(1): names are case-insensitive, values may be quoted, `#` and `;` begin comments outside quotes.
    private static func assignment(_ line: Substring) -> (key: String, value: String)? {
        guard let equals = line.firstIndex(of: "="), !line.hasPrefix("#"), !line.hasPrefix(";") else { return nil }
        var value = ""
        // How much of it stays: spaces at the end only when they were quoted.
        var kept = 0
        var isQuoted = false
        var rest = trimmed(line[line.index(after: equals)...])
        while let character = rest.popFirst(), isQuoted || (character != "#" && character != ";") {
            switch character {
            case "\"": isQuoted.toggle()
            case "\\": value.append(rest.popFirst() ?? "\\")
            default: value.append(character)
            }
            if isQuoted || !character.isWhitespace { kept = value.count }
        }
        value = String(value.prefix(kept))
        return (trimmed(line[..<equals]).lowercased(), value)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
