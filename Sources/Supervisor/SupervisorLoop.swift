import Glibc
import Linux
import Model

/// Feeds the state machine with what epoll reports, and does what it decides.
final class SupervisorLoop {
    enum Token {
        static let signals: UInt64 = 0
        static let apps: UInt64 = 2
        /// Output pipes: this plus the descriptor's number.
        static let output: UInt64 = 1 << 32
        /// Control sockets of preloaders: this plus the pid.
        static let preloader: UInt64 = 2 << 32
        /// Control sockets of cores: this plus the core's number.
        static let core: UInt64 = 3 << 32
    }

    /// Messages taken in one go, so that a talkative core cannot keep signals and exits waiting.
    static let mostMessages = 64

    var plan: SupervisorPlan
    let log: SupervisorLog
    var policy: SpawnPolicy
    let epoll: Epoll
    private let signals: SignalDescriptor
    var listeners: Listeners
    var readableFiles: ReadableFiles
    let launcher: Launcher
    var coreLauncher: CoreLauncher
    var machine: SupervisorStateMachine
    private var reporter: StartReporter
    var children: [Int32: ChildProcess] = [:]
    /// Output of workers that are being forked, by ticket.
    var forkedOutput: [UInt64: OutputPipes] = [:]
    /// To the core that owns the pool.
    var connection: CoreConnection?
    var successorConnection: CoreConnection?
    var retiringConnection: CoreConnection?
    /// From the order to retire until a core that goes on has its end.
    var clientSockets: ClientSockets?
    var drain = OutputDrain()
    let groupGuard: GroupGuard
    let apps: AppsWatcher?
    let meter: Meter
    let manager: ServiceManager
    /// Nil when the configuration is never read again.
    let reloader: Reloader?
    var reloading = ReloadStateMachine()
    var offered: PlanOffer?
    var upgrade = UpgradeStateMachine()
    var upgrader: Upgrader?
    /// The core that has asked for it.
    var upgradeAsker: UInt32?
    /// The service manager waits to hear that it is over.
    var hasToldReload = false
    /// Nil where the server may make none.
    let controlGroups: ControlGroups?
    let controlGroupNote: String
    /// Forked workers, and their preloaders, have its read end. Nothing is ever written: its end is ours. It is not one
    /// preloader's, because workers live on when theirs has ended.
    let ownerPipe: Pipe
    /// What this process is to go on as, once it can (`SupervisorLoop+ExecInPlace`).
    var nextProgram: Int32?
    let rehearsal: Rehearsal?
    private var exitCode: Int32?

    init(
        plan: SupervisorPlan, listeners: consuming Listeners, signals: consuming SignalDescriptor,
        manager: ServiceManager, rehearsal: Rehearsal?, resuming state: SupervisorState? = nil
    ) throws {
        self.plan = plan
        log = SupervisorLog(format: plan.logFormat)
        self.signals = signals
        self.manager = manager
        self.listeners = listeners
        readableFiles = ReadableFiles(paths: plan.readableFiles)
        (controlGroups, controlGroupNote) = ControlGroups.obtain(state)
        policy = SpawnPolicy(users: plan.users, allowsOwnUser: plan.allowsOwnUser, ownUser: geteuid())
        epoll = try Epoll()
        let launchProgram = LaunchProgram(path: plan.launchProgram)
        launcher = try Launcher(program: launchProgram)
        groupGuard = GroupGuard(program: launchProgram, log: log)
        if let kept = state?.ownerPipe {
            ownerPipe = Pipe(reader: Descriptor(owning: kept.reader), writer: Descriptor(owning: kept.writer))
        } else {
            ownerPipe = try Pipe()
        }
        self.rehearsal = rehearsal
        let coreCredentials = try policy.known(plan.coreUser)
        coreLauncher = try CoreLauncher(plan: plan, credentials: coreCredentials)
        apps = try plan.appsWatcher.map { plan throws(SystemError) in try AppsWatcher(plan: plan) }
        reloader = try plan.reloader.map { plan throws(SystemError) in try Reloader(plan: plan) }
        meter = Meter(program: launchProgram, credentials: coreCredentials)
        machine = SupervisorStateMachine(
            shutdownTimeout: plan.shutdownTimeout, watchdogTime: manager.environment.watchdog)
        reporter = StartReporter(descriptor: plan.reportDescriptor)
        try epoll.add(self.signals.number, .readable, token: Token.signals)
    }

    /// Until the end of the server; returns its exit status.
    func run() -> Int32 {
        log.write(controlGroupNote)
        groupGuard.start(groups: [])
        perform(machine.start())
        startAppsWatcher()
        return serve()
    }

