/// Whether a session worker (Ruby, WSGI) serves one request at a time or several, each in a thread of its own.
package enum ConcurrencyModel: String, Sendable, Codable, CaseIterable { case process, thread }

package struct PoolSettings: Sendable, Codable, Equatable {
    package var maxPoolSize: Int = 6
    /// Workers that a generation boots to and keeps.
    package var minInstances: Int = 1
    package var startTimeout: Duration = .seconds(90)
    package var stopTimeout: Duration = .seconds(60)
    /// At most this many workers of an app boot at the same time; 0 means one for each core.
    package var maxParallelSpawns: Int = 0
    package var concurrencyModel: ConcurrencyModel = .process
    /// Counts with `concurrencyModel` thread.
    package var threadCount: Int = 1
    /// -1: what the worker says of itself (1 or `threadCount` for session workers, 1024 for others); 0: unlimited.
    package var forceMaxConcurrentRequestsPerProcess: Int = -1
    /// Threads that serve requests in a session worker.
    package var requestThreads: Int { concurrencyModel == .thread ? threadCount : 1 }
    package init() {}
}

package struct QueueSettings: Sendable, Codable, Equatable {
    /// 0 means unlimited.
    package var maxRequestQueueSize: Int = 100
    /// Zero means for ever.
    package var maxRequestQueueTime: Duration = .zero
    package var overflowStatusCode: Int = 503
    package var timeoutStatusCode: Int = 504
    package init() {}
}
