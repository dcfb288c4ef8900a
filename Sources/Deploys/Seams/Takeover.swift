package import Foundation

/// What another tool has deployed to a root, and what of it becomes releases of ours.
package struct Takeover: Sendable, Equatable {
    package struct Release: Sendable, Equatable {
        /// Of its directory.
        package var name: String
        package var directory: String
        /// As far as it is known.
        package var commit: String?
        package var branch: String?
        package var deployer: String?
        package var madeAt: Date?
        package var isWithdrawn: Bool

        package init(
            name: String, directory: String, commit: String? = nil, branch: String? = nil, deployer: String? = nil,
            madeAt: Date? = nil, isWithdrawn: Bool = false
        ) {
            self.name = name
            self.directory = directory
            self.commit = commit
            self.branch = branch
            self.deployer = deployer
            self.madeAt = madeAt
            self.isWithdrawn = isWithdrawn
        }
    }

    /// `Capistrano`
    package var tool: String
    /// Oldest first.
    package var releases: [Release]
    /// Name of the one that `current` leads to.
    package var live: String
    package var warnings: [String]

    package init(tool: String, releases: [Release], live: String, warnings: [String] = []) {
        self.tool = tool
        self.releases = releases
        self.live = live
        self.warnings = warnings
    }
}

/// Where a release has links into `shared/`.
package struct SharedLinks: Sendable, Equatable {
    /// As `deploy.shared` names them.
    package var paths: [String]
    /// Those that it cannot name, as `a -> shared/b`.
    package var others: [String]
    /// There was too much to look through.
    package var isCut: Bool

    package init(paths: [String] = [], others: [String] = [], isCut: Bool = false) {
        self.paths = paths
        self.others = others
        self.isCut = isCut
    }

    /// Those that nothing in `deploy.shared` names or holds.
    package func missing(from shared: [String]) -> [String] {
        let named = shared.map { $0.split(separator: "/").drop { $0 == "." } }
        return paths.filter { path in
            let parts = path.split(separator: "/")
            return !named.contains { !$0.isEmpty && parts.starts(with: $0) }
        }
    }
}

package enum CurrentPlace: Sendable, Equatable {
    case nowhere
    /// A release's name.
    case release(String)
    /// It leads elsewhere, or is no link.
    case elsewhere(String)
}

/// Where another tool has fetched from.
package struct FormerRepository: Sendable, Equatable {
    /// May hold credentials. Nil when it is none that can be fetched from.
    package var url: String?
    /// The file that says so.
    package var place: String
    package var problem: String?

    package init(url: String?, place: String, problem: String? = nil) {
        self.url = url
        self.place = place
        self.problem = problem
    }
}
