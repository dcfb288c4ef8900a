import Foundation
import Model
import Pool

/// The journals with which a root goes on that another tool has deployed to. Pure; the same again for as long as they are not all
/// written: then nothing has been taken over yet.
struct TakeoverPlan {
    /// In order; written before `live`, which is what makes them hold.
    private(set) var records: [DeployRecord] = []
    private(set) var live: ReleaseLocation?

    /// Whether the journals leave room for one: nothing was ever deployed, or a takeover came to no end.
    static func isDue(_ records: some Collection<DeployRecord>, _ loaded: LoadedJournal) -> Bool {
        loaded.live?.live == nil && loaded.unreadable.isEmpty && records.allSatisfy { $0.takenOverFrom != nil }
    }

    /// - Parameters:
    ///   - known: of a takeover that came to no end: nobody was told of them.
    ///   - first: the first number that is free, not counting those.
    init(_ takeover: Takeover, known: [DeployRecord], first: DeployNumber, requester: Requester, now: Date) {
        records = takeover.releases.enumerated().map { index, release in
            Self.record(release, of: takeover, DeployNumber(first.rawValue + index), requester, now)
        }
        live = records.first { $0.release?.label.name == takeover.live }?.release
        let numbers = Set(records.map(\.number))
        // Their directories are gone since, or are not theirs any more.
        let left = known.filter { !numbers.contains($0.number) }.map { record in
            var record = record
            record.state = .aborted
            record.wasStable = false
            record.release = nil
            return record
        }
        records = left + records
    }

    private static func record(
        _ release: Takeover.Release, of takeover: Takeover, _ number: DeployNumber, _ requester: Requester, _ now: Date
    ) -> DeployRecord {
        var requester = requester
        requester.command = takeover.tool
        requester.user = release.deployer ?? requester.user
        var record = DeployRecord(
            number: number, request: DeployRequest(ref: release.branch, requester: requester),
            requestedAt: release.madeAt ?? now)
        record.finishedAt = release.madeAt ?? now
        record.state = .stable
        record.reached = .stable
        record.wasStable = true
        record.isWithdrawn = release.isWithdrawn
        record.takenOverFrom = takeover.tool
        record.commit = release.commit.map {
            ResolvedCommit(id: $0, author: "", subject: "", ref: release.branch ?? "")
        }
        record.release = ReleaseLocation(
            label: ReleaseLabel(number: number, name: release.name, revision: release.commit ?? "unknown"),
            directory: release.directory)
        return record
    }
}
