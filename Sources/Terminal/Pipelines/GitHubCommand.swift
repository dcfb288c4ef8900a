/// What GitHub's runner reads in a job's log ("Workflow commands for GitHub Actions"): lines that begin with `::`, blanks
/// before them or not, and the older `##[…]` anywhere in a line.
package enum GitHubCommand {
    package static func group(_ title: String) -> String { "::group::\(data(title.showable))\n" }
    package static let endGroup = "::endgroup::\n"

    package static func error(title: String, _ message: String) -> String {
        "::error title=\(property(title))::\(data(message))\n"
    }
    package static func warning(title: String, _ message: String) -> String {
        "::warning title=\(property(title))::\(data(message))\n"
    }

    /// What a build or an app wrote must not be taken for a command.
    package static func harmless(_ line: String) -> String {
        let line = line.showable.replacing("##[", with: "## [")
        return line.drop { $0.isWhitespace }.hasPrefix("::") ? "| \(line)" : line
    }

    private static func data(_ text: String) -> String {
        text.replacing("%", with: "%25").replacingUnits("\r", with: "%0D").replacingUnits("\n", with: "%0A")
    }

    private static func property(_ text: String) -> String {
        data(text).replacing(":", with: "%3A").replacing(",", with: "%2C")
    }
}

extension String {
    /// By scalars: "\r\n" is one character, and neither of the two that are looked for.
    fileprivate func replacingUnits(_ unit: UnicodeScalar, with text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if scalar == unit { result.append(contentsOf: text.unicodeScalars) } else { result.append(scalar) }
        }
        return String(result)
    }
}
