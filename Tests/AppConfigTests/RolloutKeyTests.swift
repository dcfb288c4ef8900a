import Model
import Testing

@testable import AppConfig

@Suite struct RolloutKeyTests {
    @Test(arguments: [
        ("2", Surge.count(2)), ("50%", .percent(50)), ("0.5%", .percent(0.5)), ("1GB", .bytes(1 << 30)),
        ("64KB", .bytes(64 << 10)), ("100%", .percent(100)),
    ])
    func `a surge is a number, a percentage or a size`(text: String, surge: Surge) throws {
        #expect(try load("deploy: {strategy: rolling, surge: '\(text)'}").app.deploy.surge == surge)
    }

    @Test(arguments: ["0", "-1", "0%", "101%", "x%", "GB", "1XB", "nan%", "0GB"])
    func `what is none is refused with what it should be`(text: String) {
        #expect(
            problems { try load("deploy: {surge: '\(text)'}") }.first?.description.contains("a size such as") == true)
    }

    @Test func `a canary is a part of the traffic, for a time`() throws {
        let settings = try load("deploy: {strategy: canary, canary: {percent: 12.5%, for: 90s}, approve: true}").app
            .deploy
        #expect(settings.strategy == .canary)
        #expect(settings.canary.percent == 12.5)
        #expect(settings.canary.time == .seconds(90))
        #expect(settings.approve)
        for percent in ["0", "100%", "-5", "inf"] {
            #expect(!problems { try load("deploy: {canary: {percent: '\(percent)'}}") }.isEmpty)
        }
        #expect(!problems { try load("deploy: {strategy: green}") }.isEmpty)
    }

    @Test func `plain text says nothing new`() throws {
        let settings = try load("").app.deploy
        #expect(settings.strategy == .blueGreen && settings.surge == .percent(100) && settings.maxGenerations == 3)
    }
}
