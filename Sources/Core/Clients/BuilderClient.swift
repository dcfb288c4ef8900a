import AppConfig
import Deploys
import Foundation
import Model
import Pool
import Releases
import Spawning
import Synchronization

/// `ReleaseBuilding` over a release builder: one child, as the deploy user, for as long as an operation needs it. Started
/// at the first request and ended by `idle`, or when it breaks.
actor BuilderClient: ReleaseBuilding {
    private let tools: Tools
    private let app: AppPlan
    private var root: String { app.location.path }
    /// uid of the workers when they are not the deploy user.
    private var writer: UInt32? {
        app.users.workers == app.users.deploys ? nil : UserDirectory.uid(policyName: app.users.workers)
    }
    private let note: @Sendable (String) -> Void
    private var session: BuilderSession?
    /// The last request that was begun: requests of one builder run one after the other.
    private var tail: Task<Void, Never>?

    init(tools: Tools, app: AppPlan, note: @escaping @Sendable (String) -> Void) {
        self.tools = tools
        self.app = app
        self.note = note
    }

    func prepareRoot() async throws(DeployFailure) {
        // What a builder that was killed has left, or a power cut: half checkouts, and what was being deleted. Before anything
        // else, since they may be what fills the disk; a clean-up that fails decides nothing.
        _ = try? await ask(.cleanTemporary(root: root))
        _ = try await ask(.prepareRoot(root: root))
    }

    func fetch(
        _ repository: String, allowMirrored: Bool, progress: @escaping NewsHandler
    ) async throws(DeployFailure) {
        do throws(DeployFailure) {
            // The name is resolved by `resolve`; fetching does not need it.
            _ = try await ask(.fetch(root: root, url: repository, ref: nil), progress: progress)
        } catch {
            guard error.code == .unreachable else { throw error }
            guard allowMirrored else {
                var failure = error
                let way = "`passenger deploy --mirrored` deploys from what was fetched before"
                failure.hint = error.hint.map { "\($0); \(way)" } ?? way
                throw failure
            }
            progress(.warning("\(error.summary); deploying from what was fetched before"))
        }
    }

    func resolve(_ ref: String?) async throws(DeployFailure) -> ResolvedCommit {
        guard case .commit(let info) = try await ask(.resolve(root: root, ref: ref)) else { throw Self.nonsense }
        let name = ref ?? info.ref.map { $0.split(separator: "/").suffix(from: 2).joined(separator: "/") } ?? "HEAD"
        return ResolvedCommit(id: info.id.rawValue, author: info.author, subject: info.subject, ref: name)
    }

    func isAncestor(_ commit: ResolvedCommit, of revision: String) async throws(DeployFailure) -> Bool {
        guard let older = CommitID(commit.id), let newer = CommitID(revision) else { return false }
        let answer = try await ask(.isAncestor(root: root, commit: older, descendant: newer))
        guard case .truth(let isAncestor) = answer else { throw Self.nonsense }
        return isAncestor
    }

    func checkOut(
        _ commit: ResolvedCommit, of repository: String?, as number: DeployNumber, settings: DeploySettings,
        progress: @escaping NewsHandler
    ) async throws(DeployFailure) -> ReleaseLocation {
        guard let id = CommitID(commit.id) else { throw Self.nonsense }
        let options = CheckoutOptions(
            repository: repository, submodules: settings.submodules, lfs: settings.lfs,
            allowSymlinks: settings.allowSymlinks)
        let request = BuilderRequest.checkout(root: root, number: number, commit: id, options: options)
        guard case .checkedOut(let release) = try await ask(request, progress: progress) else { throw Self.nonsense }
        return ReleaseLocation(
            label: ReleaseLabel(number: number, name: "\(release.name)", revision: id.rawValue),
            directory: release.path)
    }

    func link(_ release: ReleaseLocation, shared: [String]) async throws(DeployFailure) {
        _ = try await ask(.link(root: root, release: try name(of: release), shared: shared, writer: writer))
    }

    func seal(_ release: ReleaseLocation) async throws(DeployFailure) {
        _ = try await ask(.seal(root: root, release: try name(of: release)))
    }

    func moveCurrent(to release: ReleaseLocation) async throws(DeployFailure) {
        _ = try await ask(.moveCurrent(root: root, release: try name(of: release)))
    }

    func releases() async throws(DeployFailure) -> [ReleaseLocation] {
        guard case .releases(let names) = try await ask(.listReleases(root: root)) else { throw Self.nonsense }
        return names.map { name in
            ReleaseLocation(
                label: ReleaseLabel(
                    number: name.number ?? DeployNumber(0), name: "\(name)", revision: name.shortCommit ?? ""),
                directory: directory(of: name))
        }
    }

    private func directory(of name: ReleaseName) -> String { "\(root)/releases/\(name)" }

    func currentPlace() async throws(DeployFailure) -> CurrentPlace {
        guard case .current(let link) = try await ask(.readCurrent(root: root)) else { throw Self.nonsense }
        switch link {
        case .missing: return .nowhere
        case .release(let name): return .release("\(name)")
        case .foreign(let target): return .elsewhere(target)
        case .notALink: return .elsewhere("a directory")
        }
    }

    // MARK: What another tool has deployed

    func takeover() async throws(DeployFailure) -> Takeover? {
        guard case .capistrano(let finding) = try await ask(.readCapistrano(root: root)) else { throw Self.nonsense }
        guard case .takeover(let found) = finding else { return nil }
        let releases = found.releases.map { release in
            Takeover.Release(
                name: "\(release.name)", directory: directory(of: release.name), commit: release.commit,
                branch: release.branch, deployer: release.deployer, madeAt: release.name.madeAt,
                isWithdrawn: release.isWithdrawn)
        }
        return Takeover(
            tool: "Capistrano", releases: releases, live: "\(found.current)", warnings: found.warnings)
    }

    func formerRepository() async throws(DeployFailure) -> FormerRepository? {
        guard case .repository(let found) = try await ask(.readCapistranoRepository(root: root)) else {
            throw Self.nonsense
        }
        let place = "\(root)/repo/config"
        switch found {
        case .none: return nil
        case .found(let url): return FormerRepository(url: url, place: place)
        case .unusable(let reason): return FormerRepository(url: nil, place: place, problem: reason)
        }
    }

    func sharedLinks(in release: ReleaseLocation) async throws(DeployFailure) -> SharedLinks {
        let request = BuilderRequest.findSharedLinks(root: root, release: try name(of: release))
        guard case .sharedLinks(let found) = try await ask(request) else { throw Self.nonsense }
        return SharedLinks(paths: found.paths, others: found.others, isCut: found.isCut)
    }

    func prune(_ releases: [ReleaseLocation]) async -> [DeployNumber] {
        var gone: [DeployNumber] = []
        let used = ProcessUse.releases(of: root)
        for release in releases {
            guard let name = ReleaseName(release.label.name) else { continue }
            if let pid = used[name] {
                note("release \(name) is kept: process \(pid) runs in it")
                continue
            }
            do throws(DeployFailure) {
                _ = try await ask(.removeRelease(root: root, release: name))
                gone.append(release.label.number)
            } catch {
                // Clean-up never decides an operation's result.
                note("release \(name) was not removed: \(error.summary)")
            }
        }
        return gone
    }

    // MARK: The env file

    func environment(version: Int?) async throws(DeployFailure) -> EnvironmentText {
        try await environment(.readEnvironment(root: root, version: version))
    }

    func writeEnvironment(_ text: String, replacing: String?, keep: Int) async throws(DeployFailure) -> EnvironmentText
    {
        try await environment(.writeEnvironment(root: root, text: text, replacing: replacing, keep: keep))
    }

    func takeBackEnvironment(version: Int) async throws(DeployFailure) -> EnvironmentText {
        try await environment(.takeBackEnvironment(root: root, version: version))
    }

    private func environment(_ request: BuilderRequest) async throws(DeployFailure) -> EnvironmentText {
        guard case .environment(let text) = try await ask(request) else { throw Self.nonsense }
        return text
    }

    // MARK: The child

    private func ask(
        _ request: BuilderRequest, progress: @escaping NewsHandler = { _ in }
    ) async throws(DeployFailure) -> BuilderResult {
        let before = tail
        let task = Task { () -> Result<BuilderResult, DeployFailure> in
            await before?.value
            return await self.send(request, progress)
        }
        tail = Task { _ = await task.value }
        let session = self.session
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            session?.cancel()
            Task { await self.cancelRunning() }
        }
        return try result.get()
    }

    private func cancelRunning() { session?.cancel() }

    private func send(_ request: BuilderRequest, _ progress: @escaping NewsHandler) async
        -> Result<BuilderResult, DeployFailure>
    {
        var session = self.session ?? BuilderSession(tools: tools, app: app)
        if session.isOver { session = BuilderSession(tools: tools, app: app) }
        self.session = session
        return await session.ask(request, progress: progress, note: note)
    }

    private func name(of release: ReleaseLocation) throws(DeployFailure) -> ReleaseName {
        guard let name = ReleaseName(release.label.name) else { throw Self.nonsense }
        return name
    }

    private static let nonsense = DeployFailure(.internalError, "the release builder gave an answer of another kind")
}

extension ReleaseName {
    /// Of one of Capistrano's, when its digits are a moment.
    fileprivate var madeAt: Date? {
        guard let moment else { return nil }
        let digits = moment.utf8.map { Int($0) - 48 }
        func number(_ range: Range<Int>) -> Int { digits[range].reduce(0) { $0 * 10 + $1 } }
        var parts = DateComponents(calendar: Calendar(identifier: .gregorian), timeZone: TimeZone(secondsFromGMT: 0))
        (parts.year, parts.month, parts.day) = (number(0..<4), number(4..<6), number(6..<8))
        (parts.hour, parts.minute, parts.second) = (number(8..<10), number(10..<12), number(12..<14))
        guard parts.isValidDate else { return nil }
        return parts.date
    }
}
