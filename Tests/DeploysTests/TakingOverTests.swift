import Deploys
import Foundation
import Model
import Pool
import Synchronization
import Testing

/// What a core finds of the one before it: generations that serve, and the journal.
@Suite(.timeLimit(.minutes(5))) struct TakingOverTests {
    /// What the pool of the core before would have left.
    private func record(of fixture: Fixture) throws -> AppRecord {
        let live = try #require(fixture.host.liveGeneration()?.number)
        let specs = fixture.host.state.withLock { $0.specs }
        let whole = fixture.host.state.withLock { $0.whole }.sorted { $0.rawValue < $1.rawValue }
        return AppRecord(
            name: fixture.operations.app,
            generations: whole.compactMap { number in
                specs[number].map {
                    GenerationRecord(
                        number: number, spec: $0, state: number == live ? .live : .standby, target: 1, bornAt: .zero,
                        workers: [])
                }
            }, live: live, lastGeneration: live)
    }

    @Test(arguments: [(60, []), (360, ["park g1 x1"]), (960, ["drain g1"])] as [(Double, [String])])
    func `a standby goes on with what is left of its time`(_ later: Double, _ calls: [String]) async throws {
        let first = try Fixture()
        for commit in "ab" { try await first.deploy(commit) }
        let second = try Fixture(continuing: first, isSuccessor: true, later: later)
        let left = try record(of: first)
        // It is there in the pool of the second, too.
        let specs = first.host.state.withLock { $0.specs }
        second.host.change { state in
            state.specs = specs
            state.whole = [GenerationNumber(1), GenerationNumber(2)]
            state.live = LiveGeneration(number: GenerationNumber(2), workers: 1)
        }
        let adoption = await second.operations.adopt(left)
        #expect(adoption?.live == GenerationNumber(2) && adoption?.standby == GenerationNumber(1))
        await second.operations.tick()
        #expect(second.host.calls == calls)

        // And so it is for a third, which sees what the second has written.
        _ = await second.journal.flush()
        let third = try Fixture(continuing: second, isSuccessor: true, later: later)
        third.host.change { state in
            state.specs = specs
            state.whole = [GenerationNumber(1), GenerationNumber(2)]
            state.live = LiveGeneration(number: GenerationNumber(2), workers: 1)
        }
        guard calls != ["drain g1"] else { return }
        _ = await third.operations.adopt(left)
        await third.operations.tick()
        #expect(third.host.calls == calls)
    }

    @Test func `which versions were live before is known, with how long that is ago`() async throws {
        let first = try Fixture()
        for commit in "abc" { try await first.deploy(commit) }
        let second = try Fixture(continuing: first, later: 3600)
        var former = await second.operations.formerVersions()
        #expect(former.map(\.settings.directory) == ["/srv/app/releases/2-bbbbbbb", "/srv/app/releases/1-aaaaaaa"])
        #expect(former.allSatisfy { (.seconds(3600)..<(.seconds(3720))).contains($0.age) }, "\(former.map(\.age))")

        // What is gone back to was not before; what was rolled back from was.
        _ = try await second.operations.start(requester: somebody)
        _ = try await second.rollback()
        former = await second.operations.formerVersions()
        #expect(former.map(\.settings.directory) == ["/srv/app/releases/3-ccccccc", "/srv/app/releases/1-aaaaaaa"])
        #expect(try #require(former.first).age < .seconds(120))
    }
}
