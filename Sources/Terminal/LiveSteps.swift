package import Model

/// Steps for a person: finished ones stay as lines, the running one turns and counts on the last line of the screen.
package struct LiveSteps: StepRenderer {
    /// Back to the first column, and clear the line (ECMA-48 EL).
    private static let clearLine = "\r\u{1B}[K"
    private static let titleWidth = 28
    private let traits: TerminalTraits
    private let showsOutput: Bool
    private var title: String?
    private var detail = ""
    private var since = Instant.zero
    private var frame = 0
    private var isDrawn = false

    package init(_ traits: TerminalTraits, showsOutput: Bool = true) {
        self.traits = traits
        self.showsOutput = showsOutput
    }

    package mutating func show(_ event: StepEvent, at now: Instant) -> String {
        switch event {
        case .started(let title):
            self.title = title.showable
            detail = ""
            since = now
            return redraw(at: now)
        case .finished(let seconds, let failure):
            let line = finishedLine(seconds: seconds, failure: failure)
            title = nil
            return above(line, at: now)
        case .output(let line):
            let text = "    \(line.showable)".fitted(to: traits.columns - 1, unicode: traits.hasUnicode)
            return showsOutput ? above(Style.faint.applied(to: text, traits), at: now) : ""
        case .progress(let text):
            detail = text.showable
            return redraw(at: now)
        case .note(let note): return above(note, at: now)
        case .warning(let text): return above(.warning(text), at: now)
        case .alarm(let text): return above(.alarm(text), at: now)
        }
    }

    package mutating func tick(at now: Instant) -> String {
        guard title != nil else { return "" }
        frame += 1
        return redraw(at: now)
    }

    package mutating func end(at now: Instant) -> String {
        title = nil
        return erase()
    }

    private mutating func above(_ note: StyledText, at now: Instant) -> String {
        above(note.style.applied(to: "  \(note.text.showable)", traits), at: now)
    }

    /// A line that stays, over the running step.
    private mutating func above(_ line: String, at now: Instant) -> String {
        "\(erase())\(line)\n\(redraw(at: now))"
    }

    private mutating func erase() -> String {
        defer { isDrawn = false }
        return isDrawn ? LiveSteps.clearLine : ""
    }

    private mutating func redraw(at now: Instant) -> String {
        guard let title else { return erase() }
        isDrawn = true
        let time = HumanFormat.duration(seconds: ((now - since).inSeconds * 10).rounded(.down) / 10)
        let text = "\(title.padded(to: LiveSteps.titleWidth)) \(time)\(detail.isEmpty ? "" : "  \(detail)")"
        // One column is left free: writing into the last one wraps on some terminals, and then the line is two.
        let fitted = text.fitted(to: max(0, traits.columns - 5), unicode: traits.hasUnicode)
        return "\(LiveSteps.clearLine)  \(Style.warning.applied(to: spinner, traits)) \(fitted)"
    }

    private func finishedLine(seconds: Double, failure: String?) -> String {
        let time = HumanFormat.duration(seconds: seconds)
        let text = "\((title ?? "").padded(to: LiveSteps.titleWidth)) \(time)"
        guard let failure else {
            return "  \(Style.good.applied(to: traits.hasUnicode ? "✓" : "+", traits)) \(text)"
        }
        let mark = Style.bad.applied(to: traits.hasUnicode ? "✗" : "x", traits)
        return "  \(mark) \(text)  \(Style.bad.applied(to: failure.showable, traits))"
    }

    private var spinner: String {
        let frames = traits.hasUnicode ? ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] : ["|", "/", "-", "\\"]
        return frames[frame % frames.count]
    }
}
