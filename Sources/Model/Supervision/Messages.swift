/// What core and supervisor say to each other over their SOCK_SEQPACKET socket pair, one message a packet, descriptors
/// beside it by SCM_RIGHTS. Version 1. `MessageCodec` gives the bytes.
///
/// The supervisor trusts no message of the core: a user must be in its policy, a tag in its table.
package enum SupervisionProtocol {
    package static let version: UInt16 = 1
}

/// Names one child for as long as the supervisor's table holds it. Chosen by the core, never reused by it.
package struct ChildTag: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
    package var description: String { "child \(rawValue)" }
}

package enum ChildRole: UInt8, Sendable, CaseIterable {
    case worker = 1, preloader, runner, builder, watcher, tool, companion
}

package struct SpawnRequest: Sendable, Equatable {
    package var tag: ChildTag
    package var role: ChildRole
    /// A name in the supervisor's compiled policy; nil is the user that the supervisor itself runs as, allowed only
    /// when the policy says so.
    package var user: String?
    /// Descriptor numbers that the child sees, in the order of the descriptors that come with the message after the
    /// first one. The first descriptor of the message is the launch plan (a memfd or pipe, see `LaunchPlan`).
    package var targets: [Int32]
    /// Whether the supervisor makes pipes for stdout and stderr; else they must be among `targets`.
    package var outputPipes: Bool
    /// For logs and `ps`: "app blog worker w3".
    package var title: String
    /// Name of the control group that it is born into: that of its generation. Without control groups it means nothing.
    package var group: String?
    package init(
        tag: ChildTag, role: ChildRole, user: String?, targets: [Int32], outputPipes: Bool, title: String,
        group: String? = nil
    ) {
        self.tag = tag
        self.role = role
        self.user = user
        self.targets = targets
        self.outputPipes = outputPipes
        self.title = title
        self.group = group
    }
}

/// A worker that one of the core's preloaders is to fork. Two descriptors come with it: the worker's listener, and the write
/// end of its handshake pipe; the supervisor adds stdout and stderr.
package struct ForkRequest: Sendable, Equatable {
    package var tag: ChildTag
    /// A running child of role `preloader`.
    package var preloader: ChildTag
    package var title: String
    package init(tag: ChildTag, preloader: ChildTag, title: String) {
        self.tag = tag
        self.preloader = preloader
        self.title = title
    }
}

/// Descriptors that the supervisor itself gives to every child of role `preloader`.
package enum PreloaderDescriptors {
    /// SOCK_SEQPACKET, on which forks are asked for (scripts/loaders/README.md).
    package static let control: Int32 = 5
    /// Ends with the supervisor.
    package static let owner: Int32 = 6
}

package enum SignalScope: UInt8, Sendable { case leader = 1, group }

/// From the core.
package enum CoreMessage: Sendable, Equatable {
    /// First message of a core.
    case hello(version: UInt16)
    /// Descriptors: the launch plan, then one for each of `targets`.
    case spawn(SpawnRequest)
    /// Answered as `spawn` is. A signal for a fork that is still under way gives it up: it is refused at once, and its process
    /// is killed when it shows.
    case fork(ForkRequest)
    case signal(tag: ChildTag, signal: Int32, scope: SignalScope)
    /// The core serves; `summary` is one line for people ("listening on …"). The supervisor tells whoever waits for it.
    case ready(summary: String)
    /// One line for `systemctl status`.
    case status(String)
    /// Startup cannot go on (port in use by an app, configuration refused): say this to whoever waits, and exit.
    case failed(reason: String, exitCode: Int32)
    /// An orderly shutdown is complete: no worker is needed any more; the supervisor ends what is left and exits.
    case done
    /// One of the plan's `readableFiles` is wanted, as it is now: a certificate or key that the core may not read itself.
    case openFile(path: String)
    /// A worker answers requests now: it has no `BootPriority` any more.
    case serves(tag: ChildTag)
    /// A process is wanted that measures memory (`passenger-launch measure`); one that runs already is ended.
    case startMeter
    /// The configuration is to be read again. Answered by `reload`, or by `reloadRefused`, with this ticket or a later one.
    case requestReload(ticket: UInt64)
    /// Answers `reload`: nil, and the core works by the new plan; or why not, and all stays as it was.
    case reloadAnswer(refusal: String?)
    /// Answers `ping`, when all that serves requests has had its turn.
    case pong
    /// The server is to be upgraded. Answered by `upgraded`, or by `upgradeRefused`, with this ticket or a later one.
    case requestUpgrade(ticket: UInt64)
    /// Of a core that takes the place of another: it could begin now. `version` is its program's.
    case prepared(version: String)
    /// Answers `retire`: nil, and the snapshot is written, nothing is accepted any more, and these children are the next core's.
    /// All others stay the sender's. Or why not, and all stays as it was.
    case handedOver([ChildTag], refusal: String?)
    /// How busy this core still keeps workers that it has handed over: those that changed since the last time.
    case loads([WorkerLoad])
}

