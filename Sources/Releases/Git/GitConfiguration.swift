/// A file in git's configuration language (git-config(1)), as a list of what it says. Nothing in it is followed: no `include`, no
/// command, no other file.
struct GitConfiguration: Equatable {
    struct Entry: Equatable {
        /// As it stands in the brackets: `remote "origin"`.
        var section: Substring
        var key: String
        var value: String
    }

    private(set) var entries: [Entry] = []

    init(_ bytes: some Sequence<UInt8>) {
        var section: Substring?
        // A line that ends in a backslash goes on in the next one.
        let text = String(decoding: Array(bytes), as: UTF8.self).replacing("\r\n", with: "\n").replacing(
            "\\\n", with: "")
        for line in text.split(separator: "\n") {
            let line = Self.trimmed(line)
            if line.hasPrefix("[") {
                section = line.hasSuffix("]") ? line.dropFirst().dropLast() : nil
            } else if let section, let (key, value) = Self.assignment(line) {
                entries.append(Entry(section: section, key: key, value: value))
            }
        }
    }

    /// The last word counts.
    func value(_ key: String, of section: String) -> String? {
        entries.last { $0.section == section && $0.key == key }?.value
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
