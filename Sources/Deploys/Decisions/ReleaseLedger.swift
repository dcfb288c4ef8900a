package import Model
import Pool

package enum ReleaseState: String, Sendable, Codable {
    case staging, sealed, live, stable, superseded, failed, withdrawn
}

/// What the journals say about an app's releases: their states, where a rollback goes, what may be deleted.
///
/// Never by file time, and never by what lies on disk: Capistrano's way of counting directories deletes the last good
/// release after a few failed deploys.
package struct ReleaseLedger: Sendable {
    private let records: [DeployRecord]
    private let live: DeployNumber?

    /// `live`: the release that `live.json` names.
    package init(records: [DeployRecord], live: DeployNumber?) {
        self.records = records.sorted { $0.number < $1.number }
        self.live = live
    }

    package func record(_ number: DeployNumber) -> DeployRecord? { records.first { $0.number == number } }

    /// Newest first; deploys that never made a release are left out.
    package var releases: [(record: DeployRecord, state: ReleaseState)] {
        records.reversed().filter { $0.release != nil && !$0.isPruned }.map { ($0, state(of: $0)) }
    }

    package func state(of record: DeployRecord) -> ReleaseState {
        if record.number == live { return record.wasStable ? .stable : .live }
        if record.isWithdrawn { return .withdrawn }
        if record.wasStable { return .superseded }
        if record.state.isEnd { return .failed }
        let sealed: Set<DeployState> = [.sealed, .pending, .proved, .beforeBoot, .booted, .healthy, .switched, .baking]
        return sealed.contains(record.state) ? .sealed : .staging
    }

    /// Counts up over journals and directories: a lost journal must not make a number twice.
    package func nextNumber(onDisk: [DeployNumber]) -> DeployNumber {
        DeployNumber((records.map(\.number) + onDisk).map(\.rawValue).reduce(0, max) + 1)
    }

    /// Without a wish: the newest older release that was stable and was not withdrawn. Older, so that two rollbacks in
    /// a row never lead forward again.
    package func rollbackTarget(_ wish: DeployNumber?, force: Bool = false) throws(DeployFailure) -> DeployRecord {
        if let wish { return try explicitTarget(wish, force) }
        let target = records.last { record in
            record.wasStable && !record.isWithdrawn && !record.isPruned && record.number != live
                && live.map { record.number < $0 } ?? true
        }
        guard let target else {
            throw DeployFailure(
                .noTarget, "there is no earlier stable release to go back to",
                hint: "`passenger releases` lists them; `passenger rollback --to N` names one")
        }
        return target
    }

    private func explicitTarget(_ number: DeployNumber, _ force: Bool) throws(DeployFailure) -> DeployRecord {
        guard let record = record(number), record.release != nil else {
            throw DeployFailure(.noTarget, "there is no release \(number)", hint: "see `passenger releases`")
        }
        if number == live { throw DeployFailure(.noTarget, "release \(number) is live already") }
        if record.isPruned { throw DeployFailure(.releaseMissing, "release \(number) was deleted (keep_releases)") }
        if record.isWithdrawn, !force {
            throw DeployFailure(
                .withdrawn, "release \(number) was rolled back from before",
                hint: "`passenger rollback --to \(number) --force` goes back to it all the same")
        }
        guard record.wasStable else {
            throw DeployFailure(
                .noTarget, "release \(number) was never stable (\(record.state.name))",
                hint: "deploy its commit again instead")
        }
        return record
    }

    /// Whether a person may have it gone on with.
    package func checkResumable(_ record: DeployRecord) throws(DeployFailure) {
        guard record.state == .interrupted || record.state == .pending else {
            throw DeployFailure(
                .noTarget, "deploy \(record.number) was not interrupted: it is \(record.state.name)",
                hint: "deploy its commit again")
        }
        if record.isPruned {
            throw DeployFailure(.releaseMissing, "release \(record.number) was deleted (keep_releases)")
        }
        if let live, record.number < live {
            throw DeployFailure(
                .older, "release \(live), which is live, is newer than deploy \(record.number)",
                hint: "deploy its commit again: `passenger deploy --allow-older \(record.commit?.id ?? "COMMIT")`")
        }
    }

    /// What a server that starts has to boot: the live release, or, when it had not survived its bake, the last stable
    /// one before it; but nothing that is older than a release whose hooks it cannot live with.
    package var startTarget: DeployRecord? {
        if let beyond = pointOfNoReturn { return beyond }
        guard let live, let record = record(live) else { return nil }
        if record.wasStable { return record }
        return (try? rollbackTarget(nil)) ?? record  // no earlier one: an unproved version is better than none
    }

    /// An irreversible deploy that came to no end of its own, and whose hooks have run. One that a person has rolled back from
    /// since, or that another has followed, is none any more.
    private var pointOfNoReturn: DeployRecord? {
        records.last { record in
            guard record.state == .interrupted || record.state == .baking || record.state == .switched,
                let settings = record.settings?.deploy, settings.irreversible, record.release != nil,
                !record.isWithdrawn, !record.isPruned, record.number >= live ?? DeployNumber(0)
            else { return false }
            return record.hasRun(.beforeBoot, settings.beforeBoot)
                || record.hasRun(.beforeSwitch, settings.beforeSwitch)
        }
    }

    /// The newest release that waits for a server, unless something newer is live.
    package var pending: DeployRecord? {
        records.last { $0.state == .pending && !$0.isPruned && $0.number > live ?? DeployNumber(0) }
    }

    package var unfinished: [DeployRecord] { records.filter { !$0.state.isEnd && $0.state != .pending } }

    package func isWithdrawn(commit: String) -> Bool { records.contains { $0.isWithdrawn && $0.commit?.id == commit } }

    /// Deletable: all but the newest `keep` that were stable, the newest that failed or was withdrawn, and what is in use.
    /// A directory without a journal is left alone: if the state directory was lost, that is every release there is.
    package func prunable(
        keep: Int, pinned: Set<DeployNumber>, onDisk: [ReleaseLocation]
    ) -> [ReleaseLocation] {
        var kept = pinned
        if let live { kept.insert(live) }
        if let pending { kept.insert(pending.number) }
        kept.formUnion(unfinished.map(\.number))
        // By name first: what was taken over has its number from the journal alone.
        let found = onDisk.compactMap { location -> (location: ReleaseLocation, record: DeployRecord)? in
            let named = records.first { $0.release?.label.name == location.label.name }
            let record = named ?? records.first { $0.number == location.label.number }
            return record.map {
                ($0.release?.label.name == location.label.name ? $0.release ?? location : location, $0)
            }
        }
        let numbers = Set(found.map(\.record.number))
        let there = records.filter { numbers.contains($0.number) }
        let good = there.filter { $0.wasStable && !$0.isWithdrawn }
        let bad = there.filter {
            ($0.isWithdrawn || !$0.wasStable) && $0.state != .pending && !kept.contains($0.number)
        }
        kept.formUnion(good.suffix(max(keep, 1)).map(\.number))
        kept.formUnion(bad.suffix(1).map(\.number))
        return found.filter { !kept.contains($0.record.number) }.map(\.location)
    }
}
