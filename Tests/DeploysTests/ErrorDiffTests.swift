import Deploys
import Model
import Testing

@Suite struct ErrorDiffTests {
    private func route(_ name: String, _ errors: Int, _ requests: Int) -> RouteTraffic {
        RouteTraffic(name: name, requests: requests, errors: errors)
    }

    @Test func `what fails now and did not before is named, worst first`() {
        let diff = ErrorDiff(
            old: [route("POST /orders", 0, 610), route("GET /", 2, 1000), route("GET /old", 50, 100)],
            new: [
                route("GET /", 0, 90), route("GET /new", 3, 4), route("GET /old", 5, 10), route("POST /orders", 37, 52),
            ])
        #expect(
            diff.lines == [
                "POST /orders: 0 of 610 before, 37 of 52 now", "GET /new: not asked for before, 3 of 4 now",
            ])
    }

    @Test func `at most five, and none without errors`() {
        let many = (0..<20).map { route("GET /\($0)", 10 + $0, 100) }
        #expect(ErrorDiff(old: [], new: many).lines.count == 5)
        #expect(ErrorDiff(old: [], new: many).lines[0] == "GET /19: not asked for before, 29 of 100 now")
        #expect(ErrorDiff(old: many, new: many).lines.isEmpty)
        #expect(ErrorDiff(old: [], new: [route("GET /", 0, 5)]).lines.isEmpty)
    }
}
