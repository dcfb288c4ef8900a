internal import Model

/// What a person might do about an answer. "Unhealthy" without a reason is the most repeated complaint about deploy tools.
enum HealthHint {
    static func forFailure(_ kind: ProbeFailure.Kind) -> String? {
        switch kind {
        case .badRequest: "correct the health settings"
        case .connect: "the app does not listen where it was told to; see its output"
        case .timedOut:
            "the app accepts connections but does not answer in time: health.timeout, or what does it wait for?"
        case .closed: "the worker ended the connection without an answer; see its output for a crash"
        case .malformed: "something else than HTTP answers there"
        }
    }

    static func forAnswer(_ answer: ProbeAnswer, settings: HealthSettings) -> String? {
        switch answer.status {
        case _ where answer.redirectsToHTTPS:
            return "it redirects to https although X-Forwarded-Proto: https was sent; let the app trust that header, "
                + "or set health.path to a path that does not redirect"
        case _ where answer.isRedirect:
            return "it redirects to \(answer.header("location") ?? "nowhere"); set health.path, "
                + "or health.host if it wants another host name"
        case 400 where refusesHost(answer), 403 where refusesHost(answer):
            return "the app may not accept this host name; set health.host or server_names"
        case 401, 403, 407: return "it wants credentials; set health.path to a path without, or health.headers"
        case 404: return "the app has no such path; set health.path"
        case 405, 501: return "the app does not answer GET there; set health.path"
        case 421: return "the app does not accept this host name; set health.host"
        case 429: return "the app limits requests; exempt the health path"
        case 500...: return "see the app's output and log for the error"
        default: return nil
        }
    }

    /// Rails and Django say so in the body.
    private static func refusesHost(_ answer: ProbeAnswer) -> Bool {
        ["Blocked host", "DisallowedHost", "Invalid HTTP_HOST"].contains {
            answer.body.containsSequence(Array($0.utf8))
        }
    }
}
