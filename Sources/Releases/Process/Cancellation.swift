import Linux
import Model
import Synchronization

/// Whether the request under way should stop. Asked often by the thread that works, set by the one that reads requests.
final class Cancellation: Sendable {
    private let requested = Atomic<Bool>(false)
    /// Nanoseconds of the monotonic clock by which `progressed` must be called again; zero means no such limit.
    private let deadline = Atomic<Int64>(0)
    private let stallNanoseconds = Atomic<Int64>(0)
    private let pipe: Pipe

    init() throws(SystemError) { pipe = try Pipe() }

    /// Readable once cancelled, for those who wait in poll(2).
    var readable: Int32 { pipe.reader.number }
    var isCancelled: Bool { requested.load(ordering: .acquiring) }

    func cancel() {
        guard !requested.exchange(true, ordering: .acquiringAndReleasing) else { return }
        // One byte into an empty pipe cannot fail.
        try? writeAll(pipe.writer.number, [0])
    }

    func reset() {
        guard requested.exchange(false, ordering: .acquiringAndReleasing) else { return }
        _ = try? readSome(pipe.reader.number, limit: 16)
    }

    func check() throws(BuilderFailure) {
        if isCancelled { throw .cancelled }
    }

    /// Limits the time between two calls of `progressed` during `body`. Only calls that cannot be interrupted need it:
    /// libgit2 connects and reads over HTTP without any time-out of its own.
    func limitingStalls<Result>(
        to limit: Duration, _ body: () throws(BuilderFailure) -> Result
    ) throws(BuilderFailure) -> Result {
        stallNanoseconds.store(limit.wholeNanoseconds, ordering: .relaxed)
        progressed()
        defer {
            stallNanoseconds.store(0, ordering: .relaxed)
            deadline.store(0, ordering: .releasing)
        }
        return try body()
    }

    func progressed() {
        let limit = stallNanoseconds.load(ordering: .relaxed)
        guard limit > 0 else { return }
        deadline.store(monotonicNow().nanoseconds + limit, ordering: .releasing)
    }

    /// Nil when nothing is being limited, zero when the limit has passed.
    func remaining() -> Duration? {
        let deadline = deadline.load(ordering: .acquiring)
        guard deadline > 0 else { return nil }
        return .nanoseconds(max(0, deadline - monotonicNow().nanoseconds))
    }
}

extension BuilderFailure {
    static var cancelled: BuilderFailure { BuilderFailure(.cancelled, "stopped before it was done") }
}
