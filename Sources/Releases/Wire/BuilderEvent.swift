/// One line that a release builder writes to the core.
package enum BuilderEvent: Codable, Sendable, Equatable {
    /// Objects received and indexed so far out of `total`, and bytes that came over the wire.
    case fetchProgress(received: Int, indexed: Int, total: Int, bytes: Int)
    case checkoutProgress(files: Int, totalFiles: Int, bytes: Int, totalBytes: Int)
    /// Something that a person following the deploy wants to know.
    case note(String)
    /// Something that went wrong and does not decide the request's result.
    case warning(String)
    /// The end of a request that succeeded.
    case ok(BuilderResult)
    /// The end of a request that failed. Nothing it had begun is left at a final name.
    case error(BuilderFailure)
}

package enum BuilderResult: Codable, Sendable, Equatable {
    case done
    case truth(Bool)
    case commit(CommitInfo)
    case checkedOut(CheckedOutRelease)
    case linked([SharedLink])
    /// In ascending order of deploy number.
    case releases([ReleaseName])
    case current(CurrentLink)
    case removed([ReleaseName])
    case environment(EnvironmentText)
    case imported(CommitID)
    case capistrano(CapistranoFinding)
    case repository(CapistranoRepository)
    case sharedLinks(SharedLinksFound)
}

package struct CommitInfo: Codable, Sendable, Equatable {
    package var id: CommitID
    /// The full name of the ref that was asked for (`refs/heads/main`), nil when a commit was named by its id.
    package var ref: String?
    package var author: String
    package var subject: String
    /// Seconds since 1970, by the committer's clock.
    package var committedAt: Int64
    /// The remote's default branch (`main`), nil when its HEAD names no branch.
    package var defaultBranch: String?

    package init(
        id: CommitID, ref: String?, author: String, subject: String, committedAt: Int64, defaultBranch: String?
    ) {
        self.id = id
        self.ref = ref
        self.author = author
        self.subject = subject
        self.committedAt = committedAt
        self.defaultBranch = defaultBranch
    }
}

package struct EnvironmentText: Codable, Sendable, Equatable {
    /// Nil when there is no such file.
    package var text: String?
    /// The newest that was written down; nil when none was.
    package var version: Int?
    package init(text: String?, version: Int?) {
        self.text = text
        self.version = version
    }
}

package struct CheckedOutRelease: Codable, Sendable, Equatable {
    package var name: ReleaseName
    /// The absolute path. It never changes: workers, builds and hooks run at it.
    package var path: String
    package var files: Int
    package var bytes: Int

    package init(name: ReleaseName, path: String, files: Int, bytes: Int) {
        self.name = name
        self.path = path
        self.files = files
        self.bytes = bytes
    }
}

package struct SharedLink: Codable, Sendable, Equatable {
    /// What became of the path's counterpart in `shared/`.
    package enum Counterpart: String, Codable, Sendable {
        /// It was there; what the release tracked at the path, if anything, gave way to it.
        case existing
        case createdDirectory
        case createdFile
        /// It was missing, and what the release tracked at the path became its first content.
        case seeded
    }
    /// Relative to the release, without a trailing slash.
    package var path: String
    package var counterpart: Counterpart

    package init(path: String, counterpart: Counterpart) {
        self.path = path
        self.counterpart = counterpart
    }
}

package enum CurrentLink: Codable, Sendable, Equatable {
    case missing
    case release(ReleaseName)
    /// It links to something that is not a release of this root.
    case foreign(target: String)
    /// It is a file or directory, which the builder never replaces.
    case notALink
}
