import Model
import Testing

struct EditDistanceTests {
    @Test(
        "Distance counts each typing error once",
        arguments: [
            ("port", "port", 0), ("prot", "port", 1), ("por", "port", 1), ("pport", "port", 1), ("", "port", 4),
        ])
    func distance(a: String, b: String, expected: Int) {
        #expect(EditDistance.between(Array(a.utf8), Array(b.utf8)) == expected)
    }

    @Test(
        "What is meant is near, a third of it may be wrong",
        arguments: [("stauts", "status"), ("dploy", "deploy"), ("xxx", nil), ("", nil), ("rol", nil)])
    func nearest(name: String, expected: String?) {
        #expect(EditDistance.nearest(to: name, among: ["deploy", "deploys", "status", "rollback"]) == expected)
    }
}
