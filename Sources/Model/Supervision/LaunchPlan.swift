/// What `passenger-launch` does between the fork and the program: read from a descriptor, so that no secret is ever in
/// an argument list. The credentials are *not* here: the supervisor gives those from its own policy.
package struct LaunchPlan: Sendable, Equatable {
    package var arguments: [String]
    /// Whole environment as `KEY=value`.
    package var environment: [String]
    package var directory: String
    package var umask: UInt32 = 0o022
    /// Applied after the user switch, so they can only be lowered by an unprivileged child.
    package var limits: [ResourceLimit] = []
    /// 0 … 1000: higher is killed first (proc(5), oom_score_adj).
    package var oomScore: Int32 = 0
    /// When set, this inherited descriptor is executed (execveat(2), AT_EMPTY_PATH) instead of looking up
    /// `arguments[0]`, so that a program can be run that its user cannot reach by path.
    package var programDescriptor: Int32?
    /// Set LISTEN_PID to the child's own pid (sd_listen_fds(3)).
    package var setsListenPid: Bool = false
    /// nice(2) increment.
    package var niceness: Int32 = 0
    /// PR_SET_NO_NEW_PRIVS, applied only together with a user switch: a set-user-id program that the child runs (sudo,
    /// sendmail) then gains nothing.
    package var forbidsNewPrivileges: Bool = true

    package init(arguments: [String], environment: [String], directory: String) {
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
    }
}

/// Of a worker that boots, beside those that serve: the first to go when memory runs out, the last to have a processor.
package enum BootPriority {
    package static let oomScore: Int32 = 200
    /// Only where the supervisor can take it back (CAP_SYS_NICE).
    package static let niceness: Int32 = 10
}

/// `resource` is the RLIMIT_* number of this platform.
package struct ResourceLimit: Sendable, Equatable {
    package var resource: Int32
    package var soft: UInt64
    package var hard: UInt64
    package init(resource: Int32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}
