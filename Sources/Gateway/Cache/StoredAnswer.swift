package import HTTP1
import Model

/// An answer in the cache. Immutable: hits hold on to it however long its client takes, also when it was evicted.
package final class StoredAnswer: Sendable {
    /// Ranges into `headBytes`; its framing is the body's length.
    package let head: ResponseHead
    package let headBytes: [UInt8]
    package let body: [UInt8]
    private let lifetime: StoreDecision.Lifetime
    var freshUntil: Instant { lifetime.freshUntil }

    init(_ draft: AnswerDraft, body: [UInt8]) {
        var head = draft.head
        if head.status == 204 {
            head.framing = .none
        } else {
            head.framing = .length(body.count)
            head.contentLength = body.count
        }
        self.head = head
        headBytes = draft.bytes
        self.body = body
        lifetime = draft.lifetime
    }

    func isFresh(_ now: Instant) -> Bool { now < freshUntil }

    /// current_age (RFC 9111 section 4.2.3), in seconds.
    func age(_ now: Instant) -> Int { max(0, Int((now - lifetime.bornAt).components.seconds)) }

    /// Whether the request's own Cache-Control takes it.
    func suits(_ request: CacheRequest, _ now: Instant) -> Bool {
        if let limit = request.maxAge, age(now) > limit { return false }
        guard let wanted = request.minFresh else { return true }
        return now + .seconds(wanted) <= freshUntil
    }
}

/// An answer that is on its way into the cache: its head is complete, its body is not.
struct AnswerDraft: Sendable {
    let head: ResponseHead
    let bytes: [UInt8]
    let lifetime: StoreDecision.Lifetime
    /// The answer's own, when it stated one.
    let length: Int?

    /// Bytes, its body aside.
    var cost: Int { bytes.count + head.fields.count * MemoryLayout<HeaderField>.stride }
}
