import AdminAPI
import Model

/// What happens now: figures of the last seconds. What `passenger top --json` prints.
struct TopReport: Codable, Sendable, Equatable {
    var at: WallTime
    /// That rates and quantiles are about.
    var seconds: Double
    /// Clients' connections; nil for others than the server's own users.
    var connections: Int?
    var apps: [TopApp]
}

struct TopApp: Codable, Sendable, Equatable {
    var name: AppName
    var isPaused: Bool
    /// Of all requests, those too that files and caches answered.
    var figures: TopFigures
    var queue: Int
    var generations: [TopGeneration]
}

struct TopGeneration: Codable, Sendable, Equatable {
    var number: GenerationNumber
    var release: String?
    var state: GenerationStatus.State
    var figures: TopFigures
}

struct TopFigures: Codable, Sendable, Equatable {
    var requestsPerSecond: Double = 0
    /// Answers of class 5xx.
    var errorsPerSecond: Double = 0
    /// Seconds that a half, 95 and 99 of a hundred requests took at most; nil without requests.
    var p50: Double?
    var p95: Double?
    var p99: Double?
    var workers = 0
    var busy = 0
    /// Of one processor; nil until it is known.
    var cpuPercent: Double?
    /// What the workers take together (PSS); nil until it is known.
    var memoryBytes: Int?
}
