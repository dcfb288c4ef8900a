package import Model

/// Why a worker is not healthy: for the error page, the CLI, the journal.
package struct HealthFailure: Error, Sendable, Equatable {
    /// One line that a person can act on.
    package var summary: String
    /// The last probe, whole (`ProbeResult.report`).
    package var details: String
    package var hint: String?
}

/// Judges one worker from the answers to its probes.
///
/// Call `start`, then do what each action says and report every probe with `probeFinished`. One probe at a time. After
/// `.proved` or `.failed` it is done; a later round (a live worker) is a new value.
package struct HealthVerdict: Sendable {
    package enum Action: Sendable, Equatable {
        /// Ask again after this time. The probe takes at most `timeLimit`.
        case probe(after: Duration, timeLimit: Duration, ProbeRequest)
        /// `weak`: it answers, but not in a way that proves more. `note` is for the operator, once per worker.
        case proved(weak: Bool, note: String?)
        case failed(HealthFailure)
    }

    private let settings: HealthSettings
    private let serverName: String?
    private let deadline: Instant
    /// Nil where the settings name a path, and while nobody has asked for `/up` yet.
    package private(set) var found: FoundPath?
    /// The app was seen to redirect to https, so it is told that the client's side is https already.
    private var forwardedHTTPS = false
    private var goodInARow = 0
    /// The last good answer that was only a weak proof, in the present row.
    private var weakAnswer: ProbeAnswer?

    /// - Parameters:
    ///   - found: by an earlier worker of the same version; asked for again, and not looked for.
    ///   - startTimeout: counts when the settings name no deadline of their own.
    package init(
        _ settings: HealthSettings, found: FoundPath? = nil, serverName: String? = nil, startTimeout: Duration,
        now: Instant
    ) {
        self.settings = settings
        // A text that is to be in the page is meant of the page.
        let isLookedFor = settings.path == nil && settings.bodyContains == nil
        self.found = settings.path == nil ? (isLookedFor ? found : .root) : nil
        self.serverName = serverName
        deadline = now + (settings.deadline ?? startTimeout)
    }

    package mutating func start(now: Instant) -> Action { nextProbe(after: .zero, now: now) }

    /// What is asked for.
    package var path: String { settings.path ?? (found ?? .up).rawValue }

    package mutating func probeFinished(_ result: ProbeResult, now: Instant) -> Action {
        if settings.path == nil, found == nil, let action = lookFor(result, now: now) { return action }
        switch judge(result) {
        case .redirectsToHTTPS:
            forwardedHTTPS = true
            goodInARow = 0
            return nextProbe(after: .zero, now: now)
        case .good(let weak):
            goodInARow += 1
            if case .success(let answer) = result.outcome, weak { weakAnswer = answer }
            if goodInARow >= max(1, settings.successes) { return proved() }
            return again(result, now: now) ?? .failed(tooFewSuccesses(result))
        case .bad(let summary):
            goodInARow = 0
            weakAnswer = nil
            return again(result, now: now)
                ?? .failed(HealthFailure(summary: summary, details: result.report, hint: hint(result)))
        }
    }

    /// The first answer for `/up`. Nil: it is judged like any other.
    private mutating func lookFor(_ result: ProbeResult, now: Instant) -> Action? {
        switch result.outcome {
        case .success(let answer) where (200...299).contains(answer.status):
            found = .up
            return nil
        // Asked again, and told that the client's side is https.
        case .success(let answer) where !forwardedHTTPS && answer.redirectsToHTTPS: return nil
        // Nobody was asked anything.
        case .failure(let failure) where failure.kind == .connect || failure.kind == .badRequest: return nil
        // No time is left for another question.
        case .failure where now >= deadline: return nil
        case .success, .failure:
            found = .root
            return nextProbe(after: .zero, now: now)
        }
    }

    private enum Judgement {
        case good(weak: Bool)
        case redirectsToHTTPS
        case bad(String)
    }

    private func judge(_ result: ProbeResult) -> Judgement {
        switch result.outcome {
        case .failure(let failure): return .bad(failure.message)
        case .success(let answer):
            if !forwardedHTTPS, answer.redirectsToHTTPS { return .redirectsToHTTPS }
            if let wrong = wrongStatus(answer, result) { return .bad(wrong) }
            if let text = settings.bodyContains, !answer.body.containsSequence(Array(text.utf8)) {
                return .bad(
                    "GET \(result.url) answered \(answer.statusText), but its body does not contain \"\(text)\"")
            }
            return .good(weak: settings.path == nil && !(200...299).contains(answer.status))
        }
    }

    private func wrongStatus(_ answer: ProbeAnswer, _ result: ProbeResult) -> String? {
        if found == .up, !(200...299).contains(answer.status) {
            return "GET \(result.url) answered \(answer.statusText), and 2xx before"
        }
        guard settings.path != nil else {
            return answer.status < 500 ? nil : "GET \(result.url) answered \(answer.statusText)"
        }
        if answer.status >= settings.expectLow, answer.status <= settings.expectHigh { return nil }
        return "GET \(result.url) answered \(answer.statusText), not \(settings.expectLow)-\(settings.expectHigh)"
    }

    private func proved() -> Action {
        var notes: [String] = []
        if forwardedHTTPS { notes.append("the app redirects to https; it is asked with X-Forwarded-Proto: https") }
        if let answer = weakAnswer {
            let advice =
                HealthHint.forAnswer(answer, settings: settings) ?? "set health.path to a path that answers 200"
            notes.append("weak proof: GET / answers \(answer.statusText); \(advice)")
        }
        return .proved(weak: weakAnswer != nil, note: notes.isEmpty ? nil : notes.joined(separator: "; "))
    }

    /// Nil when the deadline leaves no room for another probe.
    private func again(_ result: ProbeResult, now: Instant) -> Action? {
        // Our own mistake does not go away by waiting.
        if case .failure(let failure) = result.outcome, failure.kind == .badRequest { return nil }
        guard now + settings.interval < deadline else { return nil }
        return nextProbe(after: settings.interval, now: now)
    }

    private func nextProbe(after delay: Duration, now: Instant) -> Action {
        let left = deadline - (now + delay)
        // Even a probe that starts at the deadline may hear an answer that is there already.
        let limit = max(.milliseconds(1), min(settings.timeout, left))
        return .probe(
            after: delay, timeLimit: limit,
            ProbeRequest(settings, path: path, serverName: serverName, forwardedHTTPS: forwardedHTTPS))
    }

    private func hint(_ result: ProbeResult) -> String? {
        switch result.outcome {
        case .failure(let failure): HealthHint.forFailure(failure.kind)
        case .success(let answer): HealthHint.forAnswer(answer, settings: settings)
        }
    }

    private func tooFewSuccesses(_ result: ProbeResult) -> HealthFailure {
        HealthFailure(
            summary:
                "GET \(result.url) was answered well \(goodInARow) of \(settings.successes) times in a row when time was up",
            details: result.report, hint: "raise health.deadline or start_timeout, or lower health.successes")
    }
}

extension ProbeAnswer {
    var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }
    var redirectsToHTTPS: Bool { isRedirect && (header("location")?.lowercased().hasPrefix("https://") ?? false) }
}

extension [UInt8] {
    func containsSequence(_ wanted: [UInt8]) -> Bool {
        guard let first = wanted.first else { return true }
        guard count >= wanted.count else { return false }
        for start in 0...(count - wanted.count) where self[start] == first {
            if self[start..<(start + wanted.count)].elementsEqual(wanted) { return true }
        }
        return false
    }
}
