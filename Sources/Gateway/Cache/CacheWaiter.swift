/// Told later about a lookup that has to wait for another request's answer: once, on any thread, outside the cache's locks.
/// May call the cache. Never told to wait again.
///
/// The call can come before `ResponseCache.lookUp` has returned the ticket to the thread that asked.
package protocol CacheWaiter: AnyObject, Sendable {
    func cacheAnswered(_ answer: CacheAnswer)
}

package enum CacheAnswer: Sendable {
    case hit(CacheHit)
    /// Ask the app, and hand its answer to the cache, which other requests may be waiting for: `begin`, then `finish` or
    /// `abandon`.
    case lead(FillToken)
    /// Ask the app; the cache has nothing to do with this request.
    case pass
    /// Another request for the same asks the app already. The waiter is told, within seconds.
    case wait(WaitTicket)
    /// The request wants an answer from the cache or none (only-if-cached): 504 (RFC 9111 section 5.2.1.7).
    case notCached
}

/// The right, and the duty, to hand the cache an answer.
package struct FillToken: Sendable, Hashable {
    let shard: Int
    let id: UInt64
    /// The app must not see the request's If-None-Match and If-Modified-Since: its answer is for others too, who need it
    /// whole. The client gets a 200 where a 304 would have done.
    package let dropsConditions: Bool
}

/// A place among those that wait for an answer.
package struct WaitTicket: Sendable, Hashable {
    let shard: Int
    let id: UInt64
}
