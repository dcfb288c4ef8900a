import Deploys
import Foundation
import Model
import Pool
import Testing

func counts(_ requests: UInt64, errors: UInt64 = 0, gateway: UInt64 = 0, crashes: UInt64 = 0) -> TrafficCounts {
    var counts = TrafficCounts()
    counts.requests = requests
    counts.appErrors = errors
    counts.gatewayErrors = gateway
    counts.crashes = crashes
    return counts
}

@Suite struct BakeWatchTests {
    private func verdict(
        _ new: TrafficCounts, old: TrafficCounts? = counts(1000), oldNow: TrafficCounts? = nil, alive: Int = 1
    ) -> BakeVerdict {
        BakeWatch(limits: AutoRollbackSettings(), old: old).verdict(new: new, oldNow: oldNow ?? old, alive: alive)
    }

    private func rollsBack(_ verdict: BakeVerdict) -> Bool { if case .rollBack = verdict { true } else { false } }
    private func holds(_ verdict: BakeVerdict) -> Bool { if case .hold = verdict { true } else { false } }

    @Test func `few requests say nothing, even if all fail`() { #expect(verdict(counts(49, errors: 49)) == .good) }

    @Test func `errors over the baseline plus five points switch back`() {
        #expect(verdict(counts(100, errors: 5)) == .good)
        #expect(rollsBack(verdict(counts(100, errors: 6))))
        #expect(rollsBack(verdict(counts(100, errors: 3, gateway: 3))))
    }

    @Test func `an old version that failed as often is the baseline`() {
        let old = counts(1000, errors: 100)
        #expect(verdict(counts(100, errors: 14), old: old) == .good)
        #expect(rollsBack(verdict(counts(100, errors: 16), old: old)))
    }

    @Test func `an old version with hardly any requests is no baseline`() {
        #expect(rollsBack(verdict(counts(100, errors: 50), old: counts(2, errors: 2))))
    }

    @Test func `a crash loop counts at once`() {
        #expect(verdict(counts(0, crashes: 2)) == .good)
        #expect(rollsBack(verdict(counts(0, crashes: 3))))
    }

    @Test func `a version of which no worker is alive is not good`() {
        guard case .deserted = verdict(counts(0, crashes: 1), alive: 0) else {
            Issue.record("it was taken for good")
            return
        }
        #expect(rollsBack(verdict(counts(0, crashes: 3), alive: 0)))
    }

    @Test func `when the old version worsens too it holds`() {
        let old = counts(1000)
        #expect(holds(verdict(counts(100, errors: 50), old: old, oldNow: counts(1100, errors: 60))))
        #expect(holds(verdict(counts(0, crashes: 5), old: old, oldNow: counts(1000, crashes: 3))))
    }
}

@Suite struct StandbyClockTests {
    @Test func `a standby is whole for a while, then parked, then gone`() {
        var settings = DeploySettings()
        settings.standbyFull = .seconds(5)
        settings.rollbackWindow = .seconds(20)
        let start = Instant(nanoseconds: 7)
        var clock = StandbyClock(settings, now: start)
        #expect(clock.tick(start + .seconds(4)) == nil)
        #expect(clock.tick(start + .seconds(5)) == .park(workers: 1))
        #expect(clock.tick(start + .seconds(6)) == nil)
        clock.grownAgain()
        #expect(clock.tick(start + .seconds(7)) == .park(workers: 1))
        #expect(clock.tick(start + .seconds(20)) == .drain)
        #expect(clock.tick(start + .seconds(21)) == nil)
    }
}

@Suite struct ReleaseLedgerTests {
    private func record(
        _ number: Int, _ state: DeployState = .stable, withdrawn: Bool = false, commit: String = "c"
    ) -> DeployRecord {
        var record = DeployRecord(
            number: DeployNumber(number), request: DeployRequest(requester: somebody), requestedAt: Date())
        record.state = state
        record.wasStable = state == .stable
        record.isWithdrawn = withdrawn
        record.release = FakeBuilder.location(number, String(repeating: commit, count: 40))
        record.commit = ResolvedCommit(
            id: String(repeating: commit, count: 40), author: "Ann", subject: "s", ref: "main")
        return record
    }

    private func ledger(_ records: [DeployRecord], live: Int?) -> ReleaseLedger {
        ReleaseLedger(records: records, live: live.map { DeployNumber($0) })
    }

    private func pruned(_ records: [DeployRecord], live: Int?, keep: Int, pinned: [Int] = []) -> [Int] {
        ledger(records, live: live).prunable(
            keep: keep, pinned: Set(pinned.map { DeployNumber($0) }), onDisk: records.compactMap(\.release)
        ).map(\.label.number.rawValue)
    }

