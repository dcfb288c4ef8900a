/// One thing that is wrong, or worth a warning, in somebody's configuration.
package struct ConfigProblem: Sendable, Codable, Equatable, CustomStringConvertible {
    package var place: ConfigPlace
    /// Dotted name of the key concerned, as far as it is known.
    package var key: String?
    /// What is wrong, without a full stop: `unknown key 'prot'`.
    package var message: String
    /// How to mend it, as a whole sentence: `Did you mean 'port'?`.
    package var hint: String?

    package init(at place: ConfigPlace, key: String? = nil, _ message: String, hint: String? = nil) {
        self.place = place
        self.key = key
        self.message = message
        self.hint = hint
    }

    package var file: String? { place.source.file }
    package var line: Int? { place.line }
    package var column: Int? { place.column }

    package var description: String {
        let text = place.source == .standard && place.label == nil ? message : "\(place): \(message)"
        return hint.map { "\(text). \($0)" } ?? text
    }
}

/// Configuration that cannot be used. Carries every problem found, so that they can be mended in one go.
package struct ConfigError: Error, Sendable, Codable, Equatable, CustomStringConvertible {
    package var problems: [ConfigProblem]

    package init(_ problems: [ConfigProblem]) { self.problems = problems }
    package init(_ problem: ConfigProblem) { problems = [problem] }

    /// Exit status of a command that ends with this error: 2, "usage" (FEATURES section 4).
    package var exitStatus: Int32 { 2 }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
