package import Model

/// Steps in the log of a GitHub Actions job: each is a group with its output in it, warnings are annotations.
package struct GitHubSteps: StepRenderer {
    private var plain: PlainSteps
    private var isOpen = false

    package init(_ traits: TerminalTraits) {
        plain = PlainSteps(traits)
    }

    package mutating func show(_ event: StepEvent, at now: Instant) -> String {
        switch event {
        case .started(let title):
            defer { isOpen = true }
            return close() + GitHubCommand.group(title) + plain.show(event, at: now)
        case .finished: return close() + safe(plain.show(event, at: now))
        case .output(let line): return "\(GitHubCommand.harmless(line))\n"
        case .progress, .note: return safe(plain.show(event, at: now))
        case .warning(let text): return GitHubCommand.warning(title: "passenger", text)
        case .alarm(let text): return GitHubCommand.error(title: "passenger", text)
        }
    }

    package mutating func tick(at now: Instant) -> String { safe(plain.tick(at: now)) }
    package mutating func end(at now: Instant) -> String { close() }

    private mutating func close() -> String {
        defer { isOpen = false }
        return isOpen ? GitHubCommand.endGroup : ""
    }

    /// One line with its newline, or nothing.
    private func safe(_ line: String) -> String {
        line.isEmpty ? "" : "\(GitHubCommand.harmless(line))\n"
    }
}
