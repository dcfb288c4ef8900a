import AdminAPI
import Model

/// Requests and latency of the last seconds, from reports of metrics.
struct TrafficHistory: Sendable {
    static let window = 5.0

    struct Figures: Sendable, Equatable {
        var perSecond = 0.0
        var errorsPerSecond = 0.0
        /// Seconds; nil without requests.
        var p50: Double?
        var p99: Double?
    }

    struct Key: Hashable, Sendable {
        var app: AppName
        /// Nil for all of them.
        var generation: GenerationNumber?
    }

    private var reports: [MetricsReport] = []

    mutating func add(_ report: MetricsReport) {
        if let last = reports.last, last.core != report.core || last.uptimeSeconds >= report.uptimeSeconds {
            reports = []
        }
        reports.append(report)
        while reports.count > 2, reports[1].uptimeSeconds <= report.uptimeSeconds - Self.window {
            reports.removeFirst()
        }
    }

    /// Empty before there are two reports to compare.
    var current: [Key: Figures] {
        guard let last = reports.last, let first = reports.first, reports.count > 1 else { return [:] }
        let seconds = last.uptimeSeconds - first.uptimeSeconds
        let before = Dictionary(first.apps.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        var figures: [Key: Figures] = [:]
        for app in last.apps {
            let old = before[app.name]
            figures[Key(app: app.name)] = Self.figures(
                Self.sum(app.answers), Self.sum(old?.answers ?? [:]), app.duration.since(old?.duration ?? .init()),
                seconds)
            for generation in app.generations {
                let old = old?.generations.first { $0.number == generation.number }
                figures[Key(app: app.name, generation: generation.number)] = Self.figures(
                    generation.answers, old?.answers ?? [:], generation.duration.since(old?.duration ?? .init()),
                    seconds)
            }
        }
        return figures
    }

    private static func sum(_ answers: [String: [String: UInt64]]) -> [String: UInt64] {
        answers.values.reduce(into: [:]) { sum, classes in sum.merge(classes) { $0 &+ $1 } }
    }

    private static func figures(
        _ now: [String: UInt64], _ before: [String: UInt64], _ duration: DurationHistogram, _ seconds: Double
    ) -> Figures {
        func rate(_ count: (([String: UInt64]) -> UInt64)) -> Double {
            let (new, old) = (count(now), count(before))
            return new > old && seconds > 0 ? Double(new - old) / seconds : 0
        }
        return Figures(
            perSecond: rate { $0.values.reduce(0, &+) }, errorsPerSecond: rate { $0["5xx"] ?? 0 },
            p50: duration.quantile(0.5), p99: duration.quantile(0.99))
    }
}
