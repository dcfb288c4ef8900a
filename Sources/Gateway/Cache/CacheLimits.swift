/// What the cache of all apps may hold. In bytes, unless they say otherwise.
package struct CacheLimits: Sendable {
    /// Heads, bodies, keys and an estimate of what surrounds them; answers under way included.
    package let memory: Int
    /// Head and body of one answer.
    package let entry: Int
    let shards: Int

    /// Field names in Vary.
    static let varyNames = 4
    /// Values that Vary's fields may have together, and the entries of one URI that differ by them alone.
    static let varyValues = 2 << 10
    static let variants = 16
    /// Requests that wait for one answer.
    static let waiters = 1024
    /// How long they do, from when the leader started.
    static let waitingTime: Duration = .seconds(5)
    /// How often a request may be sent from one answer that did not help it to the next.
    static let rounds = 2
    /// How long a URL whose answer could not be stored is remembered.
    static let markTime: Duration = .seconds(5)
    /// What an entry costs beside its bytes: objects, their places in tables, the allocator's rounding.
    static let overhead = 640

    package init(memory: Int) {
        self.memory = max(0, memory)
        entry = min(1 << 20, self.memory / 16)
        // A shard must hold a few of the largest entries.
        shards = max(1, min(8, self.memory / max(1, entry) / 8))
    }
}
