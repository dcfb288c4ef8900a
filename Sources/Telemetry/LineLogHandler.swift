import Linux
package import Logging

/// swift-log messages as text lines: time (UTC, milliseconds), level, message, `key=value` metadata. What a line is about
/// (`LogField`) stands in its message already.
package struct LineLogHandler: LogHandler {
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
        var line = "\(Timestamp.now()) \(event.level.label) \(event.message)"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) where LogField(rawValue: key) == nil {
            line += " \(key)=\(value)"
        }
        writer.write(line)
    }
}

extension Logger.Level {
    /// Passenger's numbers: 0 critical, 1 error, 2 warning, 3 information, 4 to 7 ever more.
    package init(number: Int) {
        self =
            switch number {
            case ...0: .critical
            case 1: .error
            case 2: .warning
            case 3: .info
            case 4, 5: .debug
            default: .trace
            }
    }

    fileprivate var label: String {
        switch self {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info: "INFO "
        case .notice: "NOTE "
        case .warning: "WARN "
        case .error: "ERROR"
        case .critical: "CRIT "
        }
    }
}
