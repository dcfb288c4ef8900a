package import Model

/// Who asked for an operation. The admin server fills in what the kernel vouches for (`uid`, `pid`); the rest is the
/// client's own word.
package struct Requester: Sendable, Equatable, Codable, CustomStringConvertible {
    package var uid: UInt32
    package var pid: Int32
    package var user: String?
    /// `passenger deploy v2`, or what else made the request: `restart.txt`, `server start`.
    package var command: String
    /// The pipeline's own variables (`CI_PIPELINE_URL`, `GITHUB_RUN_ID`, …), for the journal.
    package var ci: [String: String]

    package init(uid: UInt32, pid: Int32, user: String? = nil, command: String, ci: [String: String] = [:]) {
        self.uid = uid
        self.pid = pid
        self.user = user
        self.command = command
        self.ci = ci
    }

    package var description: String { "\(user ?? "uid \(uid)") (\(command), pid \(pid))" }
}

package struct DeployRequest: Sendable, Equatable, Codable {
    /// Branch, tag or commit; nil is the configured branch, else the remote's default.
    package var ref: String?
    /// Over the configured `deploy.repo`.
    package var repository: String?
    /// `ref` is a commit that was made of an archive: nothing is fetched.
    package var isArchive: Bool?
    /// Over the configured `deploy.bake`.
    package var bake: Duration?
    /// Percent of the requests that the new version gets first: over the configured strategy.
    package var canary: Double?
    /// Deploy a commit whose release was withdrawn.
    package var force: Bool
    /// Deploy a commit that is part of the live one's history.
    package var allowOlder: Bool
    /// When the repository cannot be reached, deploy from what was fetched before.
    package var allowMirrored: Bool
    package var requester: Requester

    package init(
        ref: String? = nil, repository: String? = nil, bake: Duration? = nil, canary: Double? = nil,
        force: Bool = false,
        allowOlder: Bool = false, allowMirrored: Bool = false, requester: Requester
    ) {
        self.ref = ref
        self.repository = repository
        self.bake = bake
        self.canary = canary
        self.force = force
        self.allowOlder = allowOlder
        self.allowMirrored = allowMirrored
        self.requester = requester
    }
}

package struct RollbackRequest: Sendable, Equatable, Codable {
    /// Nil: the last stable release that is neither live nor withdrawn.
    package var target: DeployNumber?
    /// Switch before the standby has grown to the live worker count.
    package var now: Bool
    /// Also to a release that was rolled back from by hand.
    package var force: Bool
    package var requester: Requester

    package init(target: DeployNumber? = nil, now: Bool = false, force: Bool = false, requester: Requester) {
        self.target = target
        self.now = now
        self.force = force
        self.requester = requester
    }
}

package struct RestartRequest: Sendable, Equatable, Codable {
    /// For people: `restart.txt was touched`.
    package var reason: String
    package var requester: Requester
    /// Nobody waits for it at this core: what it is for still lies there for a later one, as a file that was touched does.
    package var isSeenByTheNextCore: Bool

    package init(reason: String, requester: Requester, isSeenByTheNextCore: Bool = false) {
        self.reason = reason
        self.requester = requester
        self.isSeenByTheNextCore = isSeenByTheNextCore
    }
}
