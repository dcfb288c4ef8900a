/// How a piece of text looks, by what it means.
package enum Style: Sendable {
    case plain, strong, faint, good, bad, warning

    /// Parameters of "select graphic rendition" (ECMA-48, 8.3.117): the terminal's own sixteen colours, so that its
    /// user's theme decides what is readable.
    private var parameters: String? {
        switch self {
        case .plain: nil
        case .strong: "1"
        case .faint: "2"
        case .good: "32"
        case .bad: "31"
        case .warning: "33"
        }
    }

    package func applied(to text: String, _ traits: TerminalTraits) -> String {
        guard traits.hasColour, let parameters, !text.isEmpty else { return text }
        return "\u{1B}[\(parameters)m\(text)\u{1B}[0m"
    }
}

/// Text that is measured without its style.
package struct StyledText: Sendable, Equatable, ExpressibleByStringInterpolation {
    package var text: String
    package var style: Style

    package init(_ text: String, _ style: Style = .plain) {
        self.text = text
        self.style = style
    }

    package init(stringLiteral text: String) { self.init(text) }

    static func warning(_ text: String) -> StyledText { StyledText("warning: \(text)", .warning) }
    static func alarm(_ text: String) -> StyledText { StyledText("ALARM: \(text)", .bad) }
}
