import Deploys
import Model
import Synchronization
import Testing

@Suite struct ReloadTests {
    private let request = RestartRequest(reason: "the configuration changed", requester: somebody)

    @Test func `a new generation is made only when it would be another`() async throws {
        let fixture = try Fixture(inPlace: true)
        _ = try await fixture.operations.start(requester: somebody)
        #expect(try await fixture.operations.restartIfChanged(request) == nil)

        fixture.settings.change { $0.settings.variables["A"] = "b" }
        let handle = try #require(try await fixture.operations.restartIfChanged(request))
        #expect(try await fixture.finish(handle).result == .done)
        #expect(try await fixture.operations.restartIfChanged(request) == nil)
        #expect(await fixture.operations.liveSettings()?.variables["A"] == "b")

        fixture.settings.changesVariables.withLock { $0 = true }
        #expect(try await fixture.operations.restartIfChanged(request) != nil)
    }

    @Test func `a configuration that cannot be read leaves what is live`() async throws {
        let fixture = try Fixture(inPlace: true)
        _ = try await fixture.operations.start(requester: somebody)
        let live = fixture.host.liveGeneration()?.number
        fixture.settings.change { $0.failure = DeployFailure(.configuration, "Passengerfile.yml:1:1 unknown key") }
        await #expect(throws: OperationRefusal.self) { try await fixture.operations.restartIfChanged(request) }
        #expect(fixture.host.liveGeneration()?.number == live)
    }

    @Test func `what is not live has nothing to be replaced`() async throws {
        let fixture = try Fixture()
        #expect(try await fixture.operations.restartIfChanged(request) == nil)
    }
}
