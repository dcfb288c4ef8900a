import Glibc
import Linux
import Model
import Pool
import Synchronization

/// One preloader from its launch to its end.
final class PreloaderProcess: ChildHandler {
    enum Event: Sendable {
        case preloaded
        case unsuitable(String)
        /// The last one. The failure has the whole story.
        case ended(BootFailure)
    }

    private struct State {
        var tag: ChildTag?
        var mark: ProcessMark?
        var handshake = Handshake()
        var failure: BootFailure?
        var isReady = false
        var isStopping = false
        var tail = OutputTail()
        var end: (reason: ExitReason?, launchFailure: LaunchFailure?)?
        var isReported = false
    }

    private let generation: GenerationNumber
    private let spec: GenerationSpec
    private let parts: SpawningParts
    private let variables: [String]
    private let tell: @Sendable (Event) -> Void
    private let output: ChildOutput
    private let state = Mutex(State())

    /// - Parameter variables: the environment of the generation, whatever has become of env files since.
    init(
        generation: GenerationNumber, spec: GenerationSpec, parts: SpawningParts, variables: [String],
        tell: @escaping @Sendable (Event) -> Void
    ) {
        self.generation = generation
        self.spec = spec
        self.parts = parts
        output = ChildOutput(reader: parts.reader)
        self.variables = variables
        self.tell = tell
    }

    var tag: ChildTag? { state.withLock { $0.tag } }

    func stopReading() { output.stop() }
    var mark: ProcessMark? { state.withLock { $0.mark } }
    var pid: Int32? { mark?.pid }
    /// As far as it has come.
    var story: BootFailure { state.withLock { describe($0) } }

    func start() {
        do {
            let pipe = try Pipe()
            let launch = WorkerLaunch(
                worker: nil, generation: generation, spec: spec, environment: variables,
                loaders: parts.loaderDirectory, openFiles: parts.openFiles, bootNiceness: parts.bootNiceness, port: nil,
                socketPath: nil)
            let tag = try parts.link.spawn(
                role: .preloader, user: spec.settings.users.user, plan: launch.plan,
                descriptors: [(pipe.writer.number, WorkerLaunch.handshakeTarget)],
                title: "\(spec.app) \(generation) preloader",
                group: ControlGroupName.of(spec.app, generation), handler: self)
            let isStopping = state.withLock { state in
                state.tag = tag
                return state.isStopping
            }
            parts.reader.add(
                pipe.reader, receive: { [self] in handshakeBytes($0) }, ended: { [self] in handshakeEnded() })
            // Told to stop while it was being asked for: there was nobody to signal yet.
            if isStopping { kill() }
        } catch {
            fail("the process could not be asked for: \(error)")
        }
    }

    /// An earlier core had started it. `childSpawned` follows.
    func adopt(_ tag: ChildTag) {
        state.withLock { state in
            state.tag = tag
            state.isReady = true
        }
    }

    /// No app code is told to end: it only waits for what it is asked. KILL follows after `grace`.
    func stop(grace: Duration) {
        state.withLock { $0.isStopping = true }
        if let tag { parts.link.signal(tag, SIGTERM, .leader) }
        parts.schedule(grace) { [self] in kill() }
    }

    func kill() {
        let tag = state.withLock { state in
            state.isStopping = true
            return state.end == nil ? state.tag : nil
        }
        if let tag { parts.link.signal(tag, SIGKILL, .group) }
    }

    // MARK: What the supervisor says

    func childSpawned(_ entry: ChildEntry, standardOutput: Int32?, standardError: Int32?) {
        state.withLock { $0.mark = entry.mark }
        output.read(
            standardOutput: standardOutput, standardError: standardError, lines: { [self] in lines($1, $0) },
            over: { [self] in if state.withLock({ $0.end != nil }) { report() } })
    }

    func childRefused(_ reason: String) { fail(reason) }

    func childExited(_ reason: ExitReason, launchFailure: LaunchFailure?) {
        let isReady = state.withLock { state in
            state.end = (reason, launchFailure)
            return state.isReady
        }
        // Once it was ready nobody waits for its last words, but for the next one.
        if isReady || output.isOver { return report() }
        parts.schedule(ChildOutput.patience) { [self] in report() }
    }

    // MARK: Output and handshake

    private func lines(_ lines: [String], _ stream: StandardStream) {
        state.withLock { $0.tail.append(lines) }
        for line in lines { parts.output(spec.app, .preloader(generation), stream, line) }
    }

    private func handshakeBytes(_ bytes: UnsafeRawBufferPointer) {
        for event in state.withLock({ $0.handshake.receive(bytes) }) { handle(event) }
    }

    private func handshakeEnded() {
        for event in state.withLock({ $0.handshake.ended() }) { handle(event) }
    }

    private func handle(_ event: Handshake.Event) {
        switch event {
        case .stepBegan, .stepEnded: break
        case .preloaded:
            state.withLock { $0.isReady = true }
            tell(.preloaded)
        case .unsuitable(let reason):
            tell(.unsuitable(reason))
            parts.schedule(WorkerProcess.exitPatience) { [self] in kill() }
        case .failed(let step, let summary, let details, let hint):
            state.withLock { state in
                state.failure = BootFailure(step: step, summary: summary, details: details, hint: hint)
            }
            parts.schedule(WorkerProcess.exitPatience) { [self] in kill() }
        case .ready: broken("the loader is ready to serve where it was to preload")
        case .broken(let reason): broken(reason)
        }
    }

    private func broken(_ reason: String) {
        let isFirst = state.withLock { state in
            guard state.end == nil, !state.isStopping else { return false }
            state.failure = BootFailure(step: state.handshake.step, summary: reason)
            return true
        }
        // Its exit status says more, if it is about to come.
        if isFirst { parts.schedule(.milliseconds(200)) { [self] in kill() } }
    }

    // MARK: End

    private func fail(_ summary: String) {
        state.withLock { $0.failure = BootFailure(step: "spawn", summary: summary) }
        report()
    }

    private func report() {
        let failure: BootFailure? = state.withLock { state in
            guard !state.isReported else { return nil }
            state.isReported = true
            return describe(state)
        }
        if let failure { tell(.ended(failure)) }
    }

    private func describe(_ state: State) -> BootFailure {
        BootEnding(
            step: state.handshake.step, failure: state.failure, isReady: state.isReady, outputTail: state.tail.lines,
            end: state.end
        ).describe(spec.settings, variables: variables, openFiles: parts.openFiles.soft)
    }
}
