import Foundation
import Logging
import Model
import Pool

/// From what the journals say to a running app.
extension AppOperations {
    /// Boots what has to be live, and goes on with what the core before was at, or with a release that was left pending: then its
    /// operation is returned.
    /// Throws only when nothing can be booted; an app that waits for its first deploy is no error.
    package func start(requester: Requester) async throws(DeployFailure) -> OperationHandle? {
        await loadOnce()
        guard let host = parts.host else { return nil }
        restoreCapacity(host)
        if parts.builder == nil {
            let settings = try await parts.settings.settings(release: nil)
            if live == nil { bootLive(host, release: nil, settings) }
            return nil
        }
        if let release = live?.release {
            // It was adopted, and runs with what it was booted with; only replacements of its workers want to know more.
            _ = try await settingsForStart(release)
        } else if let release = startTarget {
            let settings = try await settingsForStart(release)
            let isOther = liveRecord.live != release
            if isOther, release.label.number > liveRecord.live?.label.number ?? DeployNumber(0) {
                startProblems.append(
                    "\(release.label.name) is booted: its deploy was interrupted after hooks that the older version cannot live with"
                )
            }
            bootLive(host, release: release, settings)
            if isOther { moveCurrent(to: release) }
        }
        if let number = continuing { return goOn(with: number, requester) }
        guard let pending = ledger.pending else { return nil }
        if let freeze = liveRecord.lock {
            startProblems.append("deploy \(pending.number) is pending: \(OperationRefusal.frozen(freeze))")
            return nil
        }
        do throws(OperationRefusal) {
            return try begin(makeTicket(.resume(pending.number, requester)))
        } catch {
            startProblems.append("deploy \(pending.number) is pending: \(error)")
            return nil
        }
    }

    /// Also when the app was locked meanwhile: it is no new deploy.
    private func goOn(with number: DeployNumber, _ requester: Requester) -> OperationHandle? {
        do throws(OperationRefusal) {
            return try begin(makeTicket(.resume(number, requester)))
        } catch {
            giveUpContinuing("\(error)")
            return nil
        }
    }

    /// A lost journal of the live release is no reason not to serve it.
    var startTarget: ReleaseLocation? { ledger.startTarget?.release ?? liveRecord.live }

    private func bootLive(_ host: any GenerationHost, release: ReleaseLocation?, _ settings: AppSettings) {
        let spec = GenerationSpec(
            app: app, settings: settings, release: release?.label,
            workers: settings.pool.prestart ? max(settings.pool.minInstances, 1) : 0,
            proof: release == nil && settings.environment == "development" ? .handshake : .health)
        let generation = host.bootLive(spec)
        becomeLive(BootedCode(generation: generation, release: release, settings: settings))
    }

    /// At the start, where there is no switch.
    func becomeLive(_ code: BootedCode) {
        live = code
        guard let release = code.release else { return }
        let date = parts.date()
        liveRecord.becomeLive(release, code.settings, at: date)
        liveRecord.keep(standby: standby?.code.release, at: date)
        saveLive()
        change(release.label.number) { $0.settings = code.settings }
    }

    /// An app whose file has become invalid runs with the configuration stored for it, and says so.
    private func settingsForStart(
        _ release: ReleaseLocation
    ) async throws(DeployFailure) -> AppSettings {
        do throws(DeployFailure) {
            return try await parts.settings.settings(release: release)
        } catch {
            let stored = liveRecord.live == release ? liveRecord.settings : records[release.label.number]?.settings
            guard let stored else { throw error }
            startProblems.append("\(error.summary); running with the configuration of the last boot")
            return stored
        }
    }

    /// Called once, by `loadOnce`.
    func load() async {
        guard parts.journal != nil else { return }
        readJournal()
        if let builder = parts.builder, let releases = try? await builder.releases() {
            numbersOnDisk += releases.map(\.label.number)  // an unreadable root is reported by what needs it
        }
        if isTakeoverDue { await takeOver() }
        highestNumber = DeployNumber(ledger.nextNumber(onDisk: numbersOnDisk).rawValue - 1)
        await lookAtCurrent()
    }

    /// Once. Only what the state directory says: it takes no other process.
    func readJournal() {
        guard let journal = parts.journal, !hasReadJournal else { return }
        hasReadJournal = true
        let loaded = journal.load()
        startProblems += loaded.problems
        for problem in loaded.problems { parts.logger.error("journal", metadata: ["problem": "\(problem)"]) }
        for record in loaded.records { records[record.number] = record }
        liveRecord = loaded.live ?? LiveRecord()
        isTakeoverDue = TakeoverPlan.isDue(records.values, loaded)
        if loaded.isLiveLost, !isTakeoverDue { recoverLive() }
        numbersOnDisk = loaded.unreadable
        if takesOver() { judgeUnfinished() }
        claimCommands()
    }

    /// `live.json` is lost: the newest release that was good is the best guess, and it is said.
    private func recoverLive() {
        guard
            let best = records.values.filter({ $0.wasStable && !$0.isWithdrawn && !$0.isPruned })
                .max(by: { $0.number < $1.number }), let release = best.release
        else { return }
        liveRecord.live = release
        liveRecord.settings = best.settings
        startProblems.append("which release was live is lost; \(release.label.name), the last stable one, is taken")
    }

    /// Whether the unfinished deploys in the journal are nobody's: another process may be at work on one right now.
    private func takesOver() -> Bool {
        guard let lock = parts.lock else { return true }
        do {
            guard try lock.take(holder: "start") == nil else { return false }
            lock.release()
        } catch {
            parts.logger.warning("the operation lock could not be tried", metadata: ["error": "\(error)"])
        }
        return true
    }
}
