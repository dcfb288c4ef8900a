package import Model

/// How much longer the new version takes, route by route: a busier slow route must not look like a slower version. Only routes
/// that both have answered count.
package struct LatencyDiff: Sendable, Equatable {
    /// Requests of the new version that could be compared.
    package let requests: Int
    /// 1 is as long as before.
    package let factor: Double
    /// The route that costs most of the difference: `GET /search: 40 ms before, 310 ms now`.
    package let worst: String?

    package init(old: [RouteTraffic], new: [RouteTraffic]) {
        let before = Dictionary(
            old.filter { $0.requests > 0 }.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var (requests, expected, actual) = (0, 0.0, 0.0)
        var worst: (excess: Double, line: String)?
        for now in new where now.requests > 0 {
            guard let then = before[now.name] else { continue }
            let mean = then.seconds / Double(then.requests)
            let excess = now.seconds - mean * Double(now.requests)
            requests += now.requests
            expected += mean * Double(now.requests)
            actual += now.seconds
            if excess > worst?.excess ?? 0 {
                let line =
                    "\(now.name): \(LatencyDiff.text(mean)) before, "
                    + "\(LatencyDiff.text(now.seconds / Double(now.requests))) now"
                worst = (excess, line)
            }
        }
        self.requests = requests
        factor = expected > 0 ? actual / expected : 1
        self.worst = worst?.line
    }

    package var inWords: String {
        let tenths = Int((factor * 10).rounded())
        return "requests take \(tenths / 10).\(tenths % 10) times as long" + (worst.map { " (\($0))" } ?? "")
    }

    private static func text(_ seconds: Double) -> String {
        seconds < 0.01 ? "\(Int(seconds * 1e6)) us" : "\(Int(seconds * 1e3)) ms"
    }
}
