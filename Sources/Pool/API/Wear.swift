/// Why a worker that serves is replaced by a new one.
package enum Wear: Sendable, Equatable {
    /// It has had as many requests as `max_requests` allows it.
    case requests(UInt64)
    /// Its memory, in bytes, is over `memory_limit`.
    case memory(Int)
    /// It fails its health probes.
    case unhealthy(BootFailure)
    /// Somebody asked for it.
    case byHand
}
