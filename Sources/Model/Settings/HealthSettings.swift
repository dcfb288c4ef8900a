package struct HealthSettings: Sendable, Codable, Equatable {
    /// Nil: `/up` is asked for if the app answers it with 2xx; else `/`, and only a 5xx or no answer fails ("weak proof").
    package var path: String?
    /// Inclusive status range that counts as healthy when `path` is set.
    package var expectLow: Int = 200
    package var expectHigh: Int = 399
    package var host: String?
    package var headers: [String: String] = [:]
    package var bodyContains: String?
    package var timeout: Duration = .seconds(10)
    package var interval: Duration = .milliseconds(250)
    /// Good answers in a row that prove a worker.
    package var successes: Int = 2
    /// Nil means `PoolSettings.startTimeout`.
    package var deadline: Duration?
    /// Pause between two probes of a worker that serves; only with `path`. Zero: none.
    package var afterSwitchInterval: Duration = .seconds(5)
    /// Bad answers in a row after which a worker that serves is replaced.
    package var failures: Int = 3
    /// Paths that are requested on every new worker before it counts as proved, whatever they answer.
    package var warmup: [String] = []
    package init() {}
}
