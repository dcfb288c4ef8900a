import Deploys
import Model
import Testing

@Suite struct LatencyDiffTests {
    private func route(_ name: String, _ requests: Int, _ each: Double) -> RouteTraffic {
        RouteTraffic(name: name, requests: requests, errors: 0, seconds: Double(requests) * each)
    }

    @Test func `a busier slow route is no slower version`() {
        let diff = LatencyDiff(
            old: [route("GET /", 1000, 0.001), route("GET /slow", 10, 1)],
            new: [route("GET /", 10, 0.001), route("GET /slow", 100, 1), route("GET /new", 5, 60)])
        #expect(diff.requests == 110 && abs(diff.factor - 1) < 0.001)
    }

    @Test func `what takes longer is named`() {
        let diff = LatencyDiff(old: [route("GET /search", 100, 0.04)], new: [route("GET /search", 60, 0.31)])
        #expect(diff.inWords == "requests take 7.8 times as long (GET /search: 40 ms before, 310 ms now)")
        var limits = AutoRollbackSettings()
        #expect(BakeWatch(limits: limits, old: nil).judge(diff).verdict == .good)
        #expect(BakeWatch(limits: limits, old: nil).judge(diff).note == diff.inWords)
        limits.latencyFactor = 3
        #expect(BakeWatch(limits: limits, old: nil).judge(diff).verdict == .rollBack(diff.inWords))
        limits.minRequests = 61
        #expect(BakeWatch(limits: limits, old: nil).judge(diff).verdict == .good, "too few to tell")
    }

    @Test func `nothing in common says nothing`() {
        let diff = LatencyDiff(old: [], new: [route("GET /", 100, 9)])
        #expect(diff.requests == 0 && diff.factor == 1)
    }
}
