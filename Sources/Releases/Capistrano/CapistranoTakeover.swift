/// What of a root that Capistrano deployed to becomes releases of ours: the one that `current` leads to, which is live, and those that
/// its log says were good and that are still there. Nothing on disk changes for it.
package struct CapistranoTakeover: Codable, Sendable, Equatable {
    package struct Release: Codable, Sendable, Equatable {
        package var name: ReleaseName
        /// Of its commit: forty digits, or as many as are known; nil when none are.
        package var commit: String?
        package var branch: String?
        /// Who deployed it.
        package var deployer: String?
        /// Capistrano was rolled back from it.
        package var isWithdrawn: Bool
    }

    /// Oldest first.
    package var releases: [Release]
    /// One of them.
    package var current: ReleaseName
    /// Of the current release.
    package var sharedLinks = SharedLinksFound()
    /// Where it was deployed from.
    package var repository = CapistranoRepository.none
    /// For whoever takes it over, one line each.
    package var warnings: [String]

    /// Capistrano keeps five. More than these, and somebody has made them up.
    static let mostReleases = 100

    /// - Parameters:
    ///   - current: what the link leads to; a directory that is there.
    ///   - log: nil without a `revisions.log`.
    ///   - present: what else in `releases/` has such a name and is a directory.
    ///   - revision: what the file REVISION of a release says, if it says a commit.
    init(
        current: ReleaseName, log: RevisionLog?, present: Set<ReleaseName>, revision: (ReleaseName) -> String?
    ) {
        let deployed = log?.deployed ?? [:]
        let good = present.filter { $0.moment != nil && ($0 == current || deployed[$0] != nil) }.union([current])
        let older = good.filter { $0 <= current }.sorted().suffix(Self.mostReleases)
        let newer = good.filter { $0 > current }.sorted().suffix(Self.mostReleases)
        self.current = current
        releases = (older + newer).map { name in
            // A log line is short of a commit now and then; the file never is, where there is one.
            Release(
                name: name, commit: revision(name) ?? deployed[name]?.commit, branch: deployed[name]?.branch,
                deployer: deployed[name]?.deployer, isWithdrawn: name > current)
        }
        warnings = []
        let left = present.subtracting(good).filter { $0.moment != nil }.sorted()
        if log == nil {
            warnings.append(
                "there is no revisions.log: of what is in releases/ only the current release is known to be good")
        } else if deployed[current] == nil {
            warnings.append(
                "current leads to \(current), of which revisions.log does not say that its deploy came to its end")
        }
        if let count = log?.otherLines, count > 0 {
            warnings.append(
                "\(count) \(count == 1 ? "line" : "lines") of revisions.log \(count == 1 ? "is" : "are") not Capistrano's own: what is deployed by them is left alone"
            )
        }
        if !left.isEmpty, log != nil {
            let names = left.suffix(5).map(\.description).joined(separator: ", ")
            warnings.append(
                "left alone, since no deploy of them came to its end: \(left.count > 5 ? "\(left.count) releases, the last ones " : "")\(names)"
            )
        }
        if good.count > releases.count {
            warnings.append("only the newest \(releases.count) releases of \(good.count) are taken over")
        }
    }
}

/// What became of a look at a root.
package enum CapistranoFinding: Codable, Sendable, Equatable {
    case takeover(CapistranoTakeover)
    /// It is not Capistrano's, or not in a state in which it could be taken over: why not.
    case unfit(reason: String)
}
