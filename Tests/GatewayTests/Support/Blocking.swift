import Glibc
import Linux
import Model
import Synchronization

/// Runs something that blocks on a thread of its own, so that the test runner's few threads stay free.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withTaskExecutorPreference(ThreadExecutor()) { try body() }
}

/// A thread for each piece of work; task-local values (the current test) come along.
private final class ThreadExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        startThread(name: "test") { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Something that one thread waits for until another says that it happened: each `raise` lets one `wait` pass.
final class Signal: Sendable {
    private let ends: (read: Int32, write: Int32)

    init() {
        var numbers: [Int32] = [-1, -1]
        precondition(pipe(&numbers) == 0, "no pipe")
        for number in numbers { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
        ends = (numbers[0], numbers[1])
    }

    deinit {
        close(ends.read)
        close(ends.write)
    }

    func raise() {
        var one: UInt8 = 1
        _ = write(ends.write, &one, 1)
    }

    var isRaised: Bool {
        var poll = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1
    }

    /// False after so long.
    @discardableResult
    func wait(milliseconds: Int32 = 30_000) -> Bool {
        var poll = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, milliseconds) == 1 else { return false }
        var one: UInt8 = 0
        return read(ends.read, &one, 1) == 1
    }
}

/// For what gives no event: looks again every millisecond, for thirty seconds at most.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<30_000 {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}

struct TestFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}
