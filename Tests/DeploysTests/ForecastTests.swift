import Deploys
import Foundation
import Model
import Pool
import Synchronization
import Testing

/// What is told before, and after.
@Suite(.timeLimit(.minutes(5))) struct ForecastTests {
    @Test func `a dry run fetches, resolves, tells the steps, and takes no number`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.builder.change { state in
            state.commit = String(repeating: "b", count: 40)
            state.calls = []
        }
        let forecast = try await fixture.operations.forecast(DeployRequest(ref: "v2", requester: somebody))
        #expect(fixture.builder.calls == ["prepareRoot", "fetch", "resolve", "isAncestor"])
        #expect(forecast.number == DeployNumber(2) && forecast.from?.label.name == "1-aaaaaaa")
        #expect(forecast.commit.ref == "v2" && forecast.obstacles.isEmpty)
        #expect(
            forecast.steps.map(\.title) == [
                "fetch the repository", "resolve the commit", "check out the commit", "link shared paths", "build",
                "seal the release", "trial boot", "before_boot commands", "boot the new generation",
                "confirm that all workers are healthy", "switch traffic", "watch the new version",
            ])
        #expect(forecast.steps.first { $0.title == "before_boot commands" }?.commands == ["migrate"])
        #expect(await fixture.operations.deploys().count == 1)
        #expect(try await fixture.deploy("b").deploy == DeployNumber(2))
    }

    @Test func `it tells what speaks against it`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        _ = try await fixture.operations.lock("a sale", by: somebody)
        fixture.builder.change { state in
            state.commit = String(repeating: "b", count: 40)
            state.older = [String(repeating: "b", count: 40)]
        }
        fixture.host.change { state in
            state.perWorker = 1 << 30
            state.available = 1 << 20
        }
        let forecast = try await fixture.operations.forecast(DeployRequest(requester: somebody))
        #expect(forecast.obstacles.map(\.code) == [.older, .noTarget, .memoryShort])
        #expect(forecast.obstacles[1].summary.contains("a sale"))
    }

    @Test func `without a server it ends with a sealed release`() async throws {
        let transient = try Fixture(server: false)
        let forecast = try await transient.operations.forecast(DeployRequest(requester: somebody))
        #expect(forecast.steps.last?.title == "seal the release" && forecast.workers == nil)
        #expect(forecast.notes.contains { $0.contains("nothing is live yet") })
    }

    @Test func `two generations that may open more connections than the database has are warned of`() async throws {
        let fixture = try Fixture()
        fixture.settings.change { settings in
            settings.settings.pool.minInstances = 4
            settings.settings.deploy.database.connections = 39
        }
        try await fixture.deploy("a")
        func warnings(of handle: OperationHandle) async throws -> [String] {
            try await fixture.finish(handle)
            var warnings: [String] = []
            for await logged in handle.events() {
                if case .notice(.warning, let text) = logged.event { warnings.append(text) }
            }
            return warnings.filter { $0.contains("connections") }
        }
        let request = DeployRequest(requester: somebody)
        let told = try await warnings(of: try await fixture.operations.deploy(request))
        #expect(told.count == 1 && told[0].contains("8 workers, 4 of them new, may open 40 (5 each), and it gives 39"))
        #expect(try await fixture.operations.forecast(request).notes.contains { $0.contains("run out of connections") })
        fixture.settings.change { $0.settings.deploy.database.perWorker = 2 }
        #expect(try await warnings(of: try await fixture.operations.deploy(request)).isEmpty)
    }

    @Test("an app has its releases from where deploy.source says", arguments: DeploySource.allCases)
    func source(_ source: DeploySource) async throws {
        let fixture = try Fixture()
        fixture.settings.change { $0.settings.deploy.source = source }
        var request = DeployRequest(requester: somebody)
        request.isArchive = source == .git
        let refused = try await fixture.finish(try await fixture.operations.deploy(request))
        #expect(refused.result == .failed)
        #expect(refused.failure?.summary.contains("deploy.source is \(source)") == true)
        #expect(fixture.builder.calls == ["prepareRoot"])
        let failure = await #expect(throws: DeployFailure.self) { try await fixture.operations.forecast(request) }
        #expect(failure?.summary == refused.failure?.summary)
        request.isArchive = source == .archive
        #expect(try await fixture.finish(try await fixture.operations.deploy(request)).result == .done)
    }

    // MARK: The webhook

    private func hooked() throws -> Fixture {
        let fixture = try Fixture()
        fixture.settings.change { $0.settings.deploy.webhook.url = "https://example.com/deploys" }
        return fixture
    }

    @Test func `a webhook is told of deploys and rollbacks, good and bad, and of nothing else`() async throws {
        let fixture = try hooked()
        for commit in "ab" { try await fixture.deploy(commit) }
        try await fixture.finish(try await fixture.operations.restart(restartRequest))
        fixture.host.change { $0.bootFailure = noWorker }
        #expect(try await fixture.deploy("c").result == .failed)
        #expect(try await fixture.rollback().result == .done)
        let calls = fixture.notifier.state.withLock { $0.calls }
        let told = try calls.map { call -> String in
            let body = try #require(try JSONSerialization.jsonObject(with: Data(call.body.utf8)) as? [String: Any])
            #expect(body["app"] as? String == "blog" && body["by"] as? String == "ann")
            return "\(body["event"] ?? "") \(body["result"] ?? "") \(body["live"] ?? "")"
        }
        #expect(
            told == [
                "deploy done 1-aaaaaaa", "deploy done 2-bbbbbbb", "deploy failed 2-bbbbbbb", "rollback done 1-aaaaaaa",
            ])
        #expect(
            calls.allSatisfy { $0.url == "https://example.com/deploys" && $0.secretName == "DEPLOY_WEBHOOK_SECRET" })
    }

    @Test func `a webhook that fails is a warning, and the deploy is good`() async throws {
        let fixture = try hooked()
        fixture.notifier.state.withLock { $0.failure = DeployFailure(.commandFailed, "the webhook answered 500") }
        fixture.builder.change { $0.commit = String(repeating: "a", count: 40) }
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        #expect(try await fixture.finish(handle).result == .done)
        #expect(
            handle.log.snapshot().contains { logged in
                if case .notice(.warning, let text) = logged.event { text.contains("answered 500") } else { false }
            })
    }
}
