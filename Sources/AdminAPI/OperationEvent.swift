package import Model

/// One line of an operation's event stream: `{"event": "step_started", …}`. The stream of an operation begins with its
/// first event however late it is asked for, and ends after `finished`.
package enum OperationEvent: Sendable, Equatable {
    case stepStarted(step: String)
    case stepFinished(step: String, seconds: Double)
    case output(step: String, line: String, stream: OutputStream)
    case progress(step: String, done: Int, total: Int?, unit: String)
    case notice(text: String)
    case finished(OperationResult)
    /// From a newer server; skipped by whoever does not know it.
    case unknown(event: String)

    package enum OutputStream: String, Sendable, Codable { case stdout, stderr }
}

/// The last word about an operation.
package struct OperationResult: Sendable, Codable, Equatable {
    package var outcome: OperationOutcome
    package var deploy: DeployNumber?
    /// Name of the release that is live now: `42-9be0d13`.
    package var release: String?
    /// Set when the outcome is not what was asked for.
    package var failure: FailureReport?
    /// How long the switch itself took.
    package var switchMilliseconds: Double?
    package var seconds: Double?

    package init(
        _ outcome: OperationOutcome, deploy: DeployNumber? = nil, release: String? = nil,
        failure: FailureReport? = nil, switchMilliseconds: Double? = nil, seconds: Double? = nil
    ) {
        self.outcome = outcome
        self.deploy = deploy
        self.release = release
        self.failure = failure
        self.switchMilliseconds = switchMilliseconds
        self.seconds = seconds
    }
}

extension OperationEvent: Codable {
    private enum Key: String, CodingKey {
        case event, step, seconds, line, stream, done, total, unit, text, result
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        func step() throws -> String { try container.decode(String.self, forKey: .step) }
        let event = try container.decode(String.self, forKey: .event)
        switch event {
        case "step_started": self = .stepStarted(step: try step())
        case "step_finished":
            self = .stepFinished(step: try step(), seconds: try container.decode(Double.self, forKey: .seconds))
        case "output":
            self = .output(
                step: try step(), line: try container.decode(String.self, forKey: .line),
                stream: try container.decode(OutputStream.self, forKey: .stream))
        case "progress":
            self = .progress(
                step: try step(), done: try container.decode(Int.self, forKey: .done),
                total: try container.decodeIfPresent(Int.self, forKey: .total),
                unit: try container.decode(String.self, forKey: .unit))
        case "notice": self = .notice(text: try container.decode(String.self, forKey: .text))
        case "finished": self = .finished(try container.decode(OperationResult.self, forKey: .result))
        default: self = .unknown(event: event)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        func begin(_ event: String, step: String? = nil) throws {
            try container.encode(event, forKey: .event)
            try container.encodeIfPresent(step, forKey: .step)
        }
        switch self {
        case .stepStarted(let step): try begin("step_started", step: step)
        case .stepFinished(let step, let seconds):
            try begin("step_finished", step: step)
            try container.encode(seconds, forKey: .seconds)
        case .output(let step, let line, let stream):
            try begin("output", step: step)
            try container.encode(line, forKey: .line)
            try container.encode(stream, forKey: .stream)
        case .progress(let step, let done, let total, let unit):
            try begin("progress", step: step)
            try container.encode(done, forKey: .done)
            try container.encodeIfPresent(total, forKey: .total)
            try container.encode(unit, forKey: .unit)
        case .notice(let text):
            try begin("notice")
            try container.encode(text, forKey: .text)
        case .finished(let result):
            try begin("finished")
            try container.encode(result, forKey: .result)
        case .unknown(let event): try begin(event)
        }
    }
}
