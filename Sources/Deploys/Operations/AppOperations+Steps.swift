import Foundation
import Model
import Pool

/// What each step does. Nothing here decides what comes next.
extension AppOperations {
    func startStep(_ step: DeployStep) {
        guard var run else { return }
        run.stepBegan = parts.now()
        run.isOverdue = false
        run.output = StepOutput(step, run.ticket.log)
        let title = self.title(of: step, run)
        run.ticket.log.append(.stepStarted(step: step, title: title))
        let number = run.ticket.number
        // The task is in place before it can report: this actor runs nothing else until here is done.
        run.task = Task { await self.runStep(step, of: number) }
        self.run = run
        change(run.deploy) { $0.begin(step, title: title, at: parts.date()) }
    }

    private func runStep(_ step: DeployStep, of number: OperationNumber) async {
        var result: Result<StepProduct, DeployFailure>
        do throws(DeployFailure) { result = .success(try await execute(step)) } catch { result = .failure(error) }
        guard run?.ticket.number == number else { return }
        if run?.isOverdue == true, case .failure = result { result = .failure(overdue(step)) }
        record(step, result)
        // No step before the switch goes on until its record is safe. From the switch on, nothing waits for the disk.
        if let journal = parts.journal, run?.deploy != nil, await !journal.flush(), case .success = result {
            result = .failure(journal.failure ?? DeployFailure(.internalError, "the journal could not be written"))
        }
        guard run?.ticket.number == number else { return }
        switch result {
        case .success(.booted(let booted)): feed(.booted(booted.number))
        case .success: feed(.stepDone(step))
        case .failure(let failure): feed(.stepFailed(step, failure))
        }
    }

    /// Hooks, boots and watches have times of their own. A host that is silent in the middle of a fetch, a disk that hangs, would
    /// hold a deploy for ever, and its successors with it.
    func limit(of step: DeployStep) -> Duration? {
        let settings = run?.settings?.deploy ?? run?.deploySettings ?? DeploySettings()
        switch step {
        case .fetch, .checkout: return settings.hookTimeout
        case .inspect, .resolve, .link, .seal: return min(settings.hookTimeout, .seconds(5 * 60))
        default: return nil
        }
    }

    private func overdue(_ step: DeployStep) -> DeployFailure {
        DeployFailure(
            .timedOut, "it took longer than \((limit(of: step) ?? .zero).inWords)",
            hint: "is the repository's host or a disk not answering? deploy.hook_timeout is how long it may take")
    }

    private func execute(_ step: DeployStep) async throws(DeployFailure) -> StepProduct {
        guard let run else { throw .cancelled }
        switch step {
        case .inspect: return .inspected(try await readSettings(run))
        case .fetch: return try await fetch(run)
        case .resolve: return .resolved(try await resolve(run))
        case .checkout: return .checkedOut(try await checkOut(run))
        case .link: return .inspected(try await link(run))
        case .build:
            return try await runCommands(step, run) { $0.build }
        case .seal:
            // Read again: a build makes what the configuration is detected from (a virtualenv, a lock file).
            let (builder, release) = try place(run)
            let settings = try await parts.settings.settings(release: release)
            try await builder.seal(release)
            return .inspected(settings)
        case .prove:
            let spec = try spec(run, workers: 1, proof: .handshake)
            let host = try host()
            do throws(GenerationFailure) { try await host.trial(spec) } catch { throw DeployFailure(error) }
            return .nothing
        case .beforeBoot:
            if run.settings?.deploy.beforeBoot.isEmpty == false { beginGuard() }
            return try await runCommands(step, run) { $0.beforeBoot }
        case .grow: return try await grow(run)
        case .boot: return try await boot(run)
        case .health: return try await confirm(run)
        case .beforeSwitch:
            return try await runCommands(step, run) { $0.beforeSwitch }
        case .roll: return try await roll(run)
        case .replace: return try await stopOld(run)
        case .switchTraffic, .canary, .approve, .bake: return .nothing
        case .afterSwitch, .afterStable, .afterDrain, .onFailure, .onRollback, .webhook: return .nothing
        }
    }

    // MARK: Making a release

