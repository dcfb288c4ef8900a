import Glibc
import Linux
import Model
import Pool
import Synchronization

/// One worker from the wish for it to its end: asks the supervisor, listens to the handshake, keeps the last lines of
/// its output, and gives the pool one last word about it.
final class WorkerProcess: ChildHandler {
    /// How long a process that reported its own failure may take to exit.
    static let exitPatience = Duration.seconds(3)

    private struct State {
        var tag: ChildTag?
        var mark: ProcessMark?
        var pid: Int32? { mark?.pid }
        var handshake = Handshake()
        var failure: BootFailure?
        var isReady = false
        /// It has been proved; over a session it can be told what becomes of its generation.
        var isAvailable = false
        var speaksSession = false
        var teller: PhaseTeller?
        var isStopping = false
        var tail = OutputTail()
        var end: (reason: ExitReason?, launchFailure: LaunchFailure?)?
        var isReported = false
        /// Of a generic app, until it was found.
        var search: AddressSearch?
        /// Who was asked to have it forked.
        var preloader: Preloader?
        /// How often it was asked for, of a preloader or of the supervisor.
        var attempts = 0
    }

    let worker: WorkerNumber
    let generation: GenerationNumber
    let spec: GenerationSpec
    private let parts: SpawningParts
    private let pool: Pool
    private let ended: @Sendable (WorkerNumber) -> Void
    private let socketPath: String
    private let variables: [String]
    private let output: ChildOutput
    private let state = Mutex(State())

    init(
        worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec, parts: SpawningParts, pool: Pool,
        ended: @escaping @Sendable (WorkerNumber) -> Void
    ) {
        self.worker = worker
        self.generation = generation
        self.spec = spec
        self.parts = parts
        self.pool = pool
        output = ChildOutput(reader: parts.reader)
        self.ended = ended
        socketPath = "\(parts.socketDirectory)/\(worker).sock"
        variables = parts.environment(spec.settings)
    }

    var group: Int32? { state.withLock { $0.pid } }

    /// Nil until it was spawned.
    var mark: ProcessMark? { state.withLock { $0.mark } }

    // MARK: Start

    func start() {
        state.withLock { state in
            // It may have been asked of a preloader before.
            state.preloader = nil
            state.handshake = Handshake()
            state.failure = nil
            state.attempts += 1
        }
        do {
            if spec.settings.kind == .generic { try startGeneric() } else { try startWithLoader() }
        } catch {
            fail(step: "spawn", summary: "the process could not be asked for: \(error)", hint: nil)
        }
    }

    /// The listener is closed here as soon as it is on its way: from then on only the worker keeps it open, so a dead
    /// worker refuses.
    private func startWithLoader() throws {
        unlink(socketPath)
        let listener = try listenUnix(path: socketPath, mode: 0o600, backlog: parts.socketBacklog)
        let pipe = try Pipe()
        let launch = WorkerLaunch(
            worker: worker, generation: generation, spec: spec, environment: variables, loaders: parts.loaderDirectory,
            openFiles: parts.openFiles, bootNiceness: parts.bootNiceness, port: nil, socketPath: nil)
        let itself = try openFile("/proc/self/exe", flags: 0)
        try spawn(
            launch.plan,
            [(listener.number, WorkerLaunch.listenerTarget), (pipe.writer.number, WorkerLaunch.handshakeTarget)]
                + (launch.plan.programDescriptor.map { [(itself.number, $0)] } ?? []))
        parts.reader.add(
            pipe.reader, receive: { [self] in handshakeBytes($0) }, ended: { [self] in handshakeEnded() })
    }

    /// Asks a preloader for it instead. May be repeated once that was refused.
    func fork(from preloader: ChildTag, of source: Preloader) {
        let attempt = state.withLock { state in
            state.preloader = source
            state.handshake = Handshake()
            state.failure = nil
            state.attempts += 1
            return state.attempts
        }
        do {
            unlink(socketPath)
            let listener = try listenUnix(path: socketPath, mode: 0o600, backlog: parts.socketBacklog)
            let pipe = try Pipe()
            let tag = try parts.link.fork(
                from: preloader, listener: listener.number, handshake: pipe.writer.number,
                title: "\(spec.app) \(generation) \(worker)", handler: self)
            keep(tag)
            parts.reader.add(
                pipe.reader,
                receive: { [self] bytes in if isCurrent(attempt) { handshakeBytes(bytes) } },
                ended: { [self] in if isCurrent(attempt) { handshakeEnded() } })
        } catch {
            source.refused(self, "the preloader could not be asked: \(error)")
        }
    }