    @Test func `a rollback goes to the last stable release that is not live`() throws {
        let records = [record(1), record(2), record(3, .failed), record(4)]
        #expect(try ledger(records, live: 4).rollbackTarget(nil).number == DeployNumber(2))
    }

    @Test func `two rollbacks in a row never lead forward again`() throws {
        var records = [record(1), record(2), record(3)]
        #expect(try ledger(records, live: 3).rollbackTarget(nil).number == DeployNumber(2))
        records[2].isWithdrawn = true
        #expect(try ledger(records, live: 2).rollbackTarget(nil).number == DeployNumber(1))
        records[1].isWithdrawn = true
        #expect(throws: DeployFailure.self) { try ledger(records, live: 1).rollbackTarget(nil) }
    }

    @Test func `a release between the live one and a named older target is no default target`() throws {
        let records = [record(1), record(2), record(3, withdrawn: true)]
        #expect(throws: DeployFailure.self) { try ledger(records, live: 1).rollbackTarget(nil) }
        #expect(try ledger(records, live: 1).rollbackTarget(DeployNumber(2)).number == DeployNumber(2))
    }

    @Test(arguments: [2, 3, 4, 9])
    func `a named target must have been stable, be there, and not be live`(wish: Int) {
        var gone = record(4)
        gone.isPruned = true
        let records = [record(1), record(2, .failed), record(3), gone]
        #expect(throws: DeployFailure.self) { try ledger(records, live: 3).rollbackTarget(DeployNumber(wish)) }
    }

    @Test func `five failed releases do not push out the one good one`() {
        let records = [record(1)] + (2...6).map { record($0, .failed) }
        #expect(pruned(records, live: 1, keep: 3) == [2, 3, 4, 5])
    }

    @Test func `only stable releases count towards keep_releases`() {
        let records = [record(1), record(2), record(3, .failed), record(4), record(5, .failed), record(6)]
        #expect(pruned(records, live: 6, keep: 2) == [1, 2, 3])
    }

    @Test func `releases in use are never deleted`() {
        let records = (1...6).map { record($0) }
        #expect(pruned(records, live: 6, keep: 1, pinned: [2]) == [1, 3, 4, 5])
        #expect(pruned(records, live: 1, keep: 1) == [2, 3, 4, 5])
    }

    @Test func `pending and unfinished releases are never deleted`() {
        let records = [record(1), record(2, .interrupted), record(3, .checkedOut), record(4, .pending)]
        #expect(pruned(records, live: 1, keep: 1) == [])
    }

    @Test func `a directory without a journal is left alone`() {
        let known = [record(1), record(2)]
        let stranger = FakeBuilder.location(77, String(repeating: "d", count: 40))
        let gone = ledger(known, live: 2).prunable(
            keep: 1, pinned: [], onDisk: [stranger] + known.compactMap(\.release))
        #expect(gone.map(\.label.number.rawValue) == [1])
    }

    @Test func `numbers count up over journals and directories`() {
        #expect(ledger([], live: nil).nextNumber(onDisk: []) == DeployNumber(1))
        #expect(ledger([record(3)], live: nil).nextNumber(onDisk: [DeployNumber(7)]) == DeployNumber(8))
        #expect(ledger([record(9, .failed)], live: nil).nextNumber(onDisk: []) == DeployNumber(10))
    }

    @Test func `states are told from the journal`() {
        let records = [
            record(1), record(2, withdrawn: true), record(3, .failed), record(4), record(5, .pending),
            record(6, .fetched),
        ]
        let states = ledger(records, live: 4).releases.map { $0.state }
        #expect(states == [.staging, .sealed, .stable, .failed, .withdrawn, .superseded])
        #expect(ledger([record(1, .baking)], live: 1).releases.map { $0.state } == [.live])
    }

    @Test func `a server starts the live release, or the last stable one when that had not survived its bake`() {
        #expect(ledger([record(1), record(2)], live: 2).startTarget?.number == DeployNumber(2))
        #expect(ledger([record(1), record(2, .baking)], live: 2).startTarget?.number == DeployNumber(1))
        #expect(ledger([record(1, .baking)], live: 1).startTarget?.number == DeployNumber(1))
        #expect(ledger([], live: nil).startTarget == nil)
    }

    @Test func `a withdrawn commit is known`() {
        let ledger = ledger([record(1), record(2, withdrawn: true, commit: "b")], live: 1)
        #expect(ledger.isWithdrawn(commit: String(repeating: "b", count: 40)))
        #expect(!ledger.isWithdrawn(commit: String(repeating: "c", count: 40)))
    }
}
