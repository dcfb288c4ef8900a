/// What is told of a directory of apps: by its watcher to the supervisor, which keeps what it needs to know whom children
/// may run as, and on to the core.
package enum AppsMessage: Sendable, Equatable {
    /// An entry that can be an app has come, or what is known of it has changed.
    case present(AppEntry)
    case gone(name: String)
    /// It is there, and cannot be looked at now: whatever it serves goes on. Nil: the directory itself.
    case unreachable(name: String?, reason: String)
    case reachable(name: String?)
    /// It is there, and no app.
    case refused(name: String, reason: String)
    /// All that was there at the start has been told.
    case listed
}

package struct AppEntry: Sendable, Equatable {
    /// In the directory.
    package var name: String
    /// The app's root, absolute.
    package var path: String
    package var isDeployRoot: Bool
    /// uid of the root's owner.
    package var owner: UInt32
    /// The owner, whom children may run as; nil when that is root, or somebody who does not decide alone what lies there.
    package var user: PolicyUser?
    /// Why `user` is nil, unless root owns it.
    package var objection: String?
    /// For a deploy root; made.
    package var stateDirectory: String?
    package init(
        name: String, path: String, isDeployRoot: Bool, owner: UInt32, user: PolicyUser?, objection: String?,
        stateDirectory: String?
    ) {
        self.name = name
        self.path = path
        self.isDeployRoot = isDeployRoot
        self.owner = owner
        self.user = user
        self.objection = objection
        self.stateDirectory = stateDirectory
    }
}
