import Synchronization

/// What serves connections: each has a task of its own, from the moment it is accepted. None may be let go of unserved, as one that
/// waits in a stream is when its reader is cancelled: NIO ends the process for that.
final class ConnectionTasks: Sendable {
    private struct State {
        var tasks: [UInt64: Task<Void, Never>] = [:]
        var last: UInt64 = 0
        var isOver = false
    }

    private let state = Mutex(State())

    /// One that comes after the end is served as one that is there at it: cancelled.
    func start(_ serve: @escaping @Sendable () async -> Void) {
        state.withLock { state in
            state.last += 1
            let task = Task { [self, number = state.last] in
                await serve()
                forget(number)
            }
            state.tasks[state.last] = task
            if state.isOver { task.cancel() }
        }
    }

    private func forget(_ number: UInt64) { state.withLock { $0.tasks[number] = nil } }

    /// Cancels all, and returns when there is none.
    func end() async {
        while true {
            let tasks = state.withLock { state in
                state.isOver = true
                return Array(state.tasks.values)
            }
            if tasks.isEmpty { return }
            for task in tasks { task.cancel() }
            for task in tasks { await task.value }
        }
    }
}
