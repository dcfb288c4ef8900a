package import Model

/// One line that the core writes to a release builder. `root` is always the absolute path of the deploy root.
///
/// Requests are answered in order, each with any number of events and then exactly one `.ok` or `.error`. Closing the
/// builder's standard input, or `.cancel`, stops the request under way at the next safe point.
package enum BuilderRequest: Codable, Sendable, Equatable {
    /// Makes what is missing of a deploy root and checks the rest, space included. Answer: `.done`.
    case prepareRoot(root: String)
    /// Brings the mirror up to date with `url`, then resolves `ref` as `resolve` does. Answer: `.commit`.
    case fetch(root: String, url: String, ref: String?)
    /// Looks `ref` up in the mirror as it is: branch, tag, full ref name, full or short commit id, `HEAD`; nil means the
    /// remote's default branch. Answer: `.commit`.
    case resolve(root: String, ref: String?)
    /// Whether `commit` is another one and part of `descendant`'s history, as far as the mirror has both. Answer: `.truth`.
    case isAncestor(root: String, commit: CommitID, descendant: CommitID)
    /// Writes the commit's tree to `releases/<number>-<sha7>/`, whole or not at all. Answer: `.checkedOut`.
    case checkout(root: String, number: DeployNumber, commit: CommitID, options: CheckoutOptions? = nil)
    /// Makes the shared paths of a release links into `shared/`. A path that ends in `/` is a directory. `writer` is the uid of
    /// the workers when that is another one: it may write in those, in `tmp` and in `log`. Answer: `.linked`.
    case link(root: String, release: ReleaseName, shared: [String], writer: UInt32? = nil)
    /// Flushes a built release to disk. Answer: `.done`.
    case seal(root: String, release: ReleaseName)
    /// Deletes one release. Refused for the one that `current` names. Answer: `.removed`.
    case removeRelease(root: String, release: ReleaseName)
    /// Points `current` at a release in one atomic step. Answer: `.done`.
    case moveCurrent(root: String, release: ReleaseName)
    /// Answer: `.releases`.
    case listReleases(root: String)
    /// Answer: `.current`.
    case readCurrent(root: String)
    /// What of a root that Capistrano deployed to would become releases; changes nothing. Answer: `.capistrano`.
    case readCapistrano(root: String)
    /// Where Capistrano fetched a root's releases from. Answer: `.repository`.
    case readCapistranoRepository(root: String)
    /// Where a release has links into `shared/`, whoever made them. Answer: `.sharedLinks`.
    case findSharedLinks(root: String, release: ReleaseName)
    /// Deletes every release of a deploy that is not named, is not `current` and is not in use by a process. Failures are warnings.
    /// Answer: `.removed`.
    case prune(root: String, keep: [ReleaseName])
    /// Deletes what interrupted checkouts and removals left behind. Failures are warnings. Answer: `.done`.
    case cleanTemporary(root: String)
    /// `shared/.env` as it is, or a version of it. Answer: `.environment`.
    case readEnvironment(root: String, version: Int?)
    /// Writes it, if it still is `replacing`, and keeps so many versions. Answer: `.environment`.
    case writeEnvironment(root: String, text: String, replacing: String?, keep: Int)
    /// Undoes the newest version. Answer: `.environment`.
    case takeBackEnvironment(root: String, version: Int)
    /// Stops the request under way, which then fails with `cancelled`. Has no answer of its own.
    case cancel
}
