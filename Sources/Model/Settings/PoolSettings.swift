/// Whether a session worker (Ruby, WSGI) serves one request at a time or several, each in a thread of its own.
package enum ConcurrencyModel: String, Sendable, Codable, CaseIterable { case process, thread }

/// How the workers of an app come to have loaded it.
package enum SpawnMethod: String, Sendable, Codable, Equatable, CaseIterable {
    /// Once, by a preloader that forks them. For Ruby and Python; all else is started directly.
    case smart
    /// Each by itself.
    case direct
}

package struct PoolSettings: Sendable, Codable, Equatable {
    package var maxPoolSize: Int = 6
    /// Workers that are always kept. With 0 an app that nobody has asked for anything for `poolIdleTime` sleeps; the next
    /// request wakes it.
    package var minInstances: Int = 1
    /// Workers that an app grows to at most; 0 means as many as `maxPoolSize` leaves.
    package var maxInstances: Int = 0
    /// Workers that were not needed for so long are stopped, down to `minInstances`; zero means never.
    package var poolIdleTime: Duration = .seconds(300)
    /// False: the first worker boots with the first request.
    package var prestart: Bool = true
    /// A worker that has had so many requests is replaced, a tenth sooner at most so that not all are at once; 0: never.
    package var maxRequests: Int = 0
    /// Bytes of private memory and swap, of a worker's process tree: from so many on it is replaced after its requests;
    /// 0 is no limit.
    package var memoryLimit: Int = 0
    /// From so many on it is stopped at once; 0 is no limit.
    package var hardMemoryLimit: Int = 0
    package var startTimeout: Duration = .seconds(90)
    package var stopTimeout: Duration = .seconds(60)
    /// At most this many workers of an app boot at the same time; 0 means one for each core.
    package var maxParallelSpawns: Int = 0
    package var concurrencyModel: ConcurrencyModel = .process
    /// Counts with `concurrencyModel` thread.
    package var threadCount: Int = 1
    /// -1: what the worker says of itself (1 or `threadCount` for session workers, 1024 for others); 0: unlimited.
    package var forceMaxConcurrentRequestsPerProcess: Int = -1
    package var spawnMethod: SpawnMethod = .smart
    /// A preloader that forked nothing for so long is stopped. Zero: it stays as long as its generation is live.
    package var maxPreloaderIdleTime: Duration = .seconds(300)
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