    func serve() -> Int32 {
        while exitCode == nil {
            for event in waitForEvents() { handle(event) }
            // Whatever woke us: reaping is cheap, and a SIGCHLD stands for any number of children.
            reap()
            controlGroups?.tidy()
            perform(machine.timePassed(now: monotonicNow()))
            perform(reloading.timePassed(now: monotonicNow()))
            perform(upgrade.timePassed(now: monotonicNow()))
            beginWhatWaits()
            manager.timePassed(now: monotonicNow())
            if let due = apps?.restartAt, due <= monotonicNow() { startAppsWatcher() }
            if exitCode == nil { execIfPossible() }
        }
        return exitCode ?? 0
    }

    private func waitForEvents() -> [Epoll.Event] {
        let deadlines = [
            machine.nextDeadline, apps?.restartAt, reloading.nextDeadline, upgrade.nextDeadline, manager.retryAt,
        ].compactMap { $0 }
        let timeout = deadlines.min().map { deadline in
            // Rounded up, or the last millisecond would be spent asking again and again.
            Int(clamping: max(0, ((deadline - monotonicNow()).wholeNanoseconds + 999_999) / 1_000_000))
        }
        do {
            return try epoll.wait(timeoutMilliseconds: timeout)
        } catch {
            // Only EBADF, EFAULT or EINVAL: this program is wrong, and its end takes the children with it.
            fatalError("\(error)")
        }
    }

    private func handle(_ event: Epoll.Event) {
        switch event.token {
        case Token.signals: readSignals()
        case Token.apps: hearAppsWatcher()
        case Token.core...: serveCore(UInt32(truncatingIfNeeded: event.token - Token.core), event.ready)
        case Token.preloader...: servePreloader(Int32(truncatingIfNeeded: event.token - Token.preloader))
        default:
            let descriptor = Int32(truncatingIfNeeded: event.token - Token.output)
            if drain.drains(descriptor), !drain.read(descriptor) { try? epoll.remove(descriptor) }
        }
    }

    private func readSignals() {
        while let next = try? signals.next() {
            let now = monotonicNow()
            switch next.signal {
            case Signal.terminate, Signal.interrupt:
                perform(upgrade.serverStops())
                perform(machine.requested(.terminate, now: now))
            case Signal.hangUp: reload(ticket: 0)
            case Signal.user1: perform(machine.requested(.reopenLogs, now: now))
            case Signal.user2: upgrade(ticket: 0)
            default: rehearse(next.signal)
            }
        }
    }

    // MARK: Children

    func spawn(_ request: SpawnRequest, _ descriptors: [Int32]) {
        var group: String?
        do {
            if let reason = machine.refusal(of: request.tag, as: request.role) { throw Refusal(reason: reason) }
            try policy.check(request, descriptors: descriptors.count)
            let credentials = try policy.credentials(for: request.user)
            group = controlGroups == nil ? nil : request.group
            let child = try launch(request, descriptors, credentials)
            keep(child)
            perform(
                machine.childStarted(
                    ChildEntry(
                        tag: request.tag, role: request.role, pid: child.pid,
                        startTime: processStartTime(pid: child.pid) ?? 0, title: request.title),
                    controlGroup: group))
        } catch {
            log.write("refused to start \(request.title): \(error)")
            perform([.send(.spawnRefused(tag: request.tag, reason: "\(error)"))] + machine.endIfEmpty(group))
        }
    }

    private func launch(
        _ request: SpawnRequest, _ descriptors: [Int32], _ credentials: Credentials
    ) throws(SystemError) -> ChildProcess {
        let moves = zip(descriptors.dropFirst(), request.targets).map { DescriptorMove(source: $0, target: $1) }
        let start = { [self] (group: Int32?) throws(SystemError) in
            request.role == .preloader
                ? try launchPreloader(plan: descriptors[0], moves, credentials, group: group)
                : try launcher.launch(
                    plan: descriptors[0], moves: moves, credentials: credentials,
                    makesOutputPipes: request.outputPipes, group: group)
        }
        guard let controlGroups, let group = request.group else { return try start(nil) }
        let entrance = try controlGroups.entrance(group)
        return try start(entrance.number)
    }

    func keep(_ child: ChildProcess) {
        children[child.pid] = child
        groupGuard.add(child.pid)
    }

