import Health
import Model
import Testing

/// Runs a verdict against a list of answers, as a shell would, on a clock that only the probes move.
private struct Trial {
    var probes: [ProbeRequest] = []
    var waits: [Duration] = []
    var last: HealthVerdict.Action?
    var found: FoundPath?

    init(
        _ settings: HealthSettings, startTimeout: Duration = .seconds(90), took: Duration = .milliseconds(10),
        found: FoundPath? = nil, _ answers: [Result<ProbeAnswer, ProbeFailure>]
    ) {
        var now = Instant(nanoseconds: 1_000)
        var verdict = HealthVerdict(
            settings, found: found, serverName: "blog.example", startTimeout: startTimeout, now: now)
        var action = verdict.start(now: now)
        for answer in answers {
            guard case .probe(let wait, _, let request) = action else { break }
            probes.append(request)
            waits.append(wait)
            now = now + wait + took
            let result = ProbeResult(url: request.url, headers: request.headers, outcome: answer, duration: took)
            action = verdict.probeFinished(result, now: now)
        }
        last = action
        self.found = verdict.found
    }

    var proved: (weak: Bool, note: String?)? {
        if case .proved(let weak, let note) = last { (weak, note) } else { nil }
    }
    var failure: HealthFailure? { if case .failed(let failure) = last { failure } else { nil } }
}

private func answer(_ status: Int, location: String? = nil, body: String = "") -> Result<ProbeAnswer, ProbeFailure> {
    .success(
        ProbeAnswer(
            status: status, headers: location.map { [["Location", $0]] } ?? [], body: Array(body.utf8)))
}

private func settings(_ change: (inout HealthSettings) -> Void = { _ in }) -> HealthSettings {
    var settings = HealthSettings()
    change(&settings)
    return settings
}

@Suite struct HealthVerdictTests {
    @Test("two good answers in a row prove a worker, an interval apart")
    func successes() {
        let trial = Trial(settings(), [answer(200), answer(200), answer(200)])
        #expect(trial.proved?.weak == false)
        #expect(trial.proved?.note == nil)
        #expect(trial.waits == [.zero, .milliseconds(250)])
        #expect(trial.probes.map(\.path) == ["/up", "/up"])
        #expect(trial.probes[0].host == "blog.example")
    }

    @Test("a bad answer in between starts the row anew")
    func row() {
        #expect(Trial(settings(), [answer(200), answer(500), answer(200)]).proved == nil)
        #expect(Trial(settings(), [answer(200), answer(500), answer(200), answer(200)]).proved != nil)
    }

    @Test("without a path only a 5xx fails; a 3xx or 4xx is weak proof, with a hint", arguments: [302, 401, 404, 499])
    func weak(status: Int) {
        let given = answer(status, location: "/login")
        let trial = Trial(settings(), [given, given, given])
        #expect(trial.probes.map(\.path) == ["/up", "/", "/"])
        #expect(trial.proved?.weak == true)
        #expect(trial.proved?.note?.contains("weak proof: GET / answers \(status)") == true)
    }

    private static let notRouted: [Result<ProbeAnswer, ProbeFailure>] = [
        answer(404), answer(405), answer(302, location: "/login"), answer(401), answer(500), answer(503),
        .failure(ProbeFailure(.closed, "closed")), .failure(ProbeFailure(.malformed, "no HTTP")),
        .failure(ProbeFailure(.timedOut, "no answer within 10 s")),
    ]

    @Test(
        "where /up is not answered with 2xx, / is asked for at once, and by that only it is judged",
        arguments: notRouted)
    func notUp(first: Result<ProbeAnswer, ProbeFailure>) {
        let trial = Trial(settings(), [first, answer(200), answer(200)])
        #expect(trial.probes.map(\.path) == ["/up", "/", "/"])
        #expect(trial.waits == [.zero, .zero, .milliseconds(250)])
        #expect(trial.proved?.weak == false && trial.proved?.note == nil)
        #expect(trial.found == .root)
        #expect(Trial(settings(), startTimeout: .milliseconds(300), [first, answer(500), answer(500)]).failure != nil)
    }

