extension DotEnv {
    /// The text with these variables set and those taken out; comments, order and everything else stay as they are.
    package static func edited(
        _ text: String, setting: [String: String], removing: Set<String>, at place: ConfigPlace
    ) throws(ConfigError) -> String {
        for (name, value) in setting.sorted(by: { $0.key < $1.key }) {
            guard isName(name) else { throw problem("'\(name.shortened(to: 40))' is not a variable name", place) }
            guard !value.utf8.contains(0) else {
                throw problem("the value of '\(name)' contains a NUL character", place)
            }
        }
        let scalars = Array(text.unicodeScalars)
        var result = String.UnicodeScalarView()
        var copied = 0
        var left = setting
        for (name, range) in try assignments(text, at: place) {
            guard removing.contains(name) || setting[name] != nil else { continue }
            result.append(contentsOf: scalars[copied..<range.lowerBound])
            copied = range.upperBound
            // Of a name that is there twice the last one holds: only one is left of them.
            if let value = left.removeValue(forKey: name) {
                result.append(contentsOf: line(name, value).unicodeScalars)
            } else if copied < scalars.count, scalars[copied] == "\n" {
                copied += 1
            }
        }
        result.append(contentsOf: scalars[copied...])
        if !left.isEmpty, let last = result.last, last != "\n" { result.append("\n") }
        for (name, value) in left.sorted(by: { $0.key < $1.key }) {
            result.append(contentsOf: "\(line(name, value))\n".unicodeScalars)
        }
        return String(result)
    }

    /// In quotes when it would not mean itself otherwise.
    private static func line(_ name: String, _ value: String) -> String {
        let isPlain = value.utf8.allSatisfy { byte in
            isDigit(byte) || isLetter(byte) || "_-./:@%+,=".utf8.contains(byte)
        }
        if isPlain { return "\(name)=\(value)" }
        if !value.contains("'") { return "\(name)='\(value)'" }
        var quoted = ""
        for scalar in value.unicodeScalars {
            if let escape = escapes.first(where: { $0.value == scalar }), scalar != "\n" {
                quoted += "\\\(escape.key)"
            } else {
                quoted.unicodeScalars.append(scalar)
            }
        }
        return "\(name)=\"\(quoted)\""
    }

    private static func problem(_ message: String, _ place: ConfigPlace) -> ConfigError {
        ConfigError(ConfigProblem(at: place, key: "env_file", message, hint: "Names are letters, digits and _."))
    }
}
