import Glibc
import Linux
import Model

/// The supervisor process. One thread, from here to the end.
package enum Supervisor {
    static let largestPlan = 64 << 20

    /// What is to be run, and a descriptor, which is taken over:
    ///
    ///     FD          a server by this `SupervisorPlan`, as `MessageCodec` encodes it
    ///     resume FD   the one that this process has run as another program, by its `SupervisorState`
    package static func run(_ arguments: [String], rehearsal: Rehearsal? = nil) -> Never {
        guard let descriptor = arguments.last.flatMap({ Int32($0) }) else { exit(2) }
        switch arguments.dropLast() {
        case []: start(descriptor, rehearsal)
        case ["resume"]: resume(descriptor, rehearsal)
        default: exit(2)
        }
    }

    private static func start(_ planDescriptor: Int32, _ rehearsal: Rehearsal?) -> Never {
        let plan: SupervisorPlan
        do {
            try prepareProcess()
            plan = try readPlan(planDescriptor)
        } catch {
            SupervisorLog(format: .text).write("cannot start: supervisor plan: \(error)")
            exit(1)
        }
        do {
            let loop = try makeLoop(plan, rehearsal)
            exit(loop.run())
        } catch {
            let reason = "\(error)"
            SupervisorLog(format: plan.logFormat).write("cannot start: \(reason)")
            var reporter = StartReporter(descriptor: plan.reportDescriptor)
            reporter.report(.failed(reason: reason, exitCode: 1))
            exit(1)
        }
    }

    private static func readPlan(_ descriptor: Int32) throws -> SupervisorPlan {
        let file = Descriptor(owning: descriptor)
        return try MessageCodec.decodeSupervisorPlan(try readWholeFile(file.number, limit: largestPlan))
    }

    private static func makeLoop(_ plan: SupervisorPlan, _ rehearsal: Rehearsal?) throws -> SupervisorLoop {
        // Before the listeners: a TERM that comes meanwhile is then kept for the loop.
        let signals = try makeSignals(rehearsal)
        let log = SupervisorLog(format: plan.logFormat)
        let manager = ServiceManager(.current(), log: log)
        let listeners = try makeListeners(plan, manager, log)
        manager.store(listeners.sockets)
        let kept = manager.keptFiles(listeners.sockets)
        do {
            if let pidFile = plan.pidFile { try writePidFile(pidFile) }
            return try SupervisorLoop(
                plan: plan, listeners: listeners, signals: signals, manager: manager, rehearsal: rehearsal)
        } catch {
            // Only now that the sockets are known to be ours: else all this may be that of a live server.
            CleanUp.run(plan, keeping: kept)
            throw error
        }
    }

    static func makeSignals(_ rehearsal: Rehearsal?) throws(SystemError) -> SignalDescriptor {
        try SignalDescriptor(
            [Signal.terminate, Signal.interrupt, Signal.hangUp, Signal.user1, Signal.user2, Signal.child]
                + (rehearsal.map { [$0.signal] } ?? []))
    }

    private static func makeListeners(
        _ plan: SupervisorPlan, _ manager: ServiceManager, _ log: SupervisorLog
    ) throws(ListenerFailure) -> Listeners {
        let arrived = manager.environment.arrived()
        do throws(ListenerFailure) {
            return try Listeners(plan.listeners, users: plan.users, arrived: arrived, log: log)
        } catch {
            let kept = arrived.compactMap { if case .unix(let path) = $0.address { path } else { nil } }
            if !error.isFirst { CleanUp.removeInstance(plan, keeping: Set(kept)) }
            throw error
        }
    }

    static func prepareProcess() throws(SystemError) {
        openStandardDescriptors()
        // exec of /proc/self/exe has made it `exe`.
        setProcessName("passenger")
        // Whoever started us may have left descriptors open; no child shall have them.
        try setCloseOnExec(from: 3)
        // A log that nobody reads any more must not end everything.
        try ignoreSignal(Signal.pipe)
        try becomeSubreaper()
        // Only with CAP_SYS_RESOURCE; without it the supervisor is as likely a victim as anybody.
        if let file = try? openFile("/proc/self/oom_score_adj", flags: O_WRONLY) {
            try? writeAll(file.number, Array("-900".utf8))
        }
    }

    /// A descriptor below 3 that was closed would be given to the next file, and then to every child.
    private static func openStandardDescriptors() {
        while case let number = open("/dev/null", O_RDWR), number >= 0 {
            if number > 2 {
                close(number)
                return
            }
        }
    }

    private static func writePidFile(_ path: String) throws(SystemError) {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        try writeFileAtomically(directory: directory, name: name, bytes: Array("\(getpid())\n".utf8), mode: 0o644)
    }
}

/// Tells the process that waits for the daemon, once.
struct StartReporter {
    private var descriptor: Int32?

    init(descriptor: Int32?) { self.descriptor = descriptor }

    mutating func report(_ report: StartReport) {
        guard let number = descriptor else { return }
        descriptor = nil
        let pipe = Descriptor(owning: number)
        // Whoever waited may be gone.
        try? writeAll(pipe.number, MessageCodec.encode(report))
    }
}
