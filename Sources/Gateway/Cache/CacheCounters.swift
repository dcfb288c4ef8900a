/// What a cache has done since it was made, and what it holds now.
package struct CacheCounters: Sendable, Equatable {
    package internal(set) var hits = 0
    /// Requests that were sent to the app, to fill the cache with its answer or past it.
    package internal(set) var misses = 0
    /// Requests that waited for another's answer; each is counted as a hit or a miss as well, when it is told.
    package internal(set) var waits = 0
    package internal(set) var stores = 0
    package internal(set) var refusals: [StoreRefusal: Int] = [:]
    /// Removed to make room.
    package internal(set) var evictions = 0
    package internal(set) var invalidations = 0
    package internal(set) var entries = 0
    /// See `CacheLimits.memory`.
    package internal(set) var bytes = 0

    package init() {}

    static func + (a: CacheCounters, b: CacheCounters) -> CacheCounters {
        var sum = a
        sum.hits += b.hits
        sum.misses += b.misses
        sum.waits += b.waits
        sum.stores += b.stores
        sum.refusals.merge(b.refusals, uniquingKeysWith: +)
        sum.evictions += b.evictions
        sum.invalidations += b.invalidations
        sum.entries += b.entries
        sum.bytes += b.bytes
        return sum
    }
}