    private func fetch(_ run: OperationRun) async throws(DeployFailure) -> StepProduct {
        guard let builder = parts.builder, let request = deployRequest(of: run) else { throw .cancelled }
        try await builder.prepareRoot()
        await reportCurrent(run)
        let settings = try await parts.settings.deploySettings()
        try check(request, against: settings)
        if request.isArchive == true { return .fetched(repository: AppOperations.archive, settings) }
        let (repository, note) = try await repository(of: request, settings)
        if let note { run.ticket.log.append(.notice(.info, note)) }
        try await builder.fetch(
            repository, allowMirrored: request.allowMirrored, progress: follower(of: .fetch, run))
        return .fetched(repository: repository, settings)
    }

    /// In the place of a repository.
    private static let archive = "archive"

    /// Where the newest deploy came from: who named a repository once need not name it again.
    var lastRepository: String? {
        records.values.filter { $0.repository != nil && $0.repository != AppOperations.archive }.max {
            $0.number < $1.number
        }?.repository
    }

    func check(_ request: DeployRequest, against settings: DeploySettings) throws(DeployFailure) {
        let isArchive = request.isArchive == true
        switch settings.source {
        case .archive where !isArchive:
            throw DeployFailure(
                .configuration, "this app is deployed from archives: deploy.source is archive",
                hint: "`passenger deploy --archive FILE`, or `--archive -` for standard input")
        case .git where isArchive:
            throw DeployFailure(
                .configuration, "this app is deployed from its repository only: deploy.source is git",
                hint: "`passenger deploy REF`; without deploy.source both are possible")
        case .archive, .git, nil: return
        }
    }

    /// Of a deploy: where it comes from, and a word about that where nobody has named it.
    func repository(
        of request: DeployRequest, _ settings: DeploySettings
    ) async throws(DeployFailure) -> (url: String, note: String?) {
        // What comes from the journal has lost its credentials: git's own helpers may have them.
        if let named = request.repository.map(SecretMask.withoutMark) ?? settings.repo { return (named, nil) }
        let former = try await formerRepository()
        if let last = lastRepository {
            // Of the first deploy after a takeover: the file that it was read from may have them as well.
            let isFormer = former?.url.map(SecretMask.withoutCredentials) == SecretMask.withoutCredentials(last)
            return (isFormer ? former?.url ?? last : SecretMask.withoutMark(last), nil)
        }
        if let former, let url = former.url {
            let name = SecretMask.withoutCredentials(url)
            return (url, "no repository is named: it is the one of \(former.place), \(name)")
        }
        throw DeployFailure(
            .configuration, former?.problem ?? "no repository is configured",
            hint: "set deploy.repo in the deploy root's Passengerfile, or `passenger deploy --repo URL`")
    }

    /// Of a root that was taken over.
    private func formerRepository() async throws(DeployFailure) -> FormerRepository? {
        guard let builder = parts.builder, records.values.contains(where: { $0.takenOverFrom != nil }) else {
            return nil
        }
        return try await builder.formerRepository()
    }

    private func resolve(_ run: OperationRun) async throws(DeployFailure) -> ResolvedCommit {
        guard let builder = parts.builder, let request = deployRequest(of: run) else { throw .cancelled }
        // One object id per deploy, also when it is resumed: the branch may have moved meanwhile.
        if let commit = run.commit { return commit }
        let asked = request.ref ?? run.deploySettings?.branch
        let commit = try await builder.resolve(asked)
        if let note = branchNote(commit, asked: asked) { run.ticket.log.append(.notice(.warning, note)) }
        try await checkCommit(commit, request)
        return commit
    }

    /// What a person has to want expressly.
    func checkCommit(_ commit: ResolvedCommit, _ request: DeployRequest) async throws(DeployFailure) {
        guard let builder = parts.builder else { return }
        if ledger.isWithdrawn(commit: commit.id), !request.force {
            throw DeployFailure(
                .withdrawn, "commit \(commit.id.prefix(7)) was rolled back from before",
                hint: "`passenger deploy --force` deploys it all the same")
        }
        if let live = live?.release?.label ?? liveRecord.live?.label, !request.allowOlder, live.revision != commit.id,
            try await builder.isAncestor(commit, of: live.revision)
        {
            throw DeployFailure(
                .older, "commit \(commit.id.prefix(7)) is older than \(live.name), which is live",
                hint: "`passenger rollback` goes back; `passenger deploy --allow-older` deploys it all the same")
        }
    }

