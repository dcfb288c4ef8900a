package import Model

/// One line of what an app's processes wrote.
package struct LogLine: Sendable, Codable, Equatable {
    package var time: WallTime
    /// Of a worker or a preloader; nil for a companion.
    package var generation: GenerationNumber?
    package var worker: WorkerNumber?
    /// `w12`, `g7 preloader`, or a companion's `worker.1`.
    package var source: String
    /// `stdout` or `stderr`.
    package var stream: String
    package var text: String
    package init(
        time: WallTime, generation: GenerationNumber?, worker: WorkerNumber?, source: String, stream: String,
        text: String
    ) {
        self.time = time
        self.generation = generation
        self.worker = worker
        self.source = source
        self.stream = stream
        self.text = text
    }
}

/// A line of the answer to `GET /apps/{app}/logs`.
package enum LogEvent: Sendable, Equatable {
    case line(LogLine)
    /// So many lines of the app were forgotten before this reader came to them.
    case skipped(lines: Int)
    /// From a newer server.
    case unknown(event: String)
}

extension LogEvent: Codable {
    private enum Key: String, CodingKey { case event, lines }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        switch try container.decode(String.self, forKey: .event) {
        case "line": self = .line(try LogLine(from: decoder))
        case "skipped": self = .skipped(lines: try container.decode(Int.self, forKey: .lines))
        case let event: self = .unknown(event: event)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .line(let line):
            try container.encode("line", forKey: .event)
            try line.encode(to: encoder)
        case .skipped(let lines):
            try container.encode("skipped", forKey: .event)
            try container.encode(lines, forKey: .lines)
        case .unknown(let event): try container.encode(event, forKey: .event)
        }
    }
}

/// The query of `GET /apps/{app}/logs`: `lines`, `follow`, `generation`, `source`.
package struct LogQuery: Sendable, Equatable {
    package static let mostLines = 10_000
    /// So many of the last ones.
    package var lines = 100
    /// Go on with what is written from now on.
    package var follows = false
    package var generation: GenerationNumber?
    /// As `LogLine.source`.
    package var source: String?
    package init() {}

    package func matches(_ line: LogLine) -> Bool {
        (generation == nil || line.generation == generation) && (source == nil || line.source == source)
    }

    package var text: String {
        var parts = ["lines=\(lines)"]
        if follows { parts.append("follow=true") }
        if let generation { parts.append("generation=\(generation.rawValue)") }
        if let source { parts.append("source=\(source)") }
        return parts.joined(separator: "&")
    }
}
