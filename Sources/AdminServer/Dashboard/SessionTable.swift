import Model

/// Who has shown a token to the dashboard, by the secret in their browser's cookie. Bounded: a new session takes the place of
/// the same token's oldest, or of the oldest of all.
struct SessionTable: Sendable {
    static let longestIdle = Duration.seconds(1800)
    static let longest = Duration.seconds(12 * 3600)
    static let most = 256
    static let mostOfHolder = 16

    struct Session: Sendable {
        var holder: TokenTable.Holder
        /// In each of its forms: another site's page cannot know it.
        var formSecret: String
        /// Told once, on the next page.
        var notice: String?
        fileprivate var openedAt: Instant
        fileprivate var usedAt: Instant
    }

    /// By the hash of the cookie's secret.
    private var sessions: [[UInt8]: Session] = [:]
    var count: Int { sessions.count }

    /// Returns the cookie's secret.
    mutating func open(_ holder: TokenTable.Holder, now: Instant) -> String {
        sessions = sessions.filter { Self.isAlive($0.value, now) }
        let own = sessions.filter { $0.value.holder.name == holder.name }
        if own.count >= Self.mostOfHolder { removeOldest(of: own) }
        if sessions.count >= Self.most { removeOldest(of: sessions) }
        let secret = Self.makeSecret()
        sessions[TokenTable.digest(secret)] = Session(
            holder: holder, formSecret: Self.makeSecret(), openedAt: now, usedAt: now)
        return secret
    }

    mutating func find(_ secret: String, now: Instant) -> Session? {
        let key = TokenTable.digest(secret)
        guard let session = sessions[key] else { return nil }
        guard Self.isAlive(session, now) else {
            sessions[key] = nil
            return nil
        }
        sessions[key]?.usedAt = now
        return session
    }

    mutating func close(_ secret: String) { sessions[TokenTable.digest(secret)] = nil }

    mutating func tell(_ secret: String, _ notice: String) { sessions[TokenTable.digest(secret)]?.notice = notice }

    mutating func takeNotice(_ secret: String) -> String? {
        let key = TokenTable.digest(secret)
        defer { sessions[key]?.notice = nil }
        return sessions[key]?.notice
    }

    private mutating func removeOldest(of some: [[UInt8]: Session]) {
        if let oldest = some.min(by: { $0.value.usedAt < $1.value.usedAt }) { sessions[oldest.key] = nil }
    }

    private static func isAlive(_ session: Session, _ now: Instant) -> Bool {
        now - session.usedAt < longestIdle && now - session.openedAt < longest
    }

    /// Of getrandom(2).
    private static func makeSecret() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in
            let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

extension SessionTable.Session {
    /// Whether a form is one of this session's. It takes the same time however much of the secret is right.
    func owns(_ form: FormBody) -> Bool {
        TokenTable.digest(form["secret"] ?? "") == TokenTable.digest(formSecret)
    }
}
