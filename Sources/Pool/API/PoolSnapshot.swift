package import Model

/// A picture of the pool at one instant, for status and metrics.
package struct PoolSnapshot: Sendable, Equatable {
    package var apps: [AppSnapshot]
    package var shuttingDown: Bool
    package init(apps: [AppSnapshot], shuttingDown: Bool) {
        self.apps = apps
        self.shuttingDown = shuttingDown
    }

    package subscript(_ app: AppIndex) -> AppSnapshot? { apps.first { $0.index == app } }
}

package struct AppSnapshot: Sendable, Equatable {
    package var index: AppIndex
    package var name: AppName
    package var table: RoutingTable
    /// Oldest first; those that are gone are left out.
    package var generations: [GenerationSnapshot]
    package var queueLength: Int
    package var totals: AppTotals
    package var lastBootFailure: BootFailure?
    /// Its requests are held.
    package var isPaused = false
    /// Workers that it is kept at by hand.
    package var scale: Int?
    /// Requests that may wait; 0 is no limit.
    package var queueLimit = 0

    /// The generation that most traffic goes to.
    package var live: GenerationSnapshot? {
        guard let number = table.primary else { return nil }
        return generations.first { $0.number == number }
    }
}

package struct GenerationSnapshot: Sendable, Equatable {
    package var number: GenerationNumber
    package var release: ReleaseLabel?
    package var directory: String
    package var state: GenerationState
    /// Workers that it is kept at.
    package var target: Int
    package var workers: [WorkerSnapshot]
    package var traffic: TrafficCounts
    package var lastError: BootFailure?
    package var bornAt: Instant
    /// While it drains: when requests are cut, and when the last stream is closed.
    package var drainDeadline: Instant?
    package var streamDeadline: Instant?
}

package struct WorkerSnapshot: Sendable, Equatable {
    package var number: WorkerNumber
    /// Nil until it was spawned.
    package var pid: Int32?
    package var state: WorkerState
    package var requestsNow: Int
    /// Upgraded connections, other long answers, and requests of `unlimited_concurrency_paths`: they take no place.
    package var streamsNow: Int
    package var requestsTotal: UInt64
    /// 0 is unlimited.
    package var concurrency: Int
    package var bornAt: Instant
    /// When it last gave a request back, or came up.
    package var lastUsed: Instant
    package var address: WorkerAddress?
    /// It serves until another has taken its place.
    package var wear: Wear?
    /// Bytes of private memory and swap, as last measured.
    package var memory: Int?
}

/// Counted since the core started; gone generations included.
package struct AppTotals: Sendable, Equatable {
    package var granted: UInt64 = 0
    package var queued: UInt64 = 0
    package var refusedQueueFull: UInt64 = 0
    package var refusedQueueTimeout: UInt64 = 0
    package var refusedNotBooted: UInt64 = 0
    package var refusedShuttingDown: UInt64 = 0
    package var refusedPaused: UInt64 = 0
    /// Left the queue because the client did.
    package var cancelled: UInt64 = 0
    package var spawned: UInt64 = 0
    package var bootFailures: UInt64 = 0
    package var crashes: UInt64 = 0
    package var switches: UInt64 = 0
    package init() {}
}

/// What became of a generation's requests since traffic was last switched to it.
package struct TrafficCounts: Sendable, Equatable {
    package var requests: UInt64 = 0
    package var appErrors: UInt64 = 0
    package var gatewayErrors: UInt64 = 0
    /// Workers that died on their own while the generation was live.
    package var crashes: UInt64 = 0
    package init() {}
}
