package import Model

/// What a new version answers with errors that the old one did not: the reason of a rollback, by route.
package struct ErrorDiff: Sendable, Equatable {
    private static let most = 5

    /// Worst first: `POST /orders: 0 of 610 before, 37 of 52 now`. Empty when no route stands out.
    package let lines: [String]

    package init(old: [RouteTraffic], new: [RouteTraffic]) {
        let before = Dictionary(old.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let worse = new.compactMap { now -> (excess: Double, line: String)? in
            let then = before[now.name] ?? RouteTraffic(name: now.name, requests: 0, errors: 0)
            let expected = Double(then.errors) / Double(max(then.requests, 1)) * Double(now.requests)
            let excess = Double(now.errors) - expected
            guard now.errors > 0, excess >= 1 else { return nil }
            let past = then.requests > 0 ? "\(then.errors) of \(then.requests) before" : "not asked for before"
            return (excess, "\(now.name): \(past), \(now.errors) of \(now.requests) now")
        }
        lines = worse.sorted { ($0.excess, $1.line) > ($1.excess, $0.line) }.prefix(ErrorDiff.most).map(\.line)
    }
}
