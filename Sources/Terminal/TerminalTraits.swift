import Glibc

/// What the other end of a descriptor can show. Decided once, at the start of a command.
package struct TerminalTraits: Sendable, Equatable {
    /// Lines may be drawn over: a terminal with a person in front of it, not a CI job's log.
    package var isLive: Bool
    package var hasColour: Bool
    package var hasUnicode: Bool
    package var columns: Int

    package init(isLive: Bool, hasColour: Bool, hasUnicode: Bool, columns: Int) {
        self.isLive = isLive
        self.hasColour = hasColour
        self.hasUnicode = hasUnicode
        self.columns = columns
    }

    /// A pipe or a file: no width, no colour, lines as they are.
    package static let plain = TerminalTraits(isLive: false, hasColour: false, hasUnicode: true, columns: .max)

    /// `width`: what the kernel says of the terminal; nil when the descriptor is none.
    package init(width: Int?, environment: [String: String]) {
        func isSet(_ name: String) -> Bool { environment[name].map { !$0.isEmpty } ?? false }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let isUTF8 = locale.uppercased().contains("UTF-8") || locale.uppercased().contains("UTF8")
        guard let width else {
            self = .plain
            return
        }
        let isDumb = environment["TERM"] == "dumb" || !isSet("TERM")
        isLive = !isDumb && !isSet("CI")
        hasColour = !isDumb && !isSet("NO_COLOR")
        hasUnicode = isUTF8
        // Some terminals over serial lines and in containers say 0.
        columns = width > 0 ? width : 80
    }

    package static func of(_ descriptor: Int32, environment: [String: String]) -> TerminalTraits {
        guard isatty(descriptor) == 1 else { return .plain }
        var size = winsize()
        let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0
        return TerminalTraits(width: isKnown ? Int(size.ws_col) : 0, environment: environment)
    }
}
