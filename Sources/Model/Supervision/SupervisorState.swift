/// What one image of the supervisor leaves to the next one, which takes its place in the same process (execve(2)): pid, children
/// and descriptors stay, memory does not. What can be made anew without loss is not in here.
package struct SupervisorState: Sendable, Equatable {
    /// Those that can be read. Each change of the encoding, also of a `SupervisorPlan`'s, is a version more.
    package static let versions: ClosedRange<UInt16> = 1...1

    /// Without a `reportDescriptor`: whoever waited for the start has been told.
    package var plan: SupervisorPlan
    package var core: Core
    /// One that has handed over and answers its last clients.
    package var retiring: Core?
    package var restarts: Restarts
    package var lastTicket: UInt64 = 0
    package var rows: [Row] = []
    package var children: [Child] = []
    package var listeners: [Listener] = []
    package var ownerPipe: OwnerPipe
    package var groupGuard: Guard?
    package var meterPid: Int32?
    /// What a new core is told of the directory of apps.
    package var apps: [AppsMessage] = []
    package var store = Store()
    package var controlGroups: ControlGroups?
    /// Of the control groups, or why there are none, for people.
    package var controlGroupNote: String = ""

    package init(plan: SupervisorPlan, core: Core, restarts: Restarts, ownerPipe: OwnerPipe) {
        self.plan = plan
        self.core = core
        self.restarts = restarts
        self.ownerPipe = ownerPipe
    }

    /// One that runs.
    package struct Core: Sendable, Equatable {
        package var number: UInt32
        package var pid: Int32
        package var startedAt: Instant
        /// The supervisor's end of its control socket.
        package var socket: Int32
        package init(number: UInt32, pid: Int32, startedAt: Instant, socket: Int32) {
            self.number = number
            self.pid = pid
            self.startedAt = startedAt
            self.socket = socket
        }
    }

    package struct Restarts: Sendable, Equatable {
        package var lastNumber: UInt32
        package var failures: UInt32
        package init(lastNumber: UInt32, failures: UInt32) {
            self.lastNumber = lastNumber
            self.failures = failures
        }
    }

    /// Of the table.
    package struct Row: Sendable, Equatable {
        package var entry: ChildEntry
        package var coreNumber: UInt32
        package var formerCore: UInt32?
        package var controlGroup: String?
        package var isOrphan: Bool
        package var killAt: Instant?
        package var drainAt: Instant?
        package var isDrained: Bool
        package init(
            entry: ChildEntry, coreNumber: UInt32, formerCore: UInt32? = nil, controlGroup: String?, isOrphan: Bool,
            killAt: Instant?,
            drainAt: Instant?, isDrained: Bool
        ) {
            self.entry = entry
            self.coreNumber = coreNumber
            self.formerCore = formerCore
            self.controlGroup = controlGroup
            self.isOrphan = isOrphan
            self.killAt = killAt
            self.drainAt = drainAt
            self.isDrained = isDrained
        }
    }

    /// A process that is not reaped yet: the core, one of the table, or a helper of the image that goes.
    package struct Child: Sendable, Equatable {
        package var pid: Int32
        /// pidfd.
        package var process: Int32
        package var output: Output?
        /// Of `passenger-launch`.
        package var report: Int32?
        package var forks: Forks?
        /// Set when its output is drained.
        package var lost: Lost?
        package init(
            pid: Int32, process: Int32, output: Output? = nil, report: Int32? = nil, forks: Forks? = nil,
            lost: Lost? = nil
        ) {
            self.pid = pid
            self.process = process
            self.output = output
            self.report = report
            self.forks = forks
            self.lost = lost
        }

        package var descriptors: [Int32] {
            [process] + (output.map { [$0.standardOutput, $0.standardError] } ?? [])
                + [report, forks?.socket].compactMap { $0 }
        }
    }

    /// Read ends.
    package struct Output: Sendable, Equatable {
        package var standardOutput: Int32
        package var standardError: Int32
        package init(standardOutput: Int32, standardError: Int32) {
            self.standardOutput = standardOutput
            self.standardError = standardError
        }
    }

    /// Of a preloader.
    package struct Forks: Sendable, Equatable {
        package var socket: Int32
        package var user: UInt32
        package init(socket: Int32, user: UInt32) {
            self.socket = socket
            self.user = user
        }
    }

    package struct Lost: Sendable, Equatable {
        package var lines: UInt64
        package var bytes: UInt64
        package init(lines: UInt64, bytes: UInt64) {
            self.lines = lines
            self.bytes = bytes
        }
    }

    package struct Listener: Sendable, Equatable {
        package enum Origin: UInt8, Sendable, CaseIterable {
            case bound = 1
            /// Ours from before, kept by the service manager meanwhile.
            case stored
            /// Of a socket unit (systemd.socket(5)), whose file is not ours to remove.
            case unit
        }
        package var name: String
        package var index: UInt32
        package var descriptor: Int32
        package var path: String?
        package var origin: Origin
        package init(name: String, index: UInt32, descriptor: Int32, path: String?, origin: Origin) {
            self.name = name
            self.index = index
            self.descriptor = descriptor
            self.path = path
            self.origin = origin
        }
    }

    package struct OwnerPipe: Sendable, Equatable {
        package var reader: Int32
        package var writer: Int32
        package init(reader: Int32, writer: Int32) {
            self.reader = reader
            self.writer = writer
        }
    }

    /// It kills all groups when its pipe ends.
    package struct Guard: Sendable, Equatable {
        package var pid: Int32
        package var pipe: Int32
        package init(pid: Int32, pipe: Int32) {
            self.pid = pid
            self.pipe = pipe
        }
    }

    /// Names in the service manager's.
    package struct Store: Sendable, Equatable {
        package var stored: Set<String> = []
        package var told: Set<String> = []
        package init() {}
    }

    package struct ControlGroups: Sendable, Equatable {
        package var path: String
        package var ending: Set<String>
        package init(path: String, ending: Set<String>) {
            self.path = path
            self.ending = ending
        }
    }

    /// All that has to stay open.
    package var descriptors: [Int32] {
        var all = [core.socket, ownerPipe.reader, ownerPipe.writer] + listeners.map(\.descriptor)
        all += children.flatMap(\.descriptors)
        if let groupGuard { all.append(groupGuard.pipe) }
        if let retiring { all.append(retiring.socket) }
        return all
    }

    /// All that signals may go to.
    var pids: [Int32] {
        [core.pid] + rows.map(\.entry.pid) + children.map(\.pid)
            + [groupGuard?.pid, meterPid, retiring?.pid].compactMap { $0 }
    }
}
