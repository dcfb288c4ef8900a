package import Model
package import Pool

/// A commit, once a name has been resolved: from here on only the object id counts.
package struct ResolvedCommit: Sendable, Equatable, Codable {
    package var id: String
    package var author: String
    package var subject: String
    /// What the name was resolved from: `main`, `v2`.
    package var ref: String
    package init(id: String, author: String, subject: String, ref: String) {
        self.id = id
        self.author = author
        self.subject = subject
        self.ref = ref
    }
}

/// A release on disk, at its final path.
package struct ReleaseLocation: Sendable, Equatable, Codable {
    package var label: ReleaseLabel
    /// `ROOT/releases/42-9be0d13`
    package var directory: String
    package init(label: ReleaseLabel, directory: String) {
        self.label = label
        self.directory = directory
    }
}

package enum BuildingNews: Sendable, Equatable {
    case progress(StepProgress)
    case notice(String)
    case warning(String)
}

/// Everything that is written under one deploy root. The core implements it over the release builder, a child that runs
/// as the deploy user. Each call may take long, throws what a person can act on, and gives up when its task is cancelled.
package protocol ReleaseBuilding: Sendable {
    /// Called in order, on any thread.
    typealias NewsHandler = @Sendable (BuildingNews) -> Void

    /// Makes `repo.git`, `releases`, `shared`, `.passenger` where they are missing.
    func prepareRoot() async throws(DeployFailure)
    /// `allowMirrored`: a repository that cannot be reached is a warning, and what was fetched before has to do.
    func fetch(
        _ repository: String, allowMirrored: Bool, progress: @escaping NewsHandler
    ) async throws(DeployFailure)
    func resolve(_ ref: String?) async throws(DeployFailure) -> ResolvedCommit
    /// Whether it is older than `revision`: part of its history, as far as that is known.
    func isAncestor(_ commit: ResolvedCommit, of revision: String) async throws(DeployFailure) -> Bool
    /// Writes the tree to a temporary directory, verifies it, renames it to its final path.
    /// `repository` is what was fetched; of the settings count those of what a tree may hold.
    func checkOut(
        _ commit: ResolvedCommit, of repository: String?, as number: DeployNumber, settings: DeploySettings,
        progress: @escaping NewsHandler
    ) async throws(DeployFailure) -> ReleaseLocation
    func link(_ release: ReleaseLocation, shared: [String]) async throws(DeployFailure)
    /// The release is complete: only now can it be booted, and go on a later start.
    func seal(_ release: ReleaseLocation) async throws(DeployFailure)
    /// Moves the `current` link. Traffic does not depend on it.
    func moveCurrent(to release: ReleaseLocation) async throws(DeployFailure)
    /// Where `current` leads to now, whoever moved it.
    func currentPlace() async throws(DeployFailure) -> CurrentPlace
    /// Releases that are there (sealed or not), for numbering and retention. Of one that no deploy made the number is 0: the journal
    /// knows it by its name.
    func releases() async throws(DeployFailure) -> [ReleaseLocation]
    /// What a root that Capistrano deployed to would begin with; nil when it is no such root. Changes nothing.
    func takeover() async throws(DeployFailure) -> Takeover?
    /// Where the tool that has deployed there before fetched from; nil when that is not known. Changes nothing.
    func formerRepository() async throws(DeployFailure) -> FormerRepository?
    /// Where a release has links into `shared/`, whoever made them.
    func sharedLinks(in release: ReleaseLocation) async throws(DeployFailure) -> SharedLinks
    /// Deletes what it can of these; a release that a process still uses is left. Returns what is gone.
    func prune(_ releases: [ReleaseLocation]) async -> [DeployNumber]
}
