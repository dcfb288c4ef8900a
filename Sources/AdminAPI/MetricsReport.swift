package import Model

/// Answer to `GET /metrics.json`: what `GET /metrics` tells in Prometheus' form, with all of the histograms' buckets.
///
/// What is counted is counted since `core` started; another core begins anew. What is told of a generation ends with it.
package struct MetricsReport: Sendable, Codable, Equatable {
    package var version: String
    /// Which core of this server answers: counts of another one are not to be compared.
    package var core: Int
    package var at: WallTime
    /// On a clock that nobody sets: rates are differences of two reports, divided by that of their uptimes.
    package var uptimeSeconds: Double
    /// Upper bounds of the histograms' buckets; there is one more, for what took longer.
    package var bucketSeconds = DurationHistogram.boundSeconds
    /// Only for the server's own users.
    package var server: ServerMetrics?
    package var apps: [AppMetrics] = []

    package init(version: String, core: Int, at: WallTime, uptimeSeconds: Double) {
        self.version = version
        self.core = core
        self.at = at
        self.uptimeSeconds = uptimeSeconds
    }
}

package struct ServerMetrics: Sendable, Codable, Equatable {
    package var instance: String
    package var listeners: [ListenerMetrics] = []
    /// Ended at once, because there were `max_connections`.
    package var connectionsRefused = 0
    /// Answers to requests of no app, by status class.
    package var unrouted: [String: UInt64] = [:]
    /// Of the core; nil where /proc does not tell.
    package var process: ProcessMetrics?
    package init(instance: String) { self.instance = instance }
}

package struct ListenerMetrics: Sendable, Codable, Equatable {
    package var listener: String
    package var open: Int
    package var accepted: Int
    package init(listener: String, open: Int, accepted: Int) {
        self.listener = listener
        self.open = open
        self.accepted = accepted
    }
}

package struct ProcessMetrics: Sendable, Codable, Equatable {
    /// Since 1970.
    package var startTimeSeconds: Double
    package var cpuSeconds: Double
    package var residentBytes: Int
    package var virtualBytes: Int
    package var openFiles: Int
    package var maxFiles: Int
    package init(
        startTimeSeconds: Double, cpuSeconds: Double, residentBytes: Int, virtualBytes: Int, openFiles: Int,
        maxFiles: Int
    ) {
        self.startTimeSeconds = startTimeSeconds
        self.cpuSeconds = cpuSeconds
        self.residentBytes = residentBytes
        self.virtualBytes = virtualBytes
        self.openFiles = openFiles
        self.maxFiles = maxFiles
    }
}

package struct AppMetrics: Sendable, Codable, Equatable {
    package var name: AppName
    package var isPaused = false
    package var queueLength = 0
    /// 0 is no limit.
    package var queueLimit = 0
    /// By who answered (`worker`, `file`, `cache`, `gateway`) and status class (`2xx`, …, `aborted`).
    package var answers: [String: [String: UInt64]] = [:]
    package var duration = DurationHistogram()
    package var queueWait = DurationHistogram()
    package var requestBytes: UInt64 = 0
    package var answerBytes: UInt64 = 0
    /// Answered by the gateway before a worker had the request, and because of one, by reason.
    package var refused: [String: UInt64] = [:]
    package var failed: [String: UInt64] = [:]
    /// Workers that came up, and that did not.
    package var spawned: UInt64 = 0
    package var spawnFailures: UInt64 = 0
    package var spawnDuration = DurationHistogram()
    package var crashes: UInt64 = 0
    /// Workers that were to be replaced, by reason.
    package var replaced: [String: UInt64] = [:]
    package var switches: UInt64 = 0
    package var drainDuration = DurationHistogram()
    /// Requests and streams that were cut because a drain's time was over.
    package var cutRequests: UInt64 = 0
    /// By result.
    package var deploys: [String: UInt64] = [:]
    package var rollbacks: [String: UInt64] = [:]
    package var restarts: [String: UInt64] = [:]
    package var generations: [GenerationMetrics] = []
    package init(name: AppName) { self.name = name }
}

package struct GenerationMetrics: Sendable, Codable, Equatable {
    package var number: GenerationNumber
    package var release: String?
    package var state: GenerationStatus.State
    /// Workers that it is kept at.
    package var target = 0
    package var ageSeconds: Double = 0
    /// What its workers answered, and what was answered because of them, by status class.
    package var answers: [String: UInt64] = [:]
    package var duration = DurationHistogram()
    /// By state.
    package var workers: [String: Int] = [:]
    package var requestsNow = 0
    package var streamsNow = 0
    /// Of all workers that have been measured; nil when none has.
    package var memory: MemoryStatus?
    /// That its workers, those that have ended too, were seen to have used. It is looked at every few seconds.
    package var cpuSeconds: Double?
    package init(number: GenerationNumber, release: String?, state: GenerationStatus.State) {
        self.number = number
        self.release = release
        self.state = state
    }
}
