/// Why a request failed: a code to decide by, and the words for the person whose deploy it was.
package struct BuilderFailure: Error, Codable, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Codable, Sendable, CaseIterable {
        case invalidRequest
        /// The deploy root is missing, or not laid out as one.
        case unusableRoot
        /// `current` (or another name that must be a link) is a real file or directory.
        case notALink
        /// The disk, its inodes or the user's quota are full, or would be.
        case noSpace
        case permissionDenied
        case inputOutput
        /// The repository cannot be reached: host, port, path or network.
        case unreachable
        case authenticationFailed
        case timedOut
        /// The repository belongs to another user and no `safe.directory` allows it.
        case unsafeOwner
        case emptyRepository
        case unknownRef
        case ambiguousRef
        /// The tree has an entry that could write or lead out of the release.
        case refusedTree
        case submodule
        case lfsPointer
        /// The mirror lacks an object or has a damaged one.
        case damagedRepository
        case releaseExists
        case noSuchRelease
        case releaseInUse
        /// Of the env file.
        case noSuchVersion
        case cancelled
        /// libgit2 failed in a way that none of the others says.
        case git
    }

    package var code: Code
    package var message: String
    /// What to do about it.
    package var hint: String?
    /// The path inside the release or the root that it is about.
    package var path: String?

    package init(_ code: Code, _ message: String, hint: String? = nil, path: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.path = path
    }

    package var description: String { hint.map { "\(message) (\($0))" } ?? message }
}
