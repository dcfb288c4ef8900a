package import Model

/// Steps for logs and pipes: one line for each, written when it is over, and a line when a long one begins to be long.
package struct PlainSteps: StepRenderer {
    private let traits: TerminalTraits
    /// Whether what commands write is shown too.
    private let showsOutput: Bool
    private let reminder: Duration
    private var title: String?
    private var detail = ""
    private var since = Instant.zero
    private var reminded = Instant.zero

    package init(_ traits: TerminalTraits, showsOutput: Bool = false, reminder: Duration = .seconds(30)) {
        self.traits = traits
        self.showsOutput = showsOutput
        self.reminder = reminder
    }

    package mutating func show(_ event: StepEvent, at now: Instant) -> String {
        switch event {
        case .started(let title):
            self.title = title.showable
            detail = ""
            since = now
            reminded = now
            return showsOutput ? "\(title.showable) ...\n" : ""
        case .finished(let seconds, let failure):
            defer { title = nil }
            let time = HumanFormat.duration(seconds: seconds)
            guard let failure else { return "\(Style.good.applied(to: "ok", traits))      \(title ?? "") (\(time))\n" }
            let mark = Style.bad.applied(to: "failed", traits)
            return "\(mark)  \(title ?? "") (\(time)): \(failure.showable)\n"
        case .output(let line): return showsOutput ? "        \(line.showable)\n" : ""
        case .progress(let text):
            detail = ", \(text.showable)"
            return ""
        case .note(let note): return line(note)
        case .warning(let text): return line(.warning(text))
        case .alarm(let text): return line(.alarm(text))
        }
    }

    private func line(_ note: StyledText) -> String {
        "\(note.style.applied(to: note.text.showable, traits))\n"
    }

    /// CI systems end jobs that are silent for too long.
    package mutating func tick(at now: Instant) -> String {
        guard let title, now - reminded >= reminder else { return "" }
        reminded = now
        return "...     \(title) (\(HumanFormat.duration(seconds: (now - since).inSeconds))\(detail))\n"
    }

    package mutating func end(at now: Instant) -> String { "" }
}
