package import HTTP1
package import Model
import Synchronization

/// The response cache of all apps: bounded memory, any thread.
///
/// A thin shell: the URIs are spread over a few `CacheMachine`s, each behind a lock, which decide; waiters are told after
/// unlocking. The life of a request: `CacheRequest.init`, `lookUp`; when that says `.lead`: `begin` with the head of the app's
/// final answer, `append` with its body, and `finish` or `abandon`.
package final class ResponseCache: Sendable {
    private final class Shard: Sendable {
        let machine: Mutex<CacheMachine>
        init(_ machine: CacheMachine) { self.machine = Mutex(machine) }
    }

    package let limits: CacheLimits
    private let shards: [Shard]

    package init(limits: CacheLimits) {
        self.limits = limits
        shards = (0..<limits.shards).map { Shard(CacheMachine(limits: limits, shard: $0)) }
    }

    /// The waiter is told later, exactly once, when the answer is `.wait`, unless `cancelWait` comes first; never otherwise.
    package func lookUp(_ request: CacheRequest, waiter: any CacheWaiter, now: Instant) -> CacheAnswer {
        shard(request.key.resource).machine.withLock { $0.lookUp(request, waiter, now: now) }
    }

    /// True: it left, and no call will come. False: it was told, or is being told; what it was told counts, a `.lead` must be
    /// abandoned.
    @discardableResult
    package func cancelWait(_ ticket: WaitTicket) -> Bool {
        shards[ticket.shard].machine.withLock { $0.cancelWait(ticket.id) }
    }

    // MARK: Filling. After false the token is spent, the exchange goes on without the cache; `abandon` does no harm then.

    /// The head of the final answer, as the worker sent it, and who answered: that may be another generation than the one
    /// that was looked up. `wallClock` in seconds since 1970.
    package func begin(
        _ token: FillToken, answeredBy generation: GenerationNumber, _ head: ResponseHead,
        _ bytes: UnsafeRawBufferPointer, now: Instant, wallClock: Int
    ) -> Bool {
        decide(token.shard) { machine, releases in
            machine.begin(
                token.id, answeredBy: generation, head, bytes, now: now, wallClock: wallClock, &releases)
        }
    }

    /// More of the body: without chunk framing, not compressed by the gateway.
    package func append(_ token: FillToken, _ bytes: UnsafeRawBufferPointer, now: Instant) -> Bool {
        decide(token.shard) { machine, releases in machine.append(token.id, bytes, now: now, &releases) }
    }

    /// The answer is complete. True when it is stored.
    @discardableResult
    package func finish(_ token: FillToken, now: Instant) -> Bool {
        decide(token.shard) { machine, releases in machine.finish(token.id, now: now, &releases) }
    }

    /// There is no answer, or only a part of it: the client left and its request with it, the worker died, the queue was
    /// full. The first of those who wait becomes the leader.
    package func abandon(_ token: FillToken, now: Instant) {
        decide(token.shard) { machine, releases in
            machine.refuse(token.id, .abandoned, marks: false, now: now, &releases)
        }
    }

    // MARK: Dropping

    /// For each of `Invalidation.targets`, before the answer goes to its client.
    package func invalidate(_ resource: ResourceKey, now: Instant) {
        decide(index(resource)) { machine, releases in machine.invalidate(resource, now: now, &releases) }
    }

    /// A generation that gets no traffic any more. Looks at every entry.
    package func dropGeneration(_ generation: GenerationNumber, of app: AppName, now: Instant) {
        for shard in shards.indices {
            decide(shard) { machine, releases in machine.drop(app, generation, now: now, &releases) }
        }
    }

    /// An app that is served no longer, or whose settings changed.
    package func dropApp(_ app: AppName, now: Instant) {
        for shard in shards.indices {
            decide(shard) { machine, releases in machine.drop(app, nil, now: now, &releases) }
        }
    }

    /// About once a second, from one place.
    package func tick(now: Instant) {
        for shard in shards.indices { decide(shard) { machine, releases in machine.tick(now: now, &releases) } }
    }

    package var counters: CacheCounters {
        shards.reduce(into: CacheCounters()) { sum, shard in
            let part = shard.machine.withLock { $0.counters }
            sum = sum + part
        }
    }

    // MARK: The locks

    private func index(_ resource: ResourceKey) -> Int {
        Int(UInt(bitPattern: resource.hashValue) % UInt(shards.count))
    }

    private func shard(_ resource: ResourceKey) -> Shard { shards[index(resource)] }

    @discardableResult
    private func decide<Result: Sendable>(
        _ shard: Int, _ event: (inout CacheMachine, inout [CacheMachine.Release]) -> Result
    ) -> Result {
        let (result, releases) = shards[shard].machine.withLock { machine in
            var releases: [CacheMachine.Release] = []
            let result = event(&machine, &releases)
            return (result, releases)
        }
        for release in releases { release.waiter.cacheAnswered(release.answer) }
        return result
    }
}
