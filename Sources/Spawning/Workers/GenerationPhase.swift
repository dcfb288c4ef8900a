import Model
import Synchronization

/// What apps are told of their generation (the event `state`), so that schedulers run in what is live, and nowhere else. Every
/// worker begins with booting, of which nothing is told.
package enum GenerationPhase: String, Sendable { case live, standby, draining }

/// The last word to one worker. Words are told one after the other, and of several that wait only the newest counts. To a worker
/// that is at a long request it is said again and again, ever more rarely: it hears the same word once.
final class PhaseTeller: Sendable {
    enum Answer { case heard, failed, busy }

    private struct State {
        var wanted: GenerationPhase?
        var told: GenerationPhase?
        var isTelling = false
        var pause = PhaseTeller.shortestPause
    }

    private static let shortestPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(30)

    private let state = Mutex(State())
    private let run: @Sendable (Duration, @escaping @Sendable () -> Void) -> Void
    private let tell: @Sendable (GenerationPhase) -> Answer?
    private let failed: @Sendable (GenerationPhase) -> Void

    /// - Parameters:
    ///   - run: somewhere where it may block, after so long.
    ///   - tell: blocks; nil when there is no such worker any more.
    init(
        run: @escaping @Sendable (Duration, @escaping @Sendable () -> Void) -> Void,
        tell: @escaping @Sendable (GenerationPhase) -> Answer?, failed: @escaping @Sendable (GenerationPhase) -> Void
    ) {
        self.run = run
        self.tell = tell
        self.failed = failed
    }

    func want(_ phase: GenerationPhase) {
        let mustRun = state.withLock { state in
            state.wanted = phase
            state.pause = Self.shortestPause
            defer { state.isTelling = true }
            return !state.isTelling
        }
        if mustRun { run(.zero) { [self] in tellAll() } }
    }

    private func tellAll() {
        while let phase = next() {
            switch tell(phase) {
            case nil, .heard?: heard(phase)
            case .failed?:
                heard(phase)
                failed(phase)
            case .busy?:
                let pause = state.withLock { state in
                    defer { state.pause = min(state.pause * 2, Self.longestPause) }
                    return state.pause
                }
                return run(pause) { [self] in tellAll() }
            }
        }
    }

    private func heard(_ phase: GenerationPhase) { state.withLock { $0.told = phase } }

    private func next() -> GenerationPhase? {
        state.withLock { state in
            guard let wanted = state.wanted, wanted != state.told else {
                state.isTelling = false
                return nil
            }
            return wanted
        }
    }
}
