/// A text of templates/ with places for values: `{{name}}`. A line that is nothing but a place takes a value of several lines,
/// each of them indented as the place is, and goes when the value is empty.
struct SiteTemplate {
    var text: String

    init(_ text: String) { self.text = text }

    /// A place without a value is filled with nothing.
    func filled(_ values: [String: String]) -> String {
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard let (indent, name) = Self.place(line) else {
                lines.append(Self.inline(line, values))
                continue
            }
            guard let value = values[name], !value.isEmpty else { continue }
            for part in value.split(separator: "\n", omittingEmptySubsequences: false) {
                lines.append(part.isEmpty ? "" : indent + part)
            }
        }
        return Self.tidy(lines)
    }

    /// A line's one place, when there is nothing beside it.
    private static func place(_ line: Substring) -> (indent: String, name: String)? {
        let indent = line.prefix { $0 == " " }
        let rest = line.dropFirst(indent.count)
        guard rest.hasPrefix("{{"), rest.hasSuffix("}}") else { return nil }
        let name = rest.dropFirst(2).dropLast(2)
        return name.allSatisfy { $0.isLetter || $0 == "_" } ? (String(indent), String(name)) : nil
    }

    /// What is put in is not looked at for places again.
    private static func inline(_ line: Substring, _ values: [String: String]) -> String {
        var filled = ""
        var rest = line
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            filled += rest[..<open.lowerBound]
            filled += values[String(rest[open.upperBound..<close.lowerBound])] ?? ""
            rest = rest[close.upperBound...]
        }
        return filled + rest
    }

    /// Places that were left out leave no gaps: one empty line at most, and none after an opening line.
    private static func tidy(_ lines: [String]) -> String {
        var kept: [String] = []
        for line in lines where !(line.isEmpty && (kept.last.map { $0.isEmpty || $0.hasSuffix("{") } ?? true)) {
            let word = line.drop { $0 == " " }
            if word == "}" || word.hasPrefix("</"), kept.last?.isEmpty == true { kept.removeLast() }
            kept.append(line)
        }
        while kept.last?.isEmpty == true { kept.removeLast() }
        return kept.joined(separator: "\n") + "\n"
    }
}
