import Linux
package import Logging
import Model

/// swift-log messages as one JSON object a line: `time` (UTC, milliseconds), `level` and `message`, then the metadata by name.
package struct JSONLogHandler: LogHandler {
    private let shared: SharedLevel
    private var own: Logger.Level?
    package var logLevel: Logger.Level {
        get { own ?? shared.level }
        set { own = newValue }
    }
    package var metadata: Logger.Metadata = [:]
    private let writer: LogWriter

    package init(writer: LogWriter, level: SharedLevel) {
        self.writer = writer
        shared = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = "{\"time\":\"\(Timestamp.now())\",\"level\":\"\(event.level)\","
        line += "\"message\":\(JSONText.quoted("\(event.message)"))"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            line += ",\(JSONText.quoted(key)):\(Self.json(value))"
        }
        writer.write(line + "}")
    }

    private static func json(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): JSONText.quoted(text)
        case .stringConvertible(let number as any FixedWidthInteger): "\(number)"
        case .stringConvertible(let other): JSONText.quoted("\(other)")
        case .array(let list): "[" + list.map(json).joined(separator: ",") + "]"
        case .dictionary(let pairs):
            "{"
                + pairs.sorted { $0.key < $1.key }.map { "\(JSONText.quoted($0.key)):\(json($0.value))" }
                .joined(separator: ",") + "}"
        }
    }
}
