/// A failure as text: what, why, the evidence, how to mend it.
package struct Explanation: Sendable, Equatable {
    package var headline: String
    /// Where it happened, when that is known.
    package var step: String?
    /// `exit status 1`, `signal 9`.
    package var exit: String?
    package var details: [String]
    package var outputTail: [String]
    package var hint: String?

    package init(
        headline: String, step: String? = nil, exit: String? = nil, details: [String] = [], outputTail: [String] = [],
        hint: String? = nil
    ) {
        self.headline = headline
        self.step = step
        self.exit = exit
        self.details = details
        self.outputTail = outputTail
        self.hint = hint
    }

    /// Few lines, for where there is no room for evidence; never empty.
    package var annotation: String {
        let place = step.map { ["step: \($0)"] } ?? []
        let lines = place + (details.first.map { [$0] } ?? []) + (hint.map { ["hint: \($0)"] } ?? [])
        return (lines.isEmpty ? [headline] : lines).map(\.showable).joined(separator: "\n")
    }

    package func lines(_ traits: TerminalTraits) -> [String] {
        var lines = ["\(Style.bad.applied(to: "error:", traits)) \(headline.showable)"]
        if let step { lines.append("  step: \(step.showable)") }
        if let exit { lines.append("  ended with: \(exit.showable)") }
        lines += details.flatMap { $0.trimmedAtEnd.split(separator: "\n", omittingEmptySubsequences: false) }
            .map { "  \(String($0).showable)" }
        if !outputTail.isEmpty {
            lines.append("  last output:")
            lines += outputTail.map { "    \(Style.faint.applied(to: $0.showable, traits))" }
        }
        if let hint { lines.append("  \(Style.warning.applied(to: "hint:", traits)) \(hint.showable)") }
        return lines
    }
}

extension String {
    /// A trace ends with a line break, which is no empty line.
    fileprivate var trimmedAtEnd: Substring { self[...].dropLast(reversed().prefix(while: \.isNewline).count) }
}
