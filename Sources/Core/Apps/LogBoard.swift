import AdminAPI
import Linux
import Model
import Spawning
import Synchronization

/// What an app wrote last, for whoever asks. Readers keep no more than their place: one that is slow misses lines, and is told
/// how many; it holds back nobody and takes no memory.
final class LogBoard: Sendable {
    private struct State {
        var ring = LogRing()
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        /// Cancelled before they waited.
        var cancelled: Set<UInt64> = []
        var lastReader: UInt64 = 0
        var isClosed = false
    }

    private static let batch = 200
    private let state = Mutex(State())

    func note(_ source: OutputSource, _ stream: StandardStream, _ text: String) {
        let line = LogLine(source, stream, text)
        let readers = state.withLock { state in
            state.ring.append(line)
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for reader in readers { reader.resume() }
    }

    /// There will be no more lines: readers come to their end.
    func close() {
        let readers = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for reader in readers { reader.resume() }
    }

    /// Batches of events, made when they are asked for. Without `follows`, those that are there now.
    func read(_ query: LogQuery) -> AsyncStream<[LogEvent]> {
        let (reader, place, end) = state.withLock { state in
            state.lastReader += 1
            let place = state.ring.position(ofLast: query.lines, where: query.matches)
            return (state.lastReader, place, state.ring.next)
        }
        let position = Shared(place)
        return AsyncStream { [self] in
            while !Task.isCancelled {
                let events = position.withLock { take(from: &$0, query) }
                if !events.isEmpty { return events }
                let now = position.withLock { $0 }
                if query.follows ? !(await wait(reader, past: now)) : now >= end { return nil }
            }
            return nil
        }
    }

    private func take(from position: inout UInt64, _ query: LogQuery) -> [LogEvent] {
        let batch = state.withLock { state in
            state.ring.read(from: position, limit: Self.batch, where: query.matches)
        }
        position = batch.next
        return (batch.skipped > 0 ? [.skipped(lines: batch.skipped)] : []) + batch.lines.map { .line($0) }
    }

    /// Until there is a line after `position`; false when there will be none, or nobody wants it any more.
    private func wait(_ reader: UInt64, past position: UInt64) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    let isCancelled = state.cancelled.remove(reader) != nil
                    if isCancelled || state.isClosed || state.ring.next > position { return true }
                    state.waiting[reader] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                let waiting = state.waiting.removeValue(forKey: reader)
                if waiting == nil { state.cancelled.insert(reader) }
                return waiting
            }
            continuation?.resume()
        }
        if Task.isCancelled { state.withLock { _ = $0.cancelled.remove(reader) } }
        return !Task.isCancelled && state.withLock { $0.ring.next > position }
    }
}

extension LogLine {
    init(_ source: OutputSource, _ stream: StandardStream, _ text: String) {
        var (generation, worker): (GenerationNumber?, WorkerNumber?)
        switch source {
        case .worker(let number, let its): (generation, worker) = (its, number)
        case .preloader(let number): generation = number
        case .companion: break
        }
        self.init(
            time: WallTime.now(), generation: generation, worker: worker, source: "\(source)", stream: stream.rawValue,
            text: text)
    }
}
