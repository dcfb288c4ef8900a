package import Model
package import Pool

/// What operations need of the pool, for one app. The core implements it over `Pool`; tests over an array.
package protocol GenerationHost: Sendable {
    /// The generation that gets the traffic, with the number of workers it keeps; nil when nothing is routed.
    func liveGeneration() -> LiveGeneration?
    /// Boots and proves a whole generation beside the live one; a failure leaves nothing behind. When the calling task
    /// is cancelled it gives up as soon as it can, leaving nothing behind, or returns the generation it had booted.
    func boot(_ spec: GenerationSpec) async throws(GenerationFailure) -> BootedGeneration
    /// Boots one worker, waits for its handshake, stops it.
    func trial(_ spec: GenerationSpec) async throws(GenerationFailure)
    /// Starts the app when nothing is live: requests wait, boots are retried for ever.
    func bootLive(_ spec: GenerationSpec) -> GenerationNumber
    /// The atomic switch; returns the generation that was live. Only a proved generation or a standby can be switched
    /// to, else nothing happens: `liveGeneration` says afterwards what is true.
    func switchTraffic(to generation: GenerationNumber) -> GenerationNumber?
    /// Requests are answered with this, whatever serves, until the next switch.
    func restartFailed(_ failure: BootFailure)
    /// The generation gets so many percent (more than 0, less than 100) of the requests, and what is live the rest; nil: all
    /// of them go to what is live again. Clients that keep cookies stay with one of the two.
    func share(_ generation: GenerationNumber, percent: Double?)
    /// No new requests, finish those in flight, then stop; at the deadline stop anyway.
    func drain(_ generation: GenerationNumber, within: Duration)
    /// Shrink to a standby, never below one worker.
    func park(_ generation: GenerationNumber, workers: Int)
    /// Zero: all of its workers stop after their requests; it can be grown again.
    func scale(_ generation: GenerationNumber, workers: Int)
    /// Returns when it has no process, false at the deadline.
    func waitUntilEmpty(_ generation: GenerationNumber, deadline: Instant) async -> Bool
    /// False when there are fewer than `workers` proved workers at the deadline.
    func waitUntilReady(_ generation: GenerationNumber, workers: Int, deadline: Instant) async -> Bool
    /// What drains, oldest first.
    func drainingGenerations() -> [GenerationNumber]
    /// What processes run from: of every generation that is not gone.
    func releasesInUse() -> Set<DeployNumber>
    /// Those that are not gone, whatever their state.
    func generationCount() -> Int
    /// Of all of those: workers that have not ended.
    func workerCount() -> Int
    /// Its streams are cut short. Its requests are not: none is lost to a deploy.
    func hurry(_ generation: GenerationNumber)
    /// All processes of it have ended.
    func waitUntilGone(_ generation: GenerationNumber) async
    /// Stop everything of it now; it has no traffic.
    func discard(_ generation: GenerationNumber)
    /// Keeps the app at so many workers, whichever generation is live; nil: at as many as are needed.
    func setScale(_ workers: Int?)
    /// Holds the app's requests, each for so long at most; nil lets them go on.
    func setPause(hold: Duration?)
    /// Workers that take requests now; one that sleeps counts as one.
    func readyWorkers(of generation: GenerationNumber) -> Int
    func traffic(of generation: GenerationNumber) -> TrafficCounts
    /// Since it had its first request.
    func routes(of generation: GenerationNumber) -> [RouteTraffic]
    /// The last lines that its workers wrote, errors rather than others.
    func lastLines(of generation: GenerationNumber) -> [String]
    /// Proportional set size of one worker, on average; nil where nothing was measured yet.
    func memoryPerWorker(of generation: GenerationNumber) -> Int?
    /// Bytes that can be taken without swapping; nil where the system does not say.
    func availableMemory() -> Int?
    /// Percent of the last ten seconds in which something waited for memory (PSI, `some avg10`); nil where it is not told.
    func memoryPressure() -> Double?
}

package struct LiveGeneration: Sendable, Equatable {
    package var number: GenerationNumber
    package var workers: Int
    package init(number: GenerationNumber, workers: Int) {
        self.number = number
        self.workers = workers
    }
}
