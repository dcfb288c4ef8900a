package import Model

/// Steps in the log of a GitLab job: each is a collapsed section with its output in it ("Custom collapsible sections").
package struct GitLabSteps: StepRenderer {
    private var plain: PlainSteps
    /// Seconds since 1970 at the zero of the clock that comes with each call.
    private let epoch: Double
    private var sections = 0
    private var isOpen = false

    package init(_ traits: TerminalTraits, epoch: Double) {
        plain = PlainSteps(traits)
        self.epoch = epoch
    }

    package mutating func show(_ event: StepEvent, at now: Instant) -> String {
        switch event {
        case .started(let title):
            let before = close(at: now)
            sections += 1
            isOpen = true
            return before + mark("section_start", "[collapsed=true]", now) + "\(title.showable)\n"
                + plain.show(event, at: now)
        case .finished: return close(at: now) + plain.show(event, at: now)
        case .output(let line): return "\(line.showable)\n"
        default: return plain.show(event, at: now)
        }
    }

    package mutating func tick(at now: Instant) -> String { plain.tick(at: now) }
    package mutating func end(at now: Instant) -> String { close(at: now) }

    private mutating func close(at now: Instant) -> String {
        defer { isOpen = false }
        return isOpen ? mark("section_end", "", now) : ""
    }

    /// CR and "erase line" hide the mark where sections are not known. Neither can come from a step: `showable` drops both.
    private func mark(_ kind: String, _ options: String, _ now: Instant) -> String {
        let time = Int64(epoch + (now - .zero).inSeconds)
        return "\(kind):\(time):passenger_\(sections)\(options)\r\u{1B}[0K"
    }
}