/// What one core has under way at one worker.
package struct WorkerLoad: Sendable, Equatable {
    package var tag: ChildTag
    /// Requests that take a place, and those without (`PoolRecord`).
    package var requests: UInt32
    package var streams: UInt32
    package init(tag: ChildTag, requests: UInt32, streams: UInt32) {
        self.tag = tag
        self.requests = requests
        self.streams = streams
    }
}

/// How a child ended, as wait(2) tells it.
package enum ExitReason: Sendable, Equatable, Codable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32, dumpedCore: Bool)
    package var description: String {
        switch self {
        case .exited(let code): "exit status \(code)"
        case .signalled(let signal, let dumped): "signal \(signal)\(dumped ? " (core dumped)" : "")"
        }
    }
}

/// A step of `passenger-launch` that failed before the program ran.
package struct LaunchFailure: Sendable, Equatable, Codable {
    /// `chdir`, `setrlimit`, `setgroups`, `setgid`, `setuid`, `exec`, …
    package var step: String
    package var errno: Int32
    /// What the step was about: the directory, the program.
    package var subject: String
    package init(step: String, errno: Int32, subject: String) {
        self.step = step
        self.errno = errno
        self.subject = subject
    }
}

/// One row of the supervisor's table.
package struct ChildEntry: Sendable, Equatable {
    package var tag: ChildTag
    package var role: ChildRole
    package var pid: Int32
    /// Field 22 of /proc/PID/stat (clock ticks since boot): with the pid it names a process for good.
    package var startTime: UInt64
    package var title: String
    package init(tag: ChildTag, role: ChildRole, pid: Int32, startTime: UInt64, title: String) {
        self.tag = tag
        self.role = role
        self.pid = pid
        self.startTime = startTime
        self.title = title
    }
}

/// From the supervisor.
package enum SupervisorMessage: Sendable, Equatable {
    /// First message to a core. One descriptor: the core's opaque boot plan (a sealed memfd; the same for every core).
    case welcome(version: UInt16, supervisorPid: Int32, coreNumber: UInt32)
    /// One listening descriptor. `name` groups the sibling sockets of one address ("http:0", "admin").
    case listener(name: String, index: UInt32)
    /// Where the control groups are that children are born into (`SpawnRequest.group`), or nil; `note` says so, or why not,
    /// to people.
    case controlGroups(path: String?, note: String)
    /// A worker or preloader that outlived an earlier core, and is this one's from now on, under its old tag: to be gone on
    /// with, or to be ended. Descriptors: stdout, stderr read ends when it has pipes.
    case child(ChildEntry)
    /// To a core that takes the place of another, instead of `begin`: make everything ready that needs no child, and say
    /// `prepared`. Children and `begin` come when the other has handed over.
    case prepare
    /// Nothing more is handed over: start. One descriptor, if a core has retired: of a packet socket on which its clients come
    /// (`HandedConnection`), until it has ended.
    case begin
    /// Another core takes the pool over: see to it that nothing is lost, and answer `handedOver`. From then on only what is
    /// under way is answered, then the process exits. One descriptor: where clients' connections go (`HandedConnection`).
    case retire
    /// The order to retire is taken back: there is no other core. One that has handed over nevertheless is followed by a new one.
    case stay
    /// The next core serves: the children that were handed over are its own. `tickets` up to this one are answered.
    case upgraded(ticket: UInt64, version: String)
    /// `reason` is for people.
    case upgradeRefused(ticket: UInt64, reason: String)
    /// What the core before still has under way at workers of this one: those that changed. All is over when it has ended.
    case loads([WorkerLoad])
    /// Descriptors: stdout, stderr read ends when asked for.
    case spawned(ChildEntry)
    /// Nothing runs. `reason` is for people.
    case spawnRefused(tag: ChildTag, reason: String)
    case exited(tag: ChildTag, pid: Int32, reason: ExitReason, launchFailure: LaunchFailure?)
    /// Stop taking new work, finish what is in flight, then send `done`. `hurry`: at once.
    case shutdown(hurry: Bool)
    /// Another plan; one descriptor: the boot plan. Listeners that it has more came before it, by `listener`.
    case reload(ticket: UInt64)
    /// Nothing was changed. `reason` is for people.
    case reloadRefused(ticket: UInt64, reason: String)
    case reopenLogs
    /// Answers `openFile`, in order. 0 and one descriptor to read from, or none and an errno: EPERM for a file that the plan
    /// does not name, EINVAL for what is no regular file, EFBIG, or what open(2) said.
    case fileOpened(path: String, errno: Int32)
    /// Of the plan's `appsWatcher`; to a new core first all that is known.
    case apps(AppsMessage)
    /// Answers `startMeter`, in order. 0 and one descriptor, the packet socket to it, or none and an errno.
    case meterStarted(errno: Int32)
    /// Whether the core still works. One that leaves several unanswered is killed.
    case ping
}
