import Foundation
import Glibc
import Logging
import Model
import Pool

/// A root that another tool has deployed to becomes ours.
extension AppOperations {
    /// Called once, when journals and directories were read. The root stays as it is; only journals are written, `live.json` after
    /// all others: until it is there, this is done again by whoever starts next.
    func takeOver() async {
        guard let journal = parts.journal, let builder = parts.builder else { return }
        let found: Takeover
        do throws(DeployFailure) {
            guard let takeover = try await builder.takeover() else { return }
            found = takeover
        } catch {
            // A root that cannot be read is reported by whatever needs it; this one says why nothing is live.
            return startProblems.append("whether there is anything to take over is not known: \(error.summary)")
        }
        let requester = Requester(uid: getuid(), pid: getpid(), command: found.tool)
        let plan = TakeoverPlan(
            found, known: records.values.sorted { $0.number < $1.number },
            first: ReleaseLedger(records: [], live: nil).nextNumber(onDisk: numbersOnDisk), requester: requester,
            now: parts.date())
        for record in plan.records { save(record) }
        guard await journal.flush() else {
            return startProblems.append(
                "nothing was taken over: \(journal.failure?.summary ?? "the journal is not written")")
        }
        liveRecord.live = plan.live
        saveLive()
        isTakeoverDue = false
        takeoverWarnings = found.warnings
        parts.logger.notice("\(takeoverLines.joined(separator: "; "))")
        for warning in found.warnings { parts.logger.warning("\(warning)") }
    }

    /// What was taken over, until a deploy of ours was good.
    private var takeoverLines: [String] {
        let known = records.values.sorted { $0.number < $1.number }
        let taken = known.filter { $0.takenOverFrom != nil && $0.release != nil && !$0.isPruned }
        guard let tool = taken.last?.takenOverFrom, !known.contains(where: { $0.takenOverFrom == nil && $0.wasStable })
        else { return [] }
        let releases = taken.suffix(10).map { record in
            let live = record.number == liveRecord.live?.label.number ? ", live" : ""
            let withdrawn = record.isWithdrawn ? ", rolled back from" : ""
            let commit = record.commit.map { ", \($0.ref.isEmpty ? "" : "\($0.ref) at ")\($0.id.prefix(7))" } ?? ""
            return "\(record.number) (\(record.release?.label.name ?? "")\(commit)\(live)\(withdrawn))"
        }
        let older = taken.count > releases.count ? "\(taken.count - releases.count) older ones, " : ""
        let word = taken.count == 1 ? "release" : "releases"
        return ["taken over from \(tool), and left where they are: \(word) \(older)\(releases.joined(separator: ", "))"]
    }

    func tellTakeover(_ log: OperationLog) {
        for line in takeoverLines { log.append(.notice(.info, line)) }
        for warning in takeoverWarnings { log.append(.notice(.warning, warning)) }
        takeoverWarnings = []
    }

    /// `shared`: as far as it is known before the release is there.
    func takeoverNotes(shared: [String]) async -> [String] {
        let lost = await sharedLinks().map { SharedWords.notes($0, shared) } ?? []
        return takeoverLines + takeoverWarnings + lost
    }

    /// Nobody has named a branch, and the other tool deployed another one than this: who ran a server of `develop` would have one of
    /// `main`.
    func branchNote(_ commit: ResolvedCommit, asked: String?) -> String? {
        guard asked == nil, let release = live?.release ?? liveRecord.live, let record = records[release.label.number],
            let tool = record.takenOverFrom, let branch = record.request.ref, branch != commit.ref
        else { return nil }
        return "\(tool) deployed the branch \(branch), and this is \(commit.ref): "
            + "`passenger deploy \(branch)`, or deploy: {branch: \(branch)} in the Passengerfile, deploys that one"
    }

    // MARK: Shared paths

    /// The first version of ours takes the place of one whose links another tool made. A path that only that one has would be gone
    /// with it: uploads, logs, secrets. Without any `deploy.shared` nobody has thought of it yet.
    func checkShared(_ shared: [String], _ log: OperationLog) async throws(DeployFailure) {
        guard let links = await sharedLinks() else { return }
        let missing = links.missing(from: shared)
        if shared.isEmpty, !missing.isEmpty { throw SharedWords.refusal(missing) }
        for note in SharedWords.notes(links, shared) { log.append(.notice(.warning, note)) }
    }

    /// Of the live version, if another tool made it.
    private func sharedLinks() async -> SharedLinks? {
        guard let builder = parts.builder, let release = live?.release ?? liveRecord.live,
            records[release.label.number]?.takenOverFrom != nil
        else { return nil }
        do throws(DeployFailure) {
            return try await builder.sharedLinks(in: release)
        } catch {
            parts.logger.warning("the links of \(release.label.name) into shared/ are not known: \(error.summary)")
            return nil
        }
    }

    // MARK: `current`

    func lookAtCurrent() async { foreignCurrent = await findForeignCurrent() }

    func reportCurrent(_ run: OperationRun) async {
        await lookAtCurrent()
        if let warning = foreignCurrent { run.ticket.log.append(.notice(.warning, warning)) }
    }

    /// Somebody else has moved `current`: the other tool was used again. What serves is what the journal says.
    private func findForeignCurrent() async -> String? {
        guard let builder = parts.builder, let live = liveRecord.live else { return nil }
        // Without an answer there is nothing to tell; what needs the root fails by itself.
        let place = try? await builder.currentPlace()
        let known = records.values.compactMap { $0.release?.label.name }
        let target: String
        switch place {
        case .release(let name) where !known.contains(name): target = "releases/\(name)"
        case .elsewhere(let text): target = text
        default: return nil
        }
        return
            "`current` leads to \(target), which was not deployed by passenger: served is \(live.label.name), and the next deploy moves `current`"
    }
}

private enum SharedWords {
    static func refusal(_ missing: [String]) -> DeployFailure {
        let list = missing.joined(separator: ", ")
        return DeployFailure(
            .configuration, "the new version would be without what the live one has in shared/: \(list)",
            hint: "name what is to be kept in the Passengerfile: deploy: {shared: [\(list)]}")
    }

    static func notes(_ links: SharedLinks, _ shared: [String]) -> [String] {
        let missing = links.missing(from: shared)
        var notes: [String] = []
        if !missing.isEmpty {
            notes.append(
                "the live version has these from shared/, and deploy.shared does not name them: \(missing.joined(separator: ", "))"
            )
        }
        if !links.others.isEmpty {
            notes.append(
                "deploy.shared cannot make these links; a build command can: \(links.others.prefix(10).joined(separator: ", "))"
            )
        }
        if links.isCut {
            notes.append("the live version is too large to look through for all of its links into shared/")
        }
        return notes
    }
}
