import Model
import Testing

@testable import Core

@Suite struct ReadinessTests {
    private func app(_ name: String, isLive: Bool, isAwaited: Bool = true) -> Readiness.App {
        Readiness.App(name: AppName(sanitizing: name), isLive: isLive, isAwaited: isAwaited)
    }

    @Test func `it is ready while it serves and everything that must be is live`() {
        #expect(Readiness(phase: .serving, apps: []).objection == nil)
        #expect(Readiness(phase: .serving, apps: [app("a", isLive: true)]).objection == nil)
        #expect(Readiness(phase: .starting, apps: [app("a", isLive: true)]).objection == "the server starts")
        #expect(Readiness(phase: .stopping, apps: [app("a", isLive: true)]).objection == "the server stops")
    }

    @Test func `apps that are not live are named, those that boot with their first request are not waited for`() {
        let apps = [
            app("a", isLive: false), app("b", isLive: true), app("c", isLive: false, isAwaited: false),
            app("d", isLive: false),
        ]
        #expect(Readiness(phase: .serving, apps: apps).objection == "not live yet: a, d")
    }
}
