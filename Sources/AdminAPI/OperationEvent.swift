package import Model

/// One line of an operation's event stream: `{"event": "step_started", …}`. The stream of an operation begins with its
/// first event however late it is asked for, and ends after `finished`.
package enum OperationEvent: Sendable, Equatable {
    /// `title` is for people: `bundle install`, `boot 3 workers`; without one the step's name has to do.
    case stepStarted(step: String, title: String? = nil)
    /// `failure` is one line; the whole story comes with `finished`.
    case stepFinished(step: String, seconds: Double, failure: String? = nil)
    /// One line of a command's output, without its newline.
    case output(step: String, line: String)
    /// Takes the place of the one before on a terminal: `40% (120 of 300 objects)`.
    case progress(step: String, text: String)
    /// All traffic goes to `release` now.
    case switched(release: String?, milliseconds: Double)
    case notice(level: NoticeLevel, text: String)
    /// The server no longer had this many events that the reader had not seen.
    case skipped(events: Int)
    case finished(OperationResult)
    /// From a newer server; skipped by whoever does not know it.
    case unknown(event: String)

    package enum NoticeLevel: String, Sendable, Codable, CaseIterable { case info, warning, alarm }
}

/// The last word about an operation.
package struct OperationResult: Sendable, Codable, Equatable {
    package var outcome: OperationOutcome
    package var deploy: DeployNumber?
    /// Name of the release that is live now: `42-9be0d13`.
    package var release: String?
    /// One line for people: what holds now.
    package var summary: String?
    /// Set when the outcome is not what was asked for.
    package var failure: FailureReport?
    /// How long the switch itself took.
    package var switchMilliseconds: Double?
    package var seconds: Double?

    package init(
        _ outcome: OperationOutcome, deploy: DeployNumber? = nil, release: String? = nil, summary: String? = nil,
        failure: FailureReport? = nil, switchMilliseconds: Double? = nil, seconds: Double? = nil
    ) {
        self.outcome = outcome
        self.deploy = deploy
        self.release = release
        self.summary = summary
        self.failure = failure
        self.switchMilliseconds = switchMilliseconds
        self.seconds = seconds
    }

    /// What the command that followed the operation exits with: a step that took too long is told from one that failed.
    package var exitStatus: Int32 {
        let tookTooLong = outcome == .failed && failure?.code == "command_timed_out"
        return tookTooLong ? ErrorCode.timedOut.exitStatus : outcome.exitStatus
    }
}

extension OperationEvent: Codable {
    private enum Key: String, CodingKey {
        case event, step, title, seconds, failure, line, text, release, milliseconds, level, events, result
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String { try container.decode(String.self, forKey: key) }
        func optional(_ key: Key) throws -> String? { try container.decodeIfPresent(String.self, forKey: key) }
        func number(_ key: Key) throws -> Double { try container.decode(Double.self, forKey: key) }
        let event = try text(.event)
        switch event {
        case "step_started": self = .stepStarted(step: try text(.step), title: try optional(.title))
        case "step_finished":
            self = .stepFinished(
                step: try text(.step), seconds: try number(.seconds), failure: try optional(.failure))
        case "output": self = .output(step: try text(.step), line: try text(.line))
        case "progress": self = .progress(step: try text(.step), text: try text(.text))
        case "switched":
            self = .switched(release: try optional(.release), milliseconds: try number(.milliseconds))
        case "notice":
            let level = try container.decode(NoticeLevel.self, forKey: .level)
            self = .notice(level: level, text: try text(.text))
        case "skipped": self = .skipped(events: try container.decode(Int.self, forKey: .events))
        case "finished": self = .finished(try container.decode(OperationResult.self, forKey: .result))
        default: self = .unknown(event: event)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .event)
        switch self {
        case .stepStarted(let step, let title):
            try container.encode(step, forKey: .step)
            try container.encodeIfPresent(title, forKey: .title)
        case .stepFinished(let step, let seconds, let failure):
            try container.encode(step, forKey: .step)
            try container.encode(seconds, forKey: .seconds)
            try container.encodeIfPresent(failure, forKey: .failure)
        case .output(let step, let line):
            try container.encode(step, forKey: .step)
            try container.encode(line, forKey: .line)
        case .progress(let step, let text):
            try container.encode(step, forKey: .step)
            try container.encode(text, forKey: .text)
        case .switched(let release, let milliseconds):
            try container.encodeIfPresent(release, forKey: .release)
            try container.encode(milliseconds, forKey: .milliseconds)
        case .notice(let level, let text):
            try container.encode(level, forKey: .level)
            try container.encode(text, forKey: .text)
        case .skipped(let events): try container.encode(events, forKey: .events)
        case .finished(let result): try container.encode(result, forKey: .result)
        case .unknown: break
        }
    }

    private var name: String {
        switch self {
        case .stepStarted: "step_started"
        case .stepFinished: "step_finished"
        case .output: "output"
        case .progress: "progress"
        case .switched: "switched"
        case .notice: "notice"
        case .skipped: "skipped"
        case .finished: "finished"
        case .unknown(let event): event
        }
    }
}
