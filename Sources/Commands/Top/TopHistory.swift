import AdminAPI
import Model

/// The last reports of a server, and what happened between them. Decides nothing and asks nobody.
struct TopHistory: Sendable {
    /// That rates and quantiles are about: shorter, they only flicker.
    static let window = 5.0
    /// Processor time is seen every five seconds or so: it is known from one look to another.
    static let processorWindow = 15.0

    private struct Key: Hashable {
        var app: AppName
        var generation: GenerationNumber
    }

    private var reports: [MetricsReport] = []
    /// When another value than the one before was seen.
    private var processor: [Key: [(at: Double, seconds: Double)]] = [:]

    mutating func add(_ report: MetricsReport) {
        // Another core counts anew.
        if let last = reports.last, last.core != report.core || last.uptimeSeconds >= report.uptimeSeconds {
            reports = []
            processor = [:]
        }
        reports.append(report)
        let now = report.uptimeSeconds
        while reports.count > 2, reports[1].uptimeSeconds <= now - Self.window { reports.removeFirst() }
        var seen: [Key: [(at: Double, seconds: Double)]] = [:]
        for app in report.apps {
            for generation in app.generations {
                let key = Key(app: app.name, generation: generation.number)
                var points = processor[key] ?? []
                if let seconds = generation.cpuSeconds, points.last?.seconds != seconds {
                    points.append((now, seconds))
                }
                while points.count > 2, points[1].at <= now - Self.processorWindow { points.removeFirst() }
                seen[key] = points
            }
        }
        processor = seen
    }

    /// Nil before there are two reports to compare.
    var current: TopReport? {
        guard let last = reports.last, let first = reports.first, reports.count > 1 else { return nil }
        let seconds = last.uptimeSeconds - first.uptimeSeconds
        let before = Dictionary(first.apps.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        return TopReport(
            at: last.at, seconds: seconds,
            connections: last.server.map { $0.listeners.reduce(0) { $0 + $1.open } },
            apps: last.apps.map { app($0, before[$0.name], seconds) })
    }

    private func app(_ app: AppMetrics, _ before: AppMetrics?, _ seconds: Double) -> TopApp {
        let earlier = Dictionary((before?.generations ?? []).map { ($0.number, $0) }, uniquingKeysWith: { $1 })
        let generations = app.generations.map { generation in
            let old = earlier[generation.number]
            var figures = Self.figures(
                Self.count(generation.answers), Self.count(old?.answers ?? [:]),
                generation.duration.since(old?.duration ?? DurationHistogram()), seconds)
            figures.workers = generation.workers.values.reduce(0, +)
            figures.busy = generation.workers["busy"] ?? 0
            figures.memoryBytes = generation.memory?.pssBytes
            figures.cpuPercent = cpuPercent(Key(app: app.name, generation: generation.number))
            return TopGeneration(
                number: generation.number, release: generation.release, state: generation.state, figures: figures)
        }
        var figures = Self.figures(
            Self.count(app.answers), Self.count(before?.answers ?? [:]),
            app.duration.since(before?.duration ?? DurationHistogram()), seconds)
        figures.workers = generations.reduce(0) { $0 + $1.figures.workers }
        figures.busy = generations.reduce(0) { $0 + $1.figures.busy }
        figures.memoryBytes = Self.sum(generations.map(\.figures.memoryBytes), +)
        figures.cpuPercent = Self.sum(generations.map(\.figures.cpuPercent), +)
        return TopApp(
            name: app.name, isPaused: app.isPaused, figures: figures, queue: app.queueLength, generations: generations)
    }

    private typealias Count = (all: UInt64, errors: UInt64)

    private static func count(_ answers: [String: UInt64]) -> Count {
        (answers.values.reduce(0, +), answers["5xx"] ?? 0)
    }

    private static func count(_ sources: [String: [String: UInt64]]) -> Count {
        sources.values.reduce((0, 0)) { sum, answers in
            let count = count(answers)
            return (sum.0 + count.all, sum.1 + count.errors)
        }
    }

    private static func figures(
        _ now: Count, _ before: Count, _ durations: DurationHistogram, _ seconds: Double
    ) -> TopFigures {
        TopFigures(
            requestsPerSecond: Double(now.all - min(now.all, before.all)) / seconds,
            errorsPerSecond: Double(now.errors - min(now.errors, before.errors)) / seconds,
            p50: durations.quantile(0.5), p95: durations.quantile(0.95), p99: durations.quantile(0.99))
    }

    private func cpuPercent(_ key: Key) -> Double? {
        guard let points = processor[key], points.count > 1, let first = points.first, let last = points.last else {
            // It has been looked at, and stands still.
            let isStill = (reports.last?.uptimeSeconds ?? 0) - (processor[key]?.first?.at ?? .infinity) > 10
            return isStill ? 0 : nil
        }
        // Nothing was used since the last look; the next may be due.
        let end = max(last.at, (reports.last?.uptimeSeconds ?? 0) - 6)
        return max(0, last.seconds - first.seconds) / (end - first.at) * 100
    }

    private static func sum<Value>(_ values: [Value?], _ add: (Value, Value) -> Value) -> Value? {
        values.compactMap(\.self).reduce(nil) { sum, value in sum.map { add($0, value) } ?? value }
    }
}
