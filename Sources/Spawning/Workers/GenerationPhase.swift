import Model
import Synchronization

/// What apps are told of their generation (the event `state`), so that schedulers run in what is live, and nowhere else. Every
/// worker begins with booting, of which nothing is told.
package enum GenerationPhase: String, Sendable { case live, standby, draining }

/// The last word to one worker. Words are told one after the other, and of several that wait only the newest counts.
final class PhaseTeller: Sendable {
    private struct State {
        var wanted: GenerationPhase?
        var told: GenerationPhase?
        var isTelling = false
    }

    private let state = Mutex(State())
    private let run: @Sendable (@escaping @Sendable () -> Void) -> Void
    private let tell: @Sendable (GenerationPhase) -> Bool
    private let failed: @Sendable (GenerationPhase) -> Void

    /// - Parameters:
    ///   - run: where something may block.
    ///   - tell: blocks; false when the worker did not take it.
    init(
        run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        tell: @escaping @Sendable (GenerationPhase) -> Bool, failed: @escaping @Sendable (GenerationPhase) -> Void
    ) {
        self.run = run
        self.tell = tell
        self.failed = failed
    }

    func want(_ phase: GenerationPhase) {
        let mustRun = state.withLock { state in
            state.wanted = phase
            defer { state.isTelling = true }
            return !state.isTelling
        }
        if mustRun { run { [self] in tellAll() } }
    }

    private func tellAll() {
        while let phase = next() { if !tell(phase) { failed(phase) } }
    }

    private func next() -> GenerationPhase? {
        state.withLock { state in
            guard let wanted = state.wanted, wanted != state.told else {
                state.isTelling = false
                return nil
            }
            state.told = wanted
            return wanted
        }
    }
}
