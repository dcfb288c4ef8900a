import ArgumentParser

/// `500ms`, `30s`, `10m`, `2h`, or a number of seconds, as in the configuration.
struct TimeSpan: ExpressibleByArgument, Sendable, Equatable {
    let duration: Duration

    init(duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), number.isFinite, number >= 0, number < 1e9 else { return nil }
        let scale: Double? =
            switch argument.dropFirst(digits.count) {
            case "ms": 0.001
            case "", "s": 1
            case "m": 60
            case "h": 3600
            default: nil
            }
        guard let scale else { return nil }
        duration = .milliseconds(Int64((number * scale * 1000).rounded()))
    }

    var defaultValueDescription: String { "\(duration.components.seconds)s" }
}