    @Test("an app that routes /up is judged by it alone, whatever its front page does")
    func up() {
        let trial = Trial(settings(), [answer(204), answer(500), answer(200), answer(200)])
        #expect(trial.probes.map(\.path) == Array(repeating: "/up", count: 4))
        #expect(trial.proved?.weak == false && trial.found == .up)
        let late = Trial(settings(), startTimeout: .milliseconds(300), [answer(200), answer(404), answer(404)])
        #expect(late.failure?.summary == "GET http://blog.example/up answered 404, and 2xx before")
    }

    @Test("what an earlier worker of the version has shown is not looked for again")
    func known() {
        let root = Trial(settings(), found: .root, [answer(404), answer(404)])
        #expect(root.probes.map(\.path) == ["/", "/"] && root.proved?.weak == true)
        let up = Trial(settings(), found: .up, [answer(503), answer(200), answer(200)])
        #expect(up.probes.map(\.path) == ["/up", "/up", "/up"] && up.proved?.weak == false)
    }

    @Test("a worker that does not listen yet has not been asked")
    func notListening() {
        let nobody = Result<ProbeAnswer, ProbeFailure>.failure(ProbeFailure(.connect, "refused"))
        let trial = Trial(settings(), [nobody, answer(200), answer(200)])
        #expect(trial.probes.map(\.path) == ["/up", "/up", "/up"] && trial.found == .up)
    }

    @Test("/up that redirects to https is asked for again as if by https")
    func upByHTTPS() {
        let trial = Trial(settings(), [answer(301, location: "https://blog.example/up"), answer(200), answer(200)])
        #expect(trial.probes.map(\.path) == ["/up", "/up", "/up"] && trial.found == .up)
    }

    @Test("a text that the page has to show is looked for in the page")
    func textOfThePage() {
        let trial = Trial(
            settings { $0.bodyContains = "Welcome" }, [answer(200, body: "Welcome!"), answer(200, body: "Welcome!")])
        #expect(trial.probes.map(\.path) == ["/", "/"] && trial.proved != nil)
    }

    @Test(
        "with a path the status must be in the range",
        arguments: [(200, true), (399, true), (400, false), (503, false)])
    func range(status: Int, good: Bool) {
        let trial = Trial(
            settings { $0.path = "/up" }, startTimeout: .milliseconds(600), Array(repeating: answer(status), count: 9))
        #expect((trial.proved?.weak == false) == good)
        #expect((trial.failure != nil) == !good)
        if let failure = trial.failure {
            #expect(failure.summary == "GET http://blog.example/up answered \(status), not 200-399")
            #expect(failure.details.contains("GET http://blog.example/up\nanswered \(status) after 10 ms"))
        }
    }

    @Test("a wanted text must be in the body")
    func bodyContains() {
        let wanted = settings {
            $0.path = "/up"
            $0.bodyContains = "ok!"
        }
        #expect(Trial(wanted, [answer(200, body: "all ok!"), answer(200, body: "ok!")]).proved != nil)
        let failure = Trial(wanted, startTimeout: .milliseconds(1), [answer(200, body: "ok")]).failure
        #expect(failure?.summary.contains("does not contain \"ok!\"") == true)
    }