    /// What was asked for when the deploy began.
    func deployRequest(of run: OperationRun) -> DeployRequest? {
        if case .deploy(let request) = run.ticket.request { return request }
        return run.deploy.flatMap { records[$0]?.request }
    }

    private func checkOut(_ run: OperationRun) async throws(DeployFailure) -> ReleaseLocation {
        guard let builder = parts.builder, let commit = run.commit, let number = run.deploy else { throw .cancelled }
        // Of an attempt that was interrupted: nobody knows how far its build came.
        if let half = records[number]?.release { _ = await builder.prune([half]) }
        return try await builder.checkOut(
            commit, of: records[number]?.repository, as: number, settings: run.deploySettings ?? DeploySettings(),
            progress: follower(of: .checkout, run))
    }

    private func link(_ run: OperationRun) async throws(DeployFailure) -> AppSettings {
        let (builder, release) = try place(run)
        let settings = try await parts.settings.settings(release: release)
        try await checkShared(settings.deploy.shared, run.ticket.log)
        try await builder.link(release, shared: settings.deploy.shared)
        return settings
    }

    // MARK: Generations

    private func readSettings(_ run: OperationRun) async throws(DeployFailure) -> AppSettings {
        if run.ticket.request.kind == .restart { await reportCurrent(run) }
        do throws(DeployFailure) {
            return try await parts.settings.settings(release: run.release)
        } catch {
            // A rollback to code that ran before is not held up by a file that somebody broke since.
            guard run.ticket.request.kind == .rollback, let number = run.release?.label.number,
                let known = records[number]?.settings
            else { throw error }
            run.ticket.log.append(
                .notice(.warning, "\(error.summary); the configuration of its own deploy is used instead"))
            return known
        }
    }

    func spec(_ run: OperationRun, workers: Int, proof: Proof) throws(DeployFailure) -> GenerationSpec {
        guard let settings = run.settings else { throw .cancelled }
        return GenerationSpec(
            app: app, settings: settings, release: run.release?.label, workers: workers, proof: proof)
    }

    func host() throws(DeployFailure) -> any GenerationHost {
        guard let host = parts.host else { throw DeployFailure(.internalError, "no server is running") }
        return host
    }

    private func place(_ run: OperationRun) throws(DeployFailure) -> (any ReleaseBuilding, ReleaseLocation) {
        guard let builder = parts.builder, let release = run.release else {
            throw DeployFailure(.internalError, "no release was checked out")
        }
        return (builder, release)
    }

    // MARK: For people

    private func follower(of step: DeployStep, _ run: OperationRun) -> ReleaseBuilding.NewsHandler {
        let log = run.ticket.log
        return { news in
            switch news {
            case .progress(let progress): log.append(.progress(step: step, progress))
            case .notice(let text): log.append(.notice(.info, text))
            case .warning(let text): log.append(.notice(.warning, text))
            }
        }
    }

    func title(of step: DeployStep, _ run: OperationRun?) -> String {
        let release = run?.release?.label.name
        switch step {
        case .inspect: return "read the configuration"
        case .fetch: return "fetch the repository"
        case .resolve: return "resolve the commit"
        case .checkout: return "check out \(run?.commit.map { String($0.id.prefix(7)) } ?? "the commit")"
        case .link: return "link shared paths"
        case .build: return "build"
        case .seal: return "seal \(release ?? "the release")"
        case .prove: return "trial boot"
        case .beforeBoot: return "before_boot commands"
        case .grow: return "grow the standby"
        case .boot: return "boot \(release ?? "the new generation")"
        case .health:
            return "confirm that all workers are healthy" + (run?.provedBy.map { " (GET \($0))" } ?? "")
        case .beforeSwitch: return "before_switch commands"
        case .canary: return "compare the canary with the old version"
        case .approve: return "wait for a person's approval"
        case .roll: return "replace the old version's workers"
        case .replace: return "stop the old version"
        case .switchTraffic: return "switch traffic"
        case .bake: return "watch the new version"
        case .afterSwitch: return "after_switch commands"
        case .afterStable: return "after_stable commands"
        case .afterDrain: return "after_drain commands"
        case .onFailure: return "on_failure commands"
        case .onRollback: return "on_rollback commands"
        case .webhook: return "tell the webhook"
        }
    }
}
