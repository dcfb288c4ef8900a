import Foundation
import Model
import Testing

@testable import Core

@Suite struct OlderPlanTests {
    /// An upgrade begins with it, and is refused when it cannot be read.
    @Test func `the plan that a server of a version before runs by is read`() throws {
        let tests = #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(tests)/older/boot-plan.json"))
        let plan = try JSONDecoder().decode(CoreBootPlan.self, from: bytes)
        #expect(plan.server.listen.map(\.description) == ["127.0.0.1:8155"])
        let app = try #require(plan.apps.first)
        #expect(app.name.rawValue == "blog" && app.settings.serverNames == ["blog.example.com"])
        #expect(!app.settings.watchesSources)
    }
}
