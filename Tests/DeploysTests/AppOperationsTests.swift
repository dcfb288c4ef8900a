import Deploys
import Foundation
import Model
import Pool
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppOperationsTests {
    @Test func `the first deploy builds, proves, migrates, boots, switches and becomes stable`() async throws {
        let fixture = try Fixture()
        let outcome = try await fixture.deploy()
        #expect(outcome.result == .done)
        #expect(outcome.liveRelease == "1-aaaaaaa")
        #expect(
            fixture.builder.calls == [
                "prepareRoot", "fetch", "resolve", "checkout", "link", "seal", "moveCurrent",
            ])
        #expect(fixture.commands.ran == ["make", "migrate"])
        #expect(fixture.host.calls == ["trial 1-aaaaaaa", "boot g1 1-aaaaaaa x1", "switch g1"])
        #expect(fixture.builder.current == "1-aaaaaaa")
        let loaded = fixture.journal.load()
        #expect(loaded.problems == [])
        #expect(loaded.records.map(\.state) == [.stable])
        #expect(loaded.records.first?.steps.count == 11)
        #expect(loaded.live?.live?.label.name == "1-aaaaaaa")
    }

    @Test func `a second deploy boots as many workers as are live and keeps the old generation as standby`()
        async throws
    {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.host.change { $0.live?.workers = 3 }
        try await fixture.deploy("b")
        #expect(fixture.host.calls.suffix(2) == ["boot g2 2-bbbbbbb x3", "switch g2"])
        #expect(await fixture.operations.overview().standby?.label.name == "1-aaaaaaa")
        fixture.clock.advance(.seconds(5 * 60))
        await fixture.operations.tick()
        #expect(fixture.host.calls.last == "park g1 x1")
        fixture.clock.advance(.seconds(15 * 60))
        await fixture.operations.tick()
        #expect(fixture.host.calls.last == "drain g1")
    }

    @Test func `a newer switch drains the standby before it`() async throws {
        let fixture = try Fixture()
        for commit in "abc" { try await fixture.deploy(commit) }
        #expect(fixture.host.calls.last == "drain g1")
        #expect(fixture.host.state.withLock { $0.whole } == [GenerationNumber(2), GenerationNumber(3)])
    }

    @Test func `events carry the steps, the commands' output and the progress`() async throws {
        let fixture = try Fixture()
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        try await fixture.finish(handle)
        let events = handle.log.snapshot().map(\.event)
        #expect(events.contains(.output(step: .build, line: "$ make")))
        #expect(events.contains(.output(step: .build, line: "output of make")))
        #expect(events.contains(.progress(step: .fetch, StepProgress(done: 1, total: 2, unit: "objects"))))
        #expect(events.contains(.switched(release: "1-aaaaaaa", nanoseconds: 0)))
        let record = await fixture.operations.deploy(DeployNumber(1))
        #expect(record?.steps.first { $0.step == .build }?.output == "$ make\noutput of make")
    }

    @Test(arguments: ["prepareRoot", "fetch", "resolve", "checkout", "link", "seal"])
    func `a step of the release that fails leaves the old version live`(call: String) async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.builder.change { $0.failures[call] = DeployFailure(.repository, "no \(call)") }
        let outcome = try await fixture.deploy("b")
        #expect(outcome.result == .failed)
        #expect(outcome.failure?.summary == "no \(call)")
        try await expectUntouched(fixture, failed: .failed)
    }

    @Test(arguments: ["make", "migrate"])
    func `a command that fails stops the deploy with its output`(command: String) async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.commands.state.withLock { $0.ends[command] = .ended(.exited(3)) }
        let outcome = try await fixture.deploy("b")
        #expect(outcome.failure?.code == .commandFailed)
        #expect(outcome.failure?.summary == "`\(command)` ended with exit status 3")
        #expect(outcome.failure?.outputTail.last == "output of \(command)")
        try await expectUntouched(fixture, failed: .failed)
    }

    @Test func `a command with no recorded end is left to a person`() async throws {
        let fixture = try Fixture()
        fixture.commands.state.withLock { $0.ends["migrate"] = .unknown }
        #expect(try await fixture.deploy().failure?.code == .commandUnknown)
    }

    @Test func `a configuration that is wrong fails before anything is built`() async throws {
        let fixture = try Fixture()
        fixture.settings.change { $0.failure = DeployFailure(.configuration, "Passengerfile.yml:3:1: unknown key") }
        let outcome = try await fixture.deploy()
        #expect(outcome.failedStep == .link)
        #expect(fixture.commands.ran == [])
    }

    @Test func `without a repository it says where to set one`() async throws {
        let fixture = try Fixture()
        fixture.settings.change { $0.repository = nil }
        #expect(try await fixture.deploy().failure?.hint?.contains("deploy.repo") == true)
    }

    @Test func `a trial boot or a boot that fails leaves the old version live`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.host.change { $0.trialFailure = noWorker }
        #expect(try await fixture.deploy("b").failedStep == .prove)
        #expect(fixture.commands.ran == ["make", "migrate", "make"])
        fixture.host.change { state in
            state.trialFailure = nil
            state.bootFailure = noWorker
        }
        let outcome = try await fixture.deploy("c")
        #expect(outcome.failedStep == .boot)
        #expect(outcome.failure?.boot == noWorker)
        try await expectUntouched(fixture, failed: .failed)
    }

    @Test func `workers that die before the switch, or a switch that is refused, cost the new generation only`()
        async throws
    {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        fixture.host.change { $0.isReady = false }
        #expect(try await fixture.deploy("b").failedStep == .health)
        #expect(fixture.host.calls.last == "discard g2")
        fixture.host.change { state in
            state.isReady = true
            state.refusesSwitch = true
        }
        #expect(try await fixture.deploy("c").failedStep == .switchTraffic)
        #expect(fixture.host.calls.last == "discard g3")
        try await expectUntouched(fixture, failed: .failed)
    }

    @Test func `errors in the bake switch back to the old generation, which is still whole`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        let outcome = try await fixture.deploy("b", bake: counts(100, errors: 90))
        #expect(outcome.result == .rolledBack)
        #expect(outcome.liveRelease == "1-aaaaaaa")
        #expect(fixture.host.calls.suffix(3) == ["switch g2", "switch g1", "drain g2"])
        #expect(fixture.builder.current == "1-aaaaaaa")
        #expect(fixture.journal.load().live?.live?.label.name == "1-aaaaaaa")
        #expect(await fixture.state(of: 2) == .rolledBack)
    }

    @Test func `retention keeps what was stable and what is in use`() async throws {
        let fixture = try Fixture()
        fixture.settings.change { $0.settings.deploy.keepReleases = 2 }
        for commit in "abcd" { try await fixture.deploy(commit) }
        #expect(fixture.builder.state.withLock { $0.onDisk.map(\.label.number.rawValue) } == [3, 4])
        #expect(await fixture.operations.releases().map(\.record.number.rawValue) == [4, 3])
    }

    @Test func `a release whose old workers are still at a request is not deleted`() async throws {
        let fixture = try Fixture()
        fixture.settings.change { $0.settings.deploy.keepReleases = 2 }
        fixture.host.change { $0.inUse = [DeployNumber(1)] }
        for commit in "abcd" { try await fixture.deploy(commit) }
        #expect(fixture.builder.state.withLock { $0.onDisk.map(\.label.number.rawValue) } == [1, 3, 4])
    }

    @Test func `a release that cannot be deleted fails no deploy, and is tried again`() async throws {
        let fixture = try Fixture()
        fixture.settings.change { $0.settings.deploy.keepReleases = 2 }
        fixture.builder.change { $0.stubborn = [DeployNumber(1)] }
        for commit in "abc" { #expect(try await fixture.deploy(commit).result == .done) }
        // Still there, and not said to be gone: it can be gone back to.
        #expect(await fixture.operations.releases().map(\.record.number.rawValue) == [3, 2, 1])
        fixture.builder.change { $0.stubborn = [] }
        #expect(try await fixture.deploy("d").result == .done)
        #expect(fixture.builder.state.withLock { $0.onDisk.map(\.label.number.rawValue) } == [3, 4])
    }

    /// Release 1 is live, in memory, in the pool, on disk; the newest deploy has ended badly.
    private func expectUntouched(_ fixture: Fixture, failed: DeployState) async throws {
        let overview = await fixture.operations.overview()
        #expect(overview.live?.label.name == "1-aaaaaaa")
        #expect(fixture.host.liveGeneration()?.number == GenerationNumber(1))
        #expect(fixture.host.state.withLock { $0.whole } == [GenerationNumber(1)])
        #expect(fixture.builder.current == "1-aaaaaaa")
        let newest = await fixture.operations.deploys().first
        #expect(newest?.state == failed)
        #expect(newest?.finishedAt != nil)
        await #expect(throws: OperationRefusal.self) { try await fixture.rollback() }
    }
}
