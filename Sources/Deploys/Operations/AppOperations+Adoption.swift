import Foundation
package import Model
package import Pool

/// Workers that outlived a core.
extension AppOperations {
    package struct Adoption: Sendable, Equatable {
        package var live: GenerationNumber
        package var standby: GenerationNumber?
    }

    /// Of the generations that an earlier core has left serving: the one that runs what has to be live, as `start` would boot it,
    /// and the standby beside it. Nil when it is not among them. Before `start`, which then boots nothing.
    package func adopt(_ record: AppRecord) -> Adoption? {
        guard let host = parts.host, live == nil else { return nil }
        guard parts.builder != nil else { return adoptInPlace(record) }
        readJournal()
        restoreCapacity(host)
        guard let target = startTarget, let found = generation(of: record, running: target) else { return nil }
        let isOther = liveRecord.live != target
        // What is not live by the journal has not survived its bake.
        if !isOther { standby = adoptedStandby(of: record, beside: found) }
        becomeLive(BootedCode(generation: found.number, release: target, settings: found.spec.settings))
        if isOther { moveCurrent(to: target) }
        return Adoption(live: found.number, standby: standby?.code.generation)
    }

    /// What serves in place is the release that is live by the journal: its root has been taken over since. Before `start`, which then
    /// boots nothing; a restart gives the release a path of its own.
    package func goOn(with generation: GenerationNumber, _ settings: AppSettings) async {
        await loadOnce()
        guard live == nil, let release = startTarget else { return }
        live = BootedCode(generation: generation, release: release, settings: settings)
    }

    private func adoptInPlace(_ record: AppRecord) -> Adoption? {
        guard let found = record.generations.first(where: { $0.number == record.live }), found.spec.release == nil
        else { return nil }
        live = BootedCode(generation: found.number, release: nil, settings: found.spec.settings)
        return Adoption(live: found.number)
    }

    /// A release that was restarted has two.
    private func generation(of record: AppRecord, running release: ReleaseLocation) -> GenerationRecord? {
        let same = record.generations.filter { $0.spec.release == release.label }
        return same.first { $0.number == record.live } ?? same.last
    }

    /// It goes on with as much of its time as was left.
    private func adoptedStandby(of record: AppRecord, beside live: GenerationRecord) -> StandbyCode? {
        for kept in record.generations.reversed() where kept.number != live.number && kept.state != .proved {
            guard let number = kept.spec.release?.number, let known = records[number], !known.isPruned,
                let release = known.release, release.label == kept.spec.release,
                // One that has traffic beside what is live by the journal was before it, or is a canary.
                kept.state == .standby || known.wasStable
            else { continue }
            let since = liveRecord.standby == release ? liveRecord.standbySince : nil
            return StandbyCode(
                code: BootedCode(generation: kept.number, release: release, settings: kept.spec.settings),
                clock: StandbyClock(live.spec.settings.deploy, now: parts.now(), age: age(since ?? parts.date())))
        }
        return nil
    }

    /// Versions that were live before what is, the last one first, with how long that is ago. Before
    /// `start`, too.
    package func formerVersions() -> [FormerVersion] {
        readJournal()
        return (liveRecord.former ?? []).compactMap { former in
            guard let record = records[former.release.label.number], !record.isPruned, let settings = record.settings
            else { return nil }
            return FormerVersion(settings: settings, age: age(former.until))
        }
    }

    package struct FormerVersion: Sendable {
        package var settings: AppSettings
        package var age: Duration
    }

    /// Of the clock on the wall, which may have been set back meanwhile.
    private func age(_ date: Date) -> Duration { .seconds(max(0, parts.date().timeIntervalSince(date))) }
}