    private func reap() {
        while exitCode == nil {
            switch (try? endedChild()) ?? .allRun {
            case .allRun:
                // Only the guard, and strays at most, are left: it has nothing to guard any more.
                if machine.isEnding && children.isEmpty { groupGuard.stop() }
                return
            case .none: return perform(machine.noChildrenLeft())
            case .ended(let pid): reap(pid)
            }
        }
    }

    private func reap(_ pid: Int32) {
        // It may be a worker that ended as soon as it was forked. What it said is unread still, and once it is reaped nobody
        // can tell whether it was true.
        if children[pid] == nil { servePreloaders() }
        // Before the leader is reaped, so that the number is still its group's: no straggler stays.
        if machine.isGroupLeader(pid) { try? signalGroup(pid, Signal.kill) }
        guard let reason = try? waitForChild(pid) else { return }
        groupGuard.ended(pid, groups: Array(children.keys))
        meter.ended(pid)
        let child = children.removeValue(forKey: pid)
        if machine.isCore(pid) {
            hearLastWords()
            // Before another core is started, which gets the listeners of the plan that holds.
            perform(reloading.coreIsGone())
            perform(upgrade.coreIsGone())
        }
        compilerEnded(pid, reason)
        coreBesideEnded(pid, reason)
        if let child, child.forks != nil { servePreloader(child) }
        if let loss = drain.remove(pid: pid) { log.write(loss) }
        perform(
            machine.ended(pid: pid, reason: reason, launchFailure: child?.launchFailure(), now: monotonicNow()))
    }

    // MARK: Actions

    func perform(_ actions: [SupervisorStateMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: SupervisorStateMachine.Action) {
        switch action {
        case .startCore(let number): startCore(number: number)
        case .send(let message): send(message)
        case .sendToRetiring(let message): send(message, to: retiringConnection)
        // A process that has just ended cannot be signalled: that is what was wanted of the signal, or of no concern.
        case .signalLeader(let pid, let signal):
            if let child = children[pid] { try? pidfdSendSignal(child.process.number, signal) }
        case .signalGroup(let pid, let signal): try? signalGroup(pid, signal)
        case .endBootPriority(let pid):
            // Where it may not be lowered the child is as likely a victim as before.
            try? setOOMScore(pid: pid, 0)
            // The server's own, that it was born with; unless the app has chosen another one.
            let own = niceness(pid: getpid()) ?? 0
            if niceness(pid: pid) == own + BootPriority.niceness { try? setNiceness(group: pid, to: own) }
        case .endControlGroup(let name): controlGroups?.end(name)
        case .signalStrays(let signal):
            if signal == Signal.kill { controlGroups?.killAll() }
            for pid in childProcesses() where !machine.isGroupLeader(pid) && pid != groupGuard.pid { kill(pid, signal) }
        case .endStray(let pid): try? signalGroup(pid, Signal.kill)
        case .keepForked(let pid, let ticket): keepForked(pid, forkedOutput.removeValue(forKey: ticket))
        case .forgetFork(let ticket): forkedOutput[ticket] = nil
        case .drainOutput(let pid): startDraining(pid)
        case .stopDraining(let pid): stopDraining(pid)
        case .report(let report): reporter.report(report)
        case .tell(let notice): manager.tell(notice)
        case .log(let line): log.write(line)
        case .finish(let code):
            controlGroups?.leave()
            CleanUp.run(plan, keeping: manager.keptFiles(listeners.sockets))
            exitCode = code
        }
    }

    func send(_ message: SupervisorMessage) { send(message, to: connection) }

    func send(_ message: SupervisorMessage, to connection: CoreConnection?) {
        guard let connection else { return }
        var descriptors: [Int32] = []
        if case .spawned(let entry) = message { descriptors = children[entry.pid]?.outputDescriptors ?? [] }
        ignoringClosedCore(connection) { () throws(SystemError) in
            try connection.send(message, descriptors: descriptors)
        }
    }

    private func stopDraining(_ pid: Int32) {
        if let loss = drain.remove(pid: pid) { log.write(loss) }
        for descriptor in children[pid]?.outputDescriptors ?? [] {
            try? epoll.remove(descriptor)  // one that has ended is not watched any more
        }
    }

    func startDraining(_ pid: Int32, lost: SupervisorState.Lost? = nil) {
        let descriptors = children[pid]?.outputDescriptors ?? []
        drain.add(pid: pid, descriptors: descriptors, lost: lost)
        for descriptor in descriptors {
            // Without it the pipe may fill and the child wait for its KILL: no more than that.
            try? epoll.add(descriptor, .readable, token: Token.output + UInt64(descriptor))
        }
    }
}
