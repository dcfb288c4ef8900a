package import Model
import Pool
import Synchronization

/// The companions of one app: `CompanionStateMachine` decides, this carries it out. Returns at once from everything but
/// the wait for the end. A core that takes over from a dead one starts them anew; the supervisor ends the dead one's first.
package final class CompanionKeeper: Sendable {
    private struct State {
        var machine: CompanionStateMachine
        /// Decided, not done yet. One thread at a time does them, so that they are done in the order of the decisions.
        var actions: [CompanionStateMachine.Action] = []
        var isActing = false
        var processes: [CompanionSerial: CompanionProcess] = [:]
        var isGone = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let app: AppName
    private let parts: SpawningParts
    private let now: @Sendable () -> Instant
    private let output: @Sendable (CompanionID, StandardStream, String) -> Void
    private let report: @Sendable (CompanionEvent) -> Void
    private let state: Mutex<State>

    /// `output` and `report` are called on any thread and must not block.
    package init(
        app: AppName, parts: SpawningParts, now: @escaping @Sendable () -> Instant,
        output: @escaping @Sendable (CompanionID, StandardStream, String) -> Void,
        report: @escaping @Sendable (CompanionEvent) -> Void
    ) {
        self.app = app
        self.parts = parts
        self.now = now
        self.output = output
        self.report = report
        state = Mutex(State(machine: CompanionStateMachine(seed: UInt64.random(in: .min ... .max))))
    }

    /// This code gets the traffic: its companions take the place of those that run.
    package func replace(with crew: CompanionCrew) { feed(.live(crew)) }
    /// Just before a switch; `replace` or `resume` follows.
    package func quiet() { feed(.quiet) }
    /// The switch did not come about.
    package func resume() { feed(.switchFailed) }
    /// Call every 100 ms.
    package func tick() { feed(.timePassed) }
    package func snapshot() -> [CompanionSnapshot] { state.withLock { $0.machine.snapshot(now: now()) } }

    /// Stops all of them, for good, and waits for their end. May be called again with less time.
    package func shutDown(within limit: Duration) async {
        feed(.shutDown(within: limit))
        await withCheckedContinuation { continuation in
            let isGone = state.withLock { state in
                if !state.isGone { state.waiting.append(continuation) }
                return state.isGone
            }
            if isGone { continuation.resume() }
        }
    }

    private func feed(_ event: CompanionStateMachine.Event) {
        let isMine = state.withLock { state in
            state.actions += state.machine.handle(event, now: now())
            if state.isActing || state.actions.isEmpty { return false }
            state.isActing = true
            return true
        }
        guard isMine else { return }
        while let action = nextAction() { perform(action) }
    }

    private func nextAction() -> CompanionStateMachine.Action? {
        state.withLock { state in
            state.isActing = !state.actions.isEmpty
            return state.actions.isEmpty ? nil : state.actions.removeFirst()
        }
    }

    private func perform(_ action: CompanionStateMachine.Action) {
        switch action {
        case .start(let serial, let id, let crew): start(serial, id, crew)
        case .signal(let serial, let number): process(serial)?.signal(number, .leader)
        case .kill(let serial): process(serial)?.signal(9, .group)
        case .tell(let event): report(event)
        case .allGone:
            let waiting = state.withLock { state in
                state.isGone = true
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    private func process(_ serial: CompanionSerial) -> CompanionProcess? { state.withLock { $0.processes[serial] } }

    private func start(_ serial: CompanionSerial, _ id: CompanionID, _ crew: CompanionCrew) {
        guard let settings = crew.settings.processes.first(where: { $0.name == id.name }) else { return }
        let output = self.output
        let process = CompanionProcess(
            parts: parts,
            listeners: .init(
                output: { output(id, $0, $1) }, spawned: { [self] in feed(.spawned(serial, pid: $0)) },
                ended: { [self] end in
                    state.withLock { _ = $0.processes.removeValue(forKey: serial) }
                    feed(.ended(serial, end))
                }))
        state.withLock { $0.processes[serial] = process }
        let plan = CompanionLaunch.plan(
            settings.command, of: crew, environment: parts.environment(crew.settings), openFiles: parts.openFiles)
        process.start(plan, user: crew.settings.users.user, title: "\(app) \(id)")
    }
}
