import Deploys
import Foundation
import Model
import Pool
import Synchronization
import Testing

/// Without a server, across the end of one, and after damage.
@Suite(.timeLimit(.minutes(5))) struct AppOperationsStartTests {
    @Test func `without a server a deploy ends pending, and a start takes it on`() async throws {
        let transient = try Fixture(server: false)
        #expect(try await transient.deploy().result == .pending)
        #expect(await transient.state(of: 1) == .pending)
        let server = try Fixture(continuing: transient)
        let handle = try #require(try await server.operations.start(requester: somebody))
        let outcome = try await server.finish(handle)
        #expect(outcome.result == .done)
        #expect(outcome.liveRelease == "1-aaaaaaa")
        #expect(server.commands.ran == ["migrate"])
        #expect(await server.state(of: 1) == .stable)
    }

    @Test func `a server boots the release that was live`() async throws {
        let first = try Fixture()
        for commit in "ab" { try await first.deploy(commit) }
        let second = try Fixture(continuing: first)
        #expect(try await second.operations.start(requester: somebody) == nil)
        #expect(second.host.calls == ["bootLive g1 2-bbbbbbb"])
        #expect(try await second.rollback().liveRelease == "1-aaaaaaa")
    }

    @Test func `a server that starts keeps the app at its scale, and paused`() async throws {
        let first = try Fixture()
        try await first.deploy("a")
        try await first.operations.scale(4)
        try await first.operations.pause(hold: .seconds(12))
        _ = await first.journal.flush()
        let second = try Fixture(continuing: first)
        #expect(try await second.operations.start(requester: somebody) == nil)
        #expect(second.host.calls == ["scale app 4", "pause 12.0", "bootLive g1 1-aaaaaaa"])
        try await second.operations.scale(nil)
        try await second.operations.resume()
        #expect(await second.operations.pausedSince() == nil)
        _ = await second.journal.flush()
        let third = try Fixture(continuing: second)
        _ = try await third.operations.start(requester: somebody)
        #expect(third.host.calls == ["bootLive g1 1-aaaaaaa"])
    }

    @Test func `an app in place has no journal: what people have set is kept for the next core`() async throws {
        let told = Mutex<[CapacityRecord]>([])
        let first = try Fixture(inPlace: true, keepCapacity: { record in told.withLock { $0.append(record) } })
        _ = try await first.operations.start(requester: somebody)
        try await first.operations.scale(4)
        try await first.operations.pause(hold: .seconds(12))
        let kept = try #require(told.withLock { $0.last })
        #expect(kept.scale == 4 && kept.pauseHoldSeconds == 12)
        let second = try Fixture(inPlace: true, keepCapacity: { record in told.withLock { $0.append(record) } })
        await second.operations.restore(kept)
        #expect(second.host.calls == ["scale app 4", "pause 12.0"])
        #expect(await second.operations.pausedSince() == kept.pausedSince)
        #expect(told.withLock { $0.last } == kept, "and for the one after that")
        try await second.operations.resume()
        #expect(told.withLock { $0.last } == CapacityRecord(scale: 4))
        // What has a journal knows better.
        let released = try Fixture()
        await released.operations.restore(kept)
        #expect(released.host.calls == [])
    }

    @Test func `without a server there is nothing to scale or to pause`() async throws {
        let transient = try Fixture(server: false)
        await #expect(throws: OperationRefusal.self) { try await transient.operations.scale(2) }
        await #expect(throws: OperationRefusal.self) { try await transient.operations.pause(hold: .seconds(1)) }
    }

    @Test func `a server with nothing to boot waits for its first deploy`() async throws {
        let fixture = try Fixture()
        #expect(try await fixture.operations.start(requester: somebody) == nil)
        #expect(fixture.host.calls == [])
        await #expect(throws: OperationRefusal.self) { try await fixture.operations.restart(restartRequest) }
        #expect(try await fixture.deploy().result == .done)
    }

    @Test func `a release that was still in its bake gives way to the last stable one`() async throws {
        let first = try Fixture()
        try await first.deploy("a")
        first.builder.change { $0.commit = String(repeating: "b", count: 40) }
        let handle = try await first.operations.deploy(DeployRequest(requester: somebody))
        await first.waitForBake(handle)
        await first.operations.shutDown()
        #expect(try await first.finish(handle).result == .interrupted)
        let second = try Fixture(continuing: first)
        _ = try await second.operations.start(requester: somebody)
        await second.operations.waitForCleanUp()
        #expect(second.host.calls == ["bootLive g1 1-aaaaaaa"])
        #expect(second.builder.current == "1-aaaaaaa")
        #expect(await second.state(of: 2) == .interrupted)
    }

    @Test func `a deploy that a dead core left in the middle is interrupted, and its number is not used again`()
        async throws
    {
        let first = try Fixture()
        try await first.deploy("a")
        var record = DeployRecord(
            number: DeployNumber(2), request: DeployRequest(requester: somebody), requestedAt: Date())
        record.state = .built
        first.journal.record(record)
        _ = await first.journal.flush()
        let second = try Fixture(continuing: first)
        _ = try await second.operations.start(requester: somebody)
        #expect(await second.state(of: 2) == .interrupted)
        try await second.deploy("c")
        #expect(await second.operations.overview().live?.label.name == "3-ccccccc")
    }

    @Test func `a server that stops in the middle of a deploy ends it and leaves the old version`() async throws {
        let fixture = try Fixture(gates: true)
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        await fixture.builder.fetchGate.waitForVisitor()
        await fixture.operations.shutDown()
        #expect(try await fixture.finish(handle).result == .interrupted)
        await #expect(throws: OperationRefusal.shuttingDown) { try await fixture.deploy() }
    }

    @Test func `an app whose file has become invalid runs with the stored configuration and says so`() async throws {
        let first = try Fixture()
        try await first.deploy("a")
        let second = try Fixture(continuing: first)
        second.settings.change { $0.failure = DeployFailure(.configuration, "Passengerfile.yml:1:1: wrong") }
        _ = try await second.operations.start(requester: somebody)
        #expect(second.host.calls == ["bootLive g1 1-aaaaaaa"])
        #expect(await second.operations.overview().warnings.contains { $0.contains("Passengerfile.yml:1:1") })
    }

    @Test(arguments: ["", "{", "{}", "\u{0}\u{0}\u{0}"])
    func `damaged files are set aside and reported, and never keep a server from starting`(text: String) async throws {
        let first = try Fixture()
        for commit in "ab" { try await first.deploy(commit) }
        let state = first.directory.path + "/state"
        try Data(text.utf8).write(to: URL(fileURLWithPath: state + "/live.json"))
        try Data(text.utf8).write(to: URL(fileURLWithPath: state + "/deploys/1.json"))
        let second = try Fixture(continuing: first)
        _ = try await second.operations.start(requester: somebody)
        #expect(second.host.calls == ["bootLive g1 2-bbbbbbb"])
        #expect(await second.operations.overview().warnings.count == 3)
        #expect(FileManager.default.fileExists(atPath: state + "/deploys/1.json.damaged"))
        #expect(FileManager.default.fileExists(atPath: state + "/live.json.damaged"))
    }

    @Test func `a journal of a newer version is left in place and its number stays taken`() async throws {
        let first = try Fixture()
        let path = first.directory.path + "/state/deploys/41.json"
        try Data(#"{"version": 99}"#.utf8).write(to: URL(fileURLWithPath: path))
        #expect(try await first.deploy().deploy == DeployNumber(42))
        #expect(FileManager.default.fileExists(atPath: path))
    }
}
