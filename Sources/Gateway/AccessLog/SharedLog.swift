internal import Glibc
internal import Linux
internal import Model
internal import Synchronization

/// What event loops and the writer's thread share.
final class SharedLog: Sendable {
    struct State {
        var pending: PendingLines
        /// The thread waits for something to do, and must be woken.
        var isIdle = false
        var wantsReopen = false
        /// A batch was dropped, and nobody has been told yet.
        var startedDropping = false
        var isDropping = false
        var closeBy: Instant?
        var lostAtEnd = 0
        var hasEnded = false
    }

    let state: Mutex<State>
    private let wake: Pipe

    init(limit: Int, wake: consuming Pipe) {
        state = Mutex(State(pending: PendingLines(limit: limit)))
        self.wake = wake
    }

    var wakeDescriptor: Int32 { wake.reader.number }

    func submit(_ batch: [UInt8], lines: Int) {
        let mustWake = state.withLock { state in
            let isTaken = !state.hasEnded && state.pending.add(batch, lines: lines)
            if state.hasEnded { state.pending.failed(lines: lines, unnoted: 0) }
            let isFirstDropped = !isTaken && !state.isDropping
            if isFirstDropped { (state.isDropping, state.startedDropping) = (true, true) }
            defer { state.isIdle = false }
            return state.isIdle || isFirstDropped
        }
        if mustWake { wakeUp() }
    }

    func ask(_ change: (inout State) -> Void) {
        state.withLock { change(&$0) }
        wakeUp()
    }

    /// A full pipe is enough to wake anybody.
    private func wakeUp() { _ = write(wake.writer.number, "w", 1) }

    func drainWakeUps() { while let some = try? readSome(wake.reader.number, limit: 64), !some.isEmpty {} }
}
