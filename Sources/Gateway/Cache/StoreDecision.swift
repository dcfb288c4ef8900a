package import HTTP1
package import Model

/// The clocks around an answer's head: ages are counted on the monotonic one, dates compared with the wall's.
package struct AnswerTimes: Sendable {
    package var requestedAt: Instant
    package var receivedAt: Instant
    /// Seconds since 1970, when the head was received.
    package var wallClock: Int

    package init(requestedAt: Instant, receivedAt: Instant, wallClock: Int) {
        self.requestedAt = requestedAt
        self.receivedAt = receivedAt
        self.wallClock = wallClock
    }
}

/// Whether a shared cache may store the answer to a GET that it was allowed to look up (RFC 9111 section 3), and for how
/// long. Only what the app says counts: an answer without an explicit lifetime is not stored.
package enum StoreDecision: Equatable, Sendable {
    case store(Lifetime)
    case refuse(StoreRefusal)

    package struct Lifetime: Equatable, Sendable {
        /// The answer's age is the time since this (RFC 9111 section 4.2.3: the older one of what Date says, and of Age
        /// counted from when the request was sent).
        package var bornAt: Instant
        package var freshUntil: Instant
        /// Sorted, without those that are part of every key.
        var vary: [VaryName]
    }

    /// Passenger's turbocaching had these, 308 aside; all of them cacheable by default (RFC 9110 section 15.1). A redirect
    /// that is not permanent is too often about the one who asked.
    private static func isCacheable(_ status: Int) -> Bool {
        switch status {
        case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501: true
        default: false
        }
    }

    package static func judge(
        _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, times: AnswerTimes
    ) -> StoreDecision {
        guard isCacheable(head.status) else { return .refuse(.status) }
        guard !head.known.contains(.setCookie) else { return .refuse(.setCookie) }
        guard !head.known.contains(.xSendfile), !head.known.contains(.xAccelRedirect) else { return .refuse(.sendfile) }
        let control = CacheControl(head.fields, bytes)
        // RFC 9111 section 5.2.2.3: with must-understand, no-store is for caches that do not know the status.
        guard !control.isPrivate, !control.noCache, !control.noStore || control.mustUnderstand else {
            return .refuse(.forbidden)
        }
        guard head.framing != .untilClose else { return .refuse(.noLength) }
        let dates = AnswerDates(head, bytes, now: times.wallClock)
        guard !control.isMalformed, let freshness = freshness(control, dates, times) else {
            return .refuse(.noFreshness)
        }
        let bornAt = birth(head, bytes, dates, times)
        let freshUntil = bornAt + .seconds(freshness)
        guard freshUntil > times.receivedAt else { return .refuse(.stale) }
        guard let vary = vary(head, bytes) else { return .refuse(.vary) }
        return .store(Lifetime(bornAt: bornAt, freshUntil: freshUntil, vary: vary))
    }

    /// RFC 9111 section 4.2.1, in its order, without its last: no heuristics.
    private static func freshness(_ control: CacheControl, _ dates: AnswerDates, _ times: AnswerTimes) -> Int? {
        if let seconds = control.sharedMaxAge ?? control.maxAge { return seconds }
        guard dates.expiresCount == 1 else { return nil }
        // RFC 9111 section 5.3: an invalid date, "0" above all, is one in the past.
        return max(0, (dates.expires ?? 0) - (dates.date ?? times.wallClock))
    }

    private static func birth(
        _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ dates: AnswerDates, _ times: AnswerTimes
    ) -> Instant {
        var statedAge = 0
        for field in head.fields where StoredHead.isAge(field, bytes) {
            // What cannot be read is as old as can be.
            statedAge = max(statedAge, FieldText.number(field.value.of(bytes)) ?? 1 << 31)
        }
        let apparentAge = dates.date.map { max(0, times.wallClock - $0) } ?? 0
        return min(times.requestedAt + .seconds(-statedAge), times.receivedAt + .seconds(-min(apparentAge, 1 << 31)))
    }

    /// Nil when requests cannot be told apart by it.
    private static func vary(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> [VaryName]? {
        guard head.known.contains(.vary) else { return [] }
        var names: Set<VaryName> = []
        for field in head.fields where field.id == .vary {
            FieldText.forEachElement(field.value.of(bytes)) { names.insert(VaryName($0)) }
        }
        guard !names.contains(where: { $0.isName("*") || $0.isRewritten }) else { return nil }
        let told = names.filter { !$0.isInKey }.sorted()
        return told.count <= CacheLimits.varyNames ? told : nil
    }
}

/// Date and Expires of an answer.
struct AnswerDates {
    /// Nil when absent or none of HTTP's forms.
    private(set) var date: Int?
    private(set) var expires: Int?
    private(set) var expiresCount = 0

    init(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, now: Int) {
        for field in head.fields {
            if field.id == .date {
                date = HTTPDate.parse(field.value.of(bytes), now: now)
            } else if field.id == .expires {
                expires = HTTPDate.parse(field.value.of(bytes), now: now)
                expiresCount += 1
            }
        }
    }
}
