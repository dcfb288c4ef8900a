import Foundation
import Model
import Testing

@Suite struct OlderSettingsTests {
    @Test func `settings that the version before wrote are read, without what it did not know`() throws {
        var settings = AppSettings(name: try #require(AppName("blog")), directory: "/srv/blog", kind: .rack)
        settings.watchesSources = true
        let bytes = try JSONEncoder().encode(settings)
        #expect(try JSONDecoder().decode(AppSettings.self, from: bytes) == settings)
        var members = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
        #expect(members.removeValue(forKey: "watchesSources") as? Bool == true)
        let older = try JSONDecoder().decode(AppSettings.self, from: JSONSerialization.data(withJSONObject: members))
        settings.watchesSources = false
        #expect(older == settings)
    }
}
