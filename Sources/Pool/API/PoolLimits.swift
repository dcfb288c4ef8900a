/// What bounds the pool as a whole.
package struct PoolLimits: Sendable {
    /// Workers of all apps' live generations together. A generation always gets at least one worker, so more apps than
    /// this are one worker each.
    package var maxPoolSize: Int
    /// Workers of generations that boot or wait beside the live ones, all apps together; again at least one each.
    /// Generations that are standby or draining were live and are not counted: `park`, `drain` and Deploys'
    /// `max_generations` bound those.
    package var maxSurge: Int
    /// Stands for `maxParallelSpawns` 0.
    package var processors: Int
    package var backOff = BackOffPolicy()
    package var pace = PaceLimits()
    /// Grace of a worker that is stopped before it ever served, and of all workers in a hurried shutdown; `stop_timeout`
    /// if that is less.
    package var shortGrace: Duration = .seconds(2)
    /// Given to the prober over its own deadline before a worker counts as unhealthy without its word.
    package var proofSlack: Duration = .seconds(5)
    /// How long out-of-band work may take, with what the worker still had to answer before it.
    package var workTime: Duration = .seconds(300)
    /// How long a new worker gets less than its share of the requests.
    package var slowStart: Duration = .seconds(5)
    /// A worker that has been idle for less is not stopped for another app's sake.
    package var evictionAge: Duration = .seconds(1)
    /// For jitter and weighted routing.
    package var seed: UInt64
    /// Debug builds check every invariant after every event; benchmarks switch that off.
    package var checksInvariants = true

    package init(maxPoolSize: Int = 6, maxSurge: Int? = nil, processors: Int = 2, seed: UInt64 = 0) {
        self.maxPoolSize = maxPoolSize
        self.maxSurge = maxSurge ?? maxPoolSize
        self.processors = processors
        self.seed = seed
    }
}

/// Which workers are fast enough to get requests ahead, while they are at another.
package struct PaceLimits: Sendable, Equatable {
    /// Of an answer. Up to this the waking is a tenth of the time and more. It also bounds what a request can lose by
    /// waiting for one worker and not for the first that is free.
    package var longestMean: Duration = .microseconds(500)
    /// A worker that is at one request for longer gets none.
    package var longestAnswer: Duration = .milliseconds(5)
    package init() {}
}

/// How long to wait before the next boot when boots keep failing or workers die young.
package struct BackOffPolicy: Sendable, Equatable {
    package var first: Duration = .milliseconds(250)
    package var longest: Duration = .seconds(30)
    /// A worker that dies sooner than this after its proof counts as a failure.
    package var youngAge: Duration = .seconds(10)
    /// A failure that comes longer than this after the one before starts the count anew.
    package var forgetAfter: Duration = .seconds(120)
    package init() {}
}