    private func isCurrent(_ attempt: Int) -> Bool { state.withLock { $0.attempts == attempt } }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    private func startGeneric() throws {
        unlink(socketPath)
        let listener = try listenUnix(path: socketPath, mode: 0o600, backlog: parts.socketBacklog)
        let port = try freePort()
        let ownSocket = parts.sharesUser(spec.settings) ? "\(parts.socketDirectory)/\(worker).app.sock" : nil
        if let ownSocket { unlink(ownSocket) }
        let launch = WorkerLaunch(
            worker: worker, generation: generation, spec: spec, environment: variables, loaders: parts.loaderDirectory,
            openFiles: parts.openFiles, bootNiceness: parts.bootNiceness, port: port, socketPath: ownSocket)
        try spawn(launch.plan, [(listener.number, WorkerLaunch.listenerTarget)])
        let search = AddressSearch(
            port: port, socketPath: ownSocket, inheritedPath: socketPath, listening: parts.listening)
        state.withLock { $0.search = search }
        look(for: search)
    }

    /// It serves already, for a core before this one. `childSpawned` follows.
    func adopt(_ tag: ChildTag, _ wire: WorkerProtocol) {
        state.withLock { state in
            state.tag = tag
            state.isReady = true
            state.speaksSession = wire == .session
        }
    }

    private func spawn(_ plan: LaunchPlan, _ descriptors: [(source: Int32, target: Int32)]) throws {
        let title = "\(spec.app) \(generation) \(worker)"
        keep(
            try parts.link.spawn(
                role: .worker, user: spec.settings.users.user, plan: plan, descriptors: descriptors, title: title,
                group: ControlGroupName.of(spec.app, generation), handler: self))
    }

    private func keep(_ tag: ChildTag) {
        let isStopping = state.withLock { state in
            state.tag = tag
            return state.isStopping
        }
        // Told to stop while it was being asked for: there was nobody to signal yet.
        if isStopping { kill() }
    }

    /// Told to stop before it was started.
    func giveUp() { fail(step: "spawn", summary: "stopped before it was started", hint: nil) }

    // MARK: What the supervisor says

    func childSpawned(_ entry: ChildEntry, standardOutput: Int32?, standardError: Int32?) {
        let preloader = state.withLock { state in
            state.tag = entry.tag
            state.mark = entry.mark
            return state.preloader
        }
        preloader?.forked(worker)
        pool.workerSpawned(worker, pid: entry.pid)
        parts.meter.started(worker, pid: entry.pid, hardLimit: spec.settings.pool.hardMemoryLimit)
        output.read(
            standardOutput: standardOutput, standardError: standardError, lines: { [self] in lines($1, $0) },
            over: { [self] in if state.withLock({ $0.end != nil }) { report() } })
    }

    func childRefused(_ reason: String) {
        if let preloader = state.withLock({ $0.preloader }) { return preloader.refused(self, reason) }
        fail(step: "spawn", summary: reason, hint: nil)
    }

    func childExited(_ reason: ExitReason, launchFailure: LaunchFailure?) {
        state.withLock { $0.end = (reason, launchFailure) }
        if output.isOver { return report() }
        parts.schedule(ChildOutput.patience) { [self] in report() }
    }

    var tag: ChildTag? { state.withLock { $0.tag } }

    /// What its boot is at; nil before its process says anything.
    var step: String? { state.withLock { $0.pid == nil ? nil : $0.isReady ? "health" : $0.handshake.step } }

    func stopReading() { output.stop() }

    // MARK: Output

    private func lines(_ lines: [String], _ stream: StandardStream) {
        state.withLock { $0.tail.append(lines) }
        for line in lines { parts.output(spec.app, .worker(worker, of: generation), stream, line) }
    }

    // MARK: Handshake

    private func handshakeBytes(_ bytes: UnsafeRawBufferPointer) {
        for event in state.withLock({ $0.handshake.receive(bytes) }) { handle(event) }
    }

    private func handshakeEnded() {
        for event in state.withLock({ $0.handshake.ended() }) { handle(event) }
    }

    private func handle(_ event: Handshake.Event) {
        switch event {
        case .stepBegan, .stepEnded: break
        case .ready(let wire, let concurrency):
            state.withLock { state in
                state.isReady = true
                state.speaksSession = wire == .session
            }
            pool.workerBooted(
                worker, address: .unix(path: socketPath), wireProtocol: wire, concurrency: concurrency)
        case .failed(let step, let summary, let details, let hint):
            state.withLock { state in
                state.failure = BootFailure(step: step, summary: summary, details: details, hint: hint)
            }
            // It exits by itself; one that does not is ended.
            parts.schedule(Self.exitPatience) { [self] in kill() }
        case .broken(let reason):
            let isFirst = state.withLock { state in
                guard state.end == nil, !state.isStopping else { return false }
                state.failure = BootFailure(step: state.handshake.step, summary: reason)
                return true
            }
            // A process that exits closes its handshake a moment before its end is reported: its exit status says more
            // than the closed pipe, so it gets that moment.
            let attempt = state.withLock { $0.attempts }
            if isFirst { parts.schedule(.milliseconds(200)) { [self] in if isCurrent(attempt) { kill() } } }
        case .preloaded, .unsuitable: handle(.broken("the loader preloads where it was to serve"))
        }
    }

