import Model
import Releases
import Terminal

/// What `deploy --dry-run` tells of a root that would be taken over from Capistrano.
struct TakeoverPreview: Encodable {
    struct Release: Encodable {
        var number: Int
        var name: String
        var commit: String?
        var branch: String?
        var deployer: String?
        var isLive: Bool
        var isWithdrawn: Bool
    }

    var root: String
    var releases: [Release]
    /// Paths of the live release that lead into `shared/`: what `deploy.shared` has to name.
    var shared: [String]
    var warnings: [String]
    /// That serves the root's `current`, and would go over.
    var server: String?
    /// What was named, or what Capistrano's mirror was fetched from. Without credentials.
    var repository: String?
    /// The file that it was read from; nil when it was named.
    var repositorySource: String?

    init(_ found: CapistranoTakeover, root: String, server: String?, repository: String?) {
        self.repository = (repository ?? found.repository.url).map(SecretMask.withoutCredentials)
        repositorySource = repository == nil && found.repository.url != nil ? "\(root)/repo/config" : nil
        self.root = root
        self.server = server
        releases = found.releases.enumerated().map { index, release in
            Release(
                number: index + 1, name: "\(release.name)", commit: release.commit, branch: release.branch,
                deployer: release.deployer, isLive: release.name == found.current, isWithdrawn: release.isWithdrawn)
        }
        shared = found.sharedLinks.paths
        warnings = found.warnings
        if !found.sharedLinks.others.isEmpty {
            let links = found.sharedLinks.others.prefix(10).joined(separator: ", ")
            warnings.append("deploy.shared cannot make these links; a build command can: \(links)")
        }
        if repository == nil, case .unusable(let reason) = found.repository { warnings.append(reason) }
        if found.sharedLinks.isCut {
            warnings.append("the live release is too large to look through for all of its links into shared/")
        }
    }

    func show(_ context: CommandContext) throws {
        if context.global.json { return try context.console.json(self) }
        context.console.lines(lines)
    }

    var lines: [String] {
        var lines = ["\(root) would be taken over from Capistrano, and nothing in it moved, changed or deleted:"]
        for release in releases {
            let commit = release.commit.map { ["\(release.branch.map { "\($0) at " } ?? "")\($0.prefix(7))"] } ?? []
            let facts =
                commit + (release.isLive ? ["live"] : []) + (release.isWithdrawn ? ["rolled back from"] : [])
            lines.append(
                "  release \("\(release.number)".padded(to: 4))\(release.name)  \(facts.joined(separator: ", ").showable)"
            )
        }
        if !shared.isEmpty {
            let list = shared.joined(separator: ", ").showable
            lines.append("  shared paths of the live release, which the Passengerfile has to name to keep them:")
            lines.append("    deploy: {shared: [\(list)]}")
        }
        if let repository {
            let source = repositorySource.map { " (of \($0), unless --repo or deploy.repo names another)" } ?? ""
            lines.append("  repository  \(repository.showable)\(source)")
        }
        if let server { lines.append("  note: the server \"\(server)\" would go over from \(root)/current to \(root)") }
        lines += warnings.map { "  note: \($0.showable)" }
        return lines + [
            "Then release \(releases.count + 1) would be made. What else that does is told once the root is taken over."
        ]
    }
}
