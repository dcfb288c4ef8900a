/// All that the supervisor is told, once, by the process that read the configuration. Encoded by `MessageCodec` into a
/// memfd; the supervisor itself reads no file.
package struct SupervisorPlan: Sendable, Equatable {
    /// Listeners in the order in which they are handed to a core.
    package var listeners: [ListenerPlan] = []
    /// Users that children may run as.
    package var users: [PolicyUser] = []
    /// Name in `users` of the core's user; nil when the supervisor is not root (everything runs as it does).
    package var coreUser: String?
    /// Whether a child may run as the supervisor's own user. True without root; with root only for an app that root
    /// itself owns.
    package var allowsOwnUser: Bool = true
    /// Absolute path of the core's program; nil is the supervisor's own executable, run by descriptor so that its user
    /// need not be able to reach it by path.
    package var coreProgram: String?
    /// argv of the core; argv[0] is for `ps`.
    package var coreArguments: [String] = []
    package var coreEnvironment: [String] = []
    /// Absolute path of the `passenger-launch` to use.
    package var launchProgram: String = ""
    /// Opaque to the supervisor: the core's boot plan.
    package var coreBootPlan: [UInt8] = []
    /// What an orderly stop may take, `shutdown_delay` included.
    package var shutdownTimeout: Duration = .seconds(25)
    /// Written by the supervisor with mode 0644 once listeners are bound; removed at exit.
    package var pidFile: String?
    /// Removed with its contents at exit (sockets, instance file). Absolute; owned by the core's user.
    package var instanceDirectory: String = ""
    /// Descriptor on which `ready` or `failed` is reported to the process that waits for the daemon (one encoded
    /// `StartReport`), if any.
    package var reportDescriptor: Int32?
    /// Absolute paths of files that the core may have opened by the supervisor, which may be able to read more: certificates
    /// and keys. Whoever makes the plan has seen to it that nobody with less rights can put another file there.
    package var readableFiles: [String] = []
    /// Of what the supervisor itself says.
    package var logFormat = LogFormat.text
    /// Watches a directory of apps; nil when there is none.
    package var appsWatcher: AppsWatcherPlan?
    /// Absolute path at which the server's own program was called: a newer version of it is looked for there. Empty: nowhere.
    package var programPath = ""
    /// Makes another plan when the configuration is to be read again; nil: it never is.
    package var reloader: ReloaderPlan?
    package init() {}
}

/// A process of the supervisor's own program and user that reads the configuration again and makes a plan of it
/// (`CompiledPlan`). Its word is all that can change what the supervisor does: the core may ask for it, no more.
package struct ReloaderPlan: Sendable, Equatable {
    package var arguments: [String]
    /// Opaque: what the server was started with.
    package var input: [UInt8]
    package init(arguments: [String], input: [UInt8]) {
        self.arguments = arguments
        self.input = input
    }

    /// A memory file for the result; its input; the plan that the supervisor runs by.
    package static let resultTarget: Int32 = 3
    package static let inputTarget: Int32 = 4
    package static let runningTarget: Int32 = 5
    package static let programTarget: Int32 = 6
    /// For an upgrade: a `SupervisorState` that the new program would go on from.
    package static let stateTarget: Int32 = 7
}

/// What became of reading the configuration again.
package enum CompiledPlan: Sendable, Equatable {
    case plan(SupervisorPlan)
    /// For people.
    case refused(reason: String)
}

/// A process of the supervisor's own program and user that tells, by `AppsMessage`s, which apps there are. The owners of
/// those are users that children may run as, for as long as they are there.
package struct AppsWatcherPlan: Sendable, Equatable {
    package var arguments: [String]
    /// Opaque: what is to be watched.
    package var input: [UInt8]
    package init(arguments: [String], input: [UInt8]) {
        self.arguments = arguments
        self.input = input
    }

    /// Where it finds its end of a packet socket, and its input.
    package static let socketTarget: Int32 = 3
    package static let inputTarget: Int32 = 4
    package static let programTarget: Int32 = 5
}

package struct ListenerPlan: Sendable, Equatable {
    package var name: String
    package var address: ListenAddress
    package var backlog: Int
    /// Sockets bound to a TCP address; Unix sockets are always one.
    package var count: Int
    /// For Unix sockets, and applied from birth (umask before bind).
    package var mode: UInt32
    /// Name in `users` that owns a Unix socket's file; nil leaves it the supervisor's.
    package var owner: String?
    package init(
        name: String, address: ListenAddress, backlog: Int, count: Int = 1, mode: UInt32 = 0o666, owner: String? = nil
    ) {
        self.name = name
        self.address = address
        self.backlog = backlog
        self.count = count
        self.mode = mode
        self.owner = owner
    }
}

/// A user as getpwnam(3) and getgrouplist(3) gave it when the policy was compiled.
package struct PolicyUser: Sendable, Equatable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32
    package var groups: [UInt32]
    package init(name: String, uid: UInt32, gid: UInt32, groups: [UInt32]) {
        self.name = name
        self.uid = uid
        self.gid = gid
        self.groups = groups
    }
}

/// What the process that started a daemon is told.
package enum StartReport: Sendable, Equatable {
    case ready(summary: String)
    case failed(reason: String, exitCode: Int32)
}