    @Test("after one redirect to https the app is told that the client speaks https, and that is said")
    func https() {
        let trial = Trial(
            settings { $0.path = "/up" },
            [answer(301, location: "HTTPS://blog.example/up"), answer(200), answer(200)])
        #expect(
            trial.probes.map(\.headers) == [[], [["X-Forwarded-Proto", "https"]], [["X-Forwarded-Proto", "https"]]])
        #expect(trial.waits == [.zero, .zero, .milliseconds(250)])
        #expect(trial.proved?.weak == false)
        #expect(trial.proved?.note?.contains("X-Forwarded-Proto: https") == true)
    }

    @Test("an app that goes on redirecting to https is not asked for ever")
    func httpsAgain() {
        let redirect = answer(301, location: "https://blog.example/")
        let trial = Trial(settings(), [redirect, redirect, redirect, redirect, redirect])
        #expect(trial.probes.map(\.path) == ["/up", "/up", "/", "/"])
        #expect(trial.proved?.weak == true)
        let refused = Trial(
            settings {
                $0.path = "/up"
                $0.expectHigh = 299
            }, startTimeout: .milliseconds(100), [redirect, redirect])
        #expect(refused.failure?.hint?.contains("X-Forwarded-Proto") == true)
    }

    @Test("no answer fails at the deadline, with how long it was waited for and a hint")
    func noAnswer() {
        let nothing = Result<ProbeAnswer, ProbeFailure>.failure(ProbeFailure(.timedOut, "no answer within 1 s"))
        let trial = Trial(
            settings(), startTimeout: .seconds(5), took: .seconds(1), Array(repeating: nothing, count: 20))
        #expect(trial.failure?.summary == "no answer within 1 s")
        #expect(trial.failure?.hint != nil)
        #expect(trial.probes.count == 5)
    }

    @Test("a probe's time limit shrinks to what the deadline leaves")
    func timeLimit() {
        var verdict = HealthVerdict(settings { $0.path = "/" }, startTimeout: .seconds(12), now: .zero)
        guard case .probe(_, let first, let request) = verdict.start(now: .zero) else { return #expect(Bool(false)) }
        #expect(first == .seconds(10))
        let result = ProbeResult(
            url: request.url, outcome: .failure(ProbeFailure(.timedOut, "")), duration: .seconds(10))
        let next = verdict.probeFinished(result, now: .zero + .seconds(10))
        guard case .probe(_, let second, _) = next else { return #expect(Bool(false)) }
        #expect(second == .milliseconds(1750))
    }

    @Test("settings that make no request fail at once")
    func badRequest() {
        let wrong = Result<ProbeAnswer, ProbeFailure>.failure(ProbeFailure(.badRequest, "wrong"))
        #expect(Trial(settings(), [wrong]).failure?.summary == "wrong")
    }

    @Test("the settings' own deadline goes before the start timeout, and one success may do")
    func deadline() {
        let own = settings {
            $0.deadline = .milliseconds(100)
            $0.successes = 1
        }
        #expect(Trial(own, [answer(500), answer(500)]).failure != nil)
        #expect(Trial(own, [answer(200)]).proved != nil)
    }

    @Test("good answers that come too late to be enough are named as such")
    func tooFew() {
        let trial = Trial(
            settings { $0.successes = 5 }, startTimeout: .milliseconds(600), Array(repeating: answer(200), count: 5))
        #expect(trial.failure?.summary.contains("of 5 times in a row") == true)
    }

    @Test(
        "a hint says what to do about it",
        arguments: [
            (answer(404), "health.path"), (answer(401), "credentials"), (answer(403, body: "Blocked host: x"), "host"),
            (answer(500), "log"), (answer(302, location: "http://www.blog.example/"), "health.host"),
        ])
    func hints(answer: Result<ProbeAnswer, ProbeFailure>, word: String) {
        let wanted = settings {
            $0.path = "/up"
            $0.expectHigh = 299
        }
        #expect(Trial(wanted, startTimeout: .milliseconds(1), [answer]).failure?.hint?.contains(word) == true)
    }

    @Test(
        "whatever answers come, a verdict ends by its deadline and says proved only after a full row",
        arguments: [7] as [UInt64])
    func random(seed: UInt64) {
        var generator = SplitMix(state: seed)
        for _ in 0..<20_000 {
            var now = Instant.zero
            let wanted = settings { $0.successes = Int.random(in: 1...4, using: &generator) }
            var verdict = HealthVerdict(wanted, startTimeout: .seconds(5), now: now)
            var action = verdict.start(now: now)
            var row = 0
            while case .probe(let wait, let limit, let request) = action {
                #expect(limit <= wanted.timeout && limit > .zero)
                now = now + wait + .milliseconds(Int.random(in: 0...400, using: &generator))
                let statuses = [200, 200, 200, 404, 500, 301]
                let status = statuses[Int.random(in: 0..<statuses.count, using: &generator)]
                let given = answer(status, location: status == 301 ? "https://x/" : nil)
                let told = !request.headers.isEmpty
                let isGood = request.path == "/up" ? status == 200 : status != 500 && (status != 301 || told)
                row = isGood ? row + 1 : 0
                action = verdict.probeFinished(
                    ProbeResult(url: request.url, outcome: given, duration: .zero), now: now)
                #expect(now < .zero + .seconds(6), "seed \(seed)")
            }
            if case .proved = action { #expect(row == wanted.successes) } else { #expect(row < wanted.successes) }
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
