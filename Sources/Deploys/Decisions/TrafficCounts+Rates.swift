import Pool

extension TrafficCounts {
    var errors: UInt64 { appErrors + gatewayErrors }

    /// Percent of the requests.
    var errorRate: Double { 100 * Double(errors) / Double(max(requests, 1)) }

    /// What came after `before`. Counters only grow, but a generation that is gone counts nothing at all.
    func since(_ before: TrafficCounts) -> TrafficCounts {
        func growth(_ count: UInt64, _ before: UInt64) -> UInt64 { count > before ? count - before : 0 }
        var later = TrafficCounts()
        later.requests = growth(requests, before.requests)
        later.appErrors = growth(appErrors, before.appErrors)
        later.gatewayErrors = growth(gatewayErrors, before.gatewayErrors)
        later.crashes = growth(crashes, before.crashes)
        return later
    }
}