    // MARK: Generic apps

    /// Looks where the app listens until it is found or the process is gone; the pool holds the deadline.
    private func look(for search: AddressSearch) {
        let isOver = state.withLock { $0.end != nil || $0.isReported || $0.isStopping }
        if isOver { return search.close() }
        guard let group else {
            return parts.schedule(AddressSearch.interval) { [self] in look(for: search) }
        }
        parts.runBlocking { [self] in
            if let address = search.look(group: group) {
                search.close()
                state.withLock { state in
                    state.isReady = true
                    state.search = nil
                }
                return pool.workerBooted(worker, address: address, wireProtocol: .http, concurrency: 1024)
            }
            parts.schedule(AddressSearch.interval) { [self] in look(for: search) }
        }
    }

    // MARK: End

    /// After the gateway let go of it: the stop signal to the leader, and SIGKILL to the group when `grace` is over.
    func stop(grace: Duration) {
        let search = state.withLock { state in
            state.isStopping = true
            return state.search
        }
        guard let search, let group else { return signalStop(grace) }
        // It is given up: while it is there, it can be seen what it does instead.
        parts.runBlocking { [self] in
            let hint = search.hint(group: group)
            state.withLock { state in
                state.failure = state.failure ?? hint
                state.search = nil
            }
            signalStop(grace)
        }
    }

    private func signalStop(_ grace: Duration) {
        signal(spec.settings.stopSignal, .leader)
        parts.schedule(grace) { [self] in kill() }
    }

    /// It serves now, and has the priority of those that do.
    func becameAvailable() {
        let tag = state.withLock { state in
            state.isAvailable = true
            return state.tag
        }
        guard let tag else { return }
        parts.link.serves(tag)
    }

    var isAvailable: Bool { state.withLock { $0.isAvailable } }

    func tell(_ phase: GenerationPhase, by prover: WorkerProver) {
        let teller = state.withLock { state -> PhaseTeller? in
            guard state.speaksSession, state.end == nil else { return nil }
            let teller = state.teller ?? makeTeller(prover)
            state.teller = teller
            return teller
        }
        teller?.want(phase)
    }

    private func makeTeller(_ prover: WorkerProver) -> PhaseTeller {
        let (path, parts, app, source) = (socketPath, parts, spec.app, OutputSource.worker(worker, of: generation))
        return PhaseTeller(
            run: { pause, body in
                if pause == .zero { return parts.runBlocking(body) }
                parts.schedule(pause) { parts.runBlocking(body) }
            },
            tell: { [weak self] phase in
                // One that has ended, or is about to, is told nothing any more.
                guard let self, state.withLock({ $0.end == nil && !$0.isStopping }) else { return nil }
                return prover.tell(phase, at: .unix(path: path))
            },
            failed: {
                parts.notice(app, source, "its handler of the event `state` (\($0.rawValue)) failed")
            })
    }

    private func kill() {
        guard state.withLock({ $0.end == nil }) else { return }
        signal(SIGKILL, .group)
    }

    private func signal(_ number: Int32, _ scope: SignalScope) {
        guard let tag = state.withLock({ $0.tag }) else { return }
        parts.link.signal(tag, number, scope)
    }

    /// It was never there; `failure` is that of another process, or of what should have made it.
    func conclude(_ failure: BootFailure) { report { $0.pid == nil ? failure : describeEnd($0) } }

    private func fail(step: String, summary: String, hint: String?) {
        state.withLock { $0.failure = BootFailure(step: step, summary: summary, hint: hint) }
        report()
    }

    /// The last word about this worker, once.
    private func report() { report { describeEnd($0) } }

    private func report(_ describe: (State) -> BootFailure) {
        let failure: BootFailure? = state.withLock { state in
            guard !state.isReported else { return nil }
            state.isReported = true
            return describe(state)
        }
        guard let failure else { return }
        parts.meter.ended(worker)
        unlink(socketPath)
        unlink("\(parts.socketDirectory)/\(worker).app.sock")
        pool.workerExited(worker, failure)
        ended(worker)
    }

    private func describeEnd(_ state: State) -> BootFailure {
        var failure = BootEnding(
            step: state.handshake.step, failure: state.failure, isReady: state.isReady, outputTail: state.tail.lines,
            end: state.end
        ).describe(spec.settings, variables: variables, openFiles: parts.openFiles.soft)
        if state.preloader != nil, !state.isReady, failure.hint == nil {
            failure.hint =
                "It was forked from a process that had loaded the app; `spawn_method: direct` starts each worker by itself."
        }
        return failure
    }
}
