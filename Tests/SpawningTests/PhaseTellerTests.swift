import Model
import Synchronization
import Testing

@testable import Spawning

@Suite("What workers are told of their generation")
struct PhaseTellerTests {
    private final class World: Sendable {
        struct State {
            var answers: [PhaseTeller.Answer?] = []
            var told: [GenerationPhase] = []
            var failures: [GenerationPhase] = []
            var waiting: [(pause: Duration, body: @Sendable () -> Void)] = []
        }
        let state = Mutex(State())

        var teller: PhaseTeller {
            PhaseTeller(
                run: { [self] pause, body in state.withLock { $0.waiting.append((pause, body)) } },
                tell: { [self] phase in
                    state.withLock { state in
                        state.told.append(phase)
                        return state.answers.isEmpty ? .heard : state.answers.removeFirst()
                    }
                }, failed: { [self] phase in state.withLock { $0.failures.append(phase) } })
        }

        /// What was to be run next; returns its pause.
        func runNext() -> Duration? {
            let next = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
            next?.body()
            return next?.pause
        }
    }

    @Test("each once, and of several that wait the newest alone")
    func newest() {
        let world = World()
        let teller = world.teller
        teller.want(.live)
        teller.want(.standby)
        teller.want(.live)
        #expect(world.runNext() == .zero && world.runNext() == nil)
        #expect(world.state.withLock { $0.told } == [.live])
        teller.want(.live)
        _ = world.runNext()
        teller.want(.draining)
        _ = world.runNext()
        #expect(world.state.withLock { $0.told } == [.live, .draining])
    }

    @Test("a worker that is busy is told again, ever more rarely, and the newer word in the older one's place")
    func busy() {
        let world = World()
        world.state.withLock { $0.answers = [.busy, .busy, .busy, .heard] }
        let teller = world.teller
        teller.want(.live)
        #expect(world.runNext() == .zero)
        #expect(world.runNext() == .seconds(1))
        #expect(world.runNext() == .seconds(2))
        teller.want(.standby)
        #expect(world.runNext() == .seconds(4))
        #expect(world.runNext() == nil)
        #expect(world.state.withLock { $0.told } == [.live, .live, .live, .standby])
    }

    @Test("a handler that fails is said once, and one that is gone is told nothing more")
    func failing() {
        let world = World()
        world.state.withLock { $0.answers = [.failed, nil] }
        let teller = world.teller
        teller.want(.live)
        _ = world.runNext()
        teller.want(.draining)
        _ = world.runNext()
        #expect(world.runNext() == nil)
        #expect(world.state.withLock { $0.failures } == [.live])
    }
}
