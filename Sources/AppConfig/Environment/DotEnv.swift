/// Env files: `KEY=value` lines.
///
/// `export` in front is allowed; `#` begins a comment at the start of a line or after a blank; values may be in single
/// quotes (taken literally) or double quotes (`\n \r \t \" \\ \$`), either over several lines. Nothing is expanded: a
/// password with a `$` in it must mean itself.
package enum DotEnv {
    /// - Parameter place: the file; problems are given its lines.
    package static func parse(_ text: String, at place: ConfigPlace) throws(ConfigError) -> [String: String] {
        var reader = Reader(text: text, place: place)
        var variables: [String: String] = [:]
        while let (name, value, _) = try reader.next() { variables[name] = value }
        return variables
    }

    /// Names in the order of the file, with where each stands: its scalars from `export` or the name to the end of its last
    /// line, without the newline.
    static func assignments(
        _ text: String, at place: ConfigPlace
    ) throws(ConfigError) -> [(name: String, range: Range<Int>)] {
        var reader = Reader(text: text, place: place)
        var found: [(String, Range<Int>)] = []
        while let (name, _, range) = try reader.next() { found.append((name, range)) }
        return found
    }

    /// A name that a shell would take too.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.utf8.allSatisfy { isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "_") }
    }

    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}

extension DotEnv {
    private struct Reader {
        /// `\r\n` would be one Character: scalars keep the line count simple.
        private let scalars: [Unicode.Scalar]
        private let place: ConfigPlace
        private var index = 0
        private var line = 1

        init(text: String, place: ConfigPlace) {
            scalars = Array(text.unicodeScalars)
            self.place = place
        }

        mutating func next() throws(ConfigError) -> (String, String, Range<Int>)? {
            skipBlankLinesAndComments()
            guard index < scalars.count else { return nil }
            let start = index
            var name = take { $0 != "=" && !Reader.isBlank($0) && $0 != "\n" }
            if name == "export", Reader.isBlank(current) {
                skipBlanks()
                name = take { $0 != "=" && !Reader.isBlank($0) && $0 != "\n" }
            }
            guard DotEnv.isName(name) else { throw problem("'\(name.shortened(to: 40))' is not a variable name") }
            skipBlanks()
            guard current == "=" else { throw problem("no '=' after '\(name)'") }
            index += 1
            skipBlanks()
            let value = try readValue()
            guard !value.utf8.contains(0) else { throw problem("the value of '\(name)' contains a NUL character") }
            return (name, value, start..<index)
        }

        private mutating func readValue() throws(ConfigError) -> String {
            guard current == "\"" || current == "'" else { return readPlain() }
            let value = try readQuoted()
            skipBlanks()
            if current == "#" { _ = take { $0 != "\n" } }
            guard current == nil || current == "\n" else { throw problem("text after the closing quote") }
            return value
        }

        private mutating func readPlain() -> String {
            var value = ""
            while let scalar = current, scalar != "\n" {
                if scalar == "#", value.isEmpty || Reader.isBlank(value.unicodeScalars.last) { break }
                value.unicodeScalars.append(scalar)
                index += 1
            }
            _ = take { $0 != "\n" }
            while Reader.isBlank(value.unicodeScalars.last) { value.unicodeScalars.removeLast() }
            return value
        }

        private mutating func readQuoted() throws(ConfigError) -> String {
            let quote = scalars[index]
            let start = line
            index += 1
            var value = ""
            while let scalar = current {
                index += 1
                if scalar == quote { return value }
                if scalar == "\n" { line += 1 }
                if scalar == "\\", quote == "\"", let escaped = current, let meant = DotEnv.escapes[escaped] {
                    value.unicodeScalars.append(meant)
                    index += 1
                } else {
                    value.unicodeScalars.append(scalar)
                }
            }
            line = start
            throw problem("the closing \(quote) is missing")
        }

        private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

        private static func isBlank(_ scalar: Unicode.Scalar?) -> Bool {
            scalar == " " || scalar == "\t" || scalar == "\r"
        }

        private mutating func take(while holds: (Unicode.Scalar) -> Bool) -> String {
            var text = ""
            while let scalar = current, holds(scalar) {
                text.unicodeScalars.append(scalar)
                index += 1
            }
            return text
        }

        private mutating func skipBlanks() { _ = take { Reader.isBlank($0) } }

        private mutating func skipBlankLinesAndComments() {
            while true {
                skipBlanks()
                if current == "#" { _ = take { $0 != "\n" } }
                guard current == "\n" else { return }
                line += 1
                index += 1
            }
        }

        private func problem(_ message: String) -> ConfigError {
            var place = place
            place.line = line
            place.column = 1
            return ConfigError(ConfigProblem(at: place, key: "env_file", message, hint: "Lines are KEY=value."))
        }
    }

    static let escapes: [Unicode.Scalar: Unicode.Scalar] = [
        "n": "\n", "r": "\r", "t": "\t", "\"": "\"", "\\": "\\", "$": "$",
    ]
}
