package import Foundation
package import Model
import Synchronization

/// Everything that happened in one operation, bounded, for any number of followers at their own speed.
///
/// A follower pulls: it reads from where it is and waits at the end, so a slow one costs no memory, and one that comes
/// late (an attach after a detach) sees the operation from its start. Past `capacity` events, or `mostBytes` of output, the
/// oldest lines of output go first; a follower that had not read them is told how many.
package final class OperationLog: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var events: [LoggedEvent] = []
        /// Of output, in `events`.
        var bytes = 0
        var nextSequence = 0
        var outcome: OperationOutcome?
        var waiters: [Waiter] = []
        var nextWaiter: UInt64 = 0
        var hasReporter = false
    }

    /// Lines may be long: so many of them, and not `capacity` times the longest.
    static let mostBytes = 8 << 20

    private let state = Mutex(State())
    private let capacity: Int
    private let mostBytes: Int
    private let date: @Sendable () -> Date
    private let mask: @Sendable () -> SecretMask

    package init(
        capacity: Int = 10_000, mostBytes: Int = OperationLog.mostBytes, date: @escaping @Sendable () -> Date,
        mask: @escaping @Sendable () -> SecretMask = { SecretMask() }
    ) {
        self.capacity = max(capacity, 16)
        self.mostBytes = mostBytes
        self.date = date
        self.mask = mask
    }

    /// Nil until the operation is over.
    package var outcome: OperationOutcome? { state.withLock { $0.outcome } }

    /// True once: several requests are answered with one operation, and what is counted of it and written down is so once.
    package func claimReport() -> Bool {
        state.withLock { state in
            defer { state.hasReporter = true }
            return !state.hasReporter
        }
    }

    /// Secrets never get in: whoever follows, from wherever, cannot be shown them.
    package func append(_ event: OperationEvent) {
        let event = event.masked(mask())
        let waiters = state.withLock { state -> [Waiter] in
            guard state.outcome == nil else { return [] }
            if case .finished(let outcome) = event { state.outcome = outcome }
            state.events.append(LoggedEvent(sequence: state.nextSequence, at: date(), event: event))
            state.nextSequence += 1
            state.bytes += event.outputBytes
            if state.events.count > capacity || state.bytes > mostBytes { thin(&state) }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume() }
    }

    /// All events from the first one on; ends after `finished`.
    package func follow() -> AsyncStream<LoggedEvent> { follow { $0 } }

    /// The same in another form. It is made here, of each event when it is asked for: a task that made it of all that come would keep
    /// what a slow follower has not taken.
    package func follow<Form: Sendable>(
        _ form: @escaping @Sendable (LoggedEvent) -> Form
    ) -> AsyncStream<Form> {
        let cursor = Mutex(0)
        return AsyncStream(unfolding: { [self] in
            let position = cursor.withLock { $0 }
            guard let event = await next(from: position) else { return nil }
            cursor.withLock { $0 = event.sequence + 1 }
            return form(event)
        })
    }

    /// How the operation ended, once it has. When the calling task is cancelled before that, nil.
    package func waitForOutcome() async -> OperationOutcome? {
        while !Task.isCancelled {
            if let outcome { return outcome }
            let count = state.withLock { $0.nextSequence }
            await waitForEvent(count)
        }
        return outcome
    }

    /// The events that are there now.
    package func snapshot() -> [LoggedEvent] { state.withLock { $0.events } }

    private func next(from position: Int) async -> LoggedEvent? {
        while !Task.isCancelled {
            let (event, isOver) = state.withLock { state -> (LoggedEvent?, Bool) in
                let index = OperationLog.firstIndex(in: state.events, atOrAfter: position)
                return (index < state.events.count ? state.events[index] : nil, state.outcome != nil)
            }
            if let event {
                guard event.sequence > position else { return event }
                // Reported under the last dropped number: the next call goes on with `event` itself.
                return LoggedEvent(
                    sequence: event.sequence - 1, at: event.at, event: .skipped(events: event.sequence - position))
            }
            if isOver { return nil }
            await waitForEvent(position)
        }
        return nil
    }

    /// Returns once there is an event with this number, or the task is cancelled.
    private func waitForEvent(_ sequence: Int) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isThere = state.withLock { state in
                    if state.nextSequence > sequence || state.outcome != nil || Task.isCancelled { return true }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
                    return false
                }
                if isThere { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiters.remove(at: index)
            }
            waiter?.continuation.resume()
        }
    }

    /// Binary search: a replay of a long log would be quadratic otherwise.
    private static func firstIndex(in events: [LoggedEvent], atOrAfter sequence: Int) -> Int {
        var low = 0
        var high = events.count
        while low < high {
            let middle = (low + high) / 2
            if events[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// To half of what may be: output and progress first, from the oldest; steps, notices and the end stay as long as they fit.
    private func thin(_ state: inout State) {
        var surplus = state.events.count - capacity / 2
        var bytes = state.bytes
        state.events.removeAll { logged in
            guard surplus > 0 || bytes > mostBytes / 2 else { return false }
            switch logged.event {
            case .output, .progress:
                surplus -= 1
                bytes -= logged.event.outputBytes
                return true
            default: return false
            }
        }
        state.bytes = bytes
        if state.events.count > capacity { state.events.removeFirst(state.events.count - capacity / 2) }
    }
}

extension OperationEvent {
    fileprivate var outputBytes: Int {
        if case .output(_, let line) = self { line.utf8.count } else { 0 }
    }
}

/// A running or finished operation, to be followed or waited for.
package struct OperationHandle: Sendable {
    package let operation: OperationNumber
    package let kind: OperationKind
    package let deploy: DeployNumber?
    package let log: OperationLog

    package func events() -> AsyncStream<LoggedEvent> { log.follow() }
    package func events<Form: Sendable>(
        _ form: @escaping @Sendable (LoggedEvent) -> Form
    ) -> AsyncStream<Form> { log.follow(form) }
    package func outcome() async -> OperationOutcome? { await log.waitForOutcome() }
}
