/// Names one worker in a client's cookie: a request that brings it goes to that worker for as long as it serves.
///
/// Opaque and in no order that could be guessed; no secret, and no promise beyond the worker's life: one that names no
/// worker (any more) is as good as none.
package struct StickyID: Hashable, Sendable, Codable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}
