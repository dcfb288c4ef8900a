internal import Glibc
package import Linux
package import Model
internal import Synchronization

/// Writes the access log on a thread of its own. Event loops hand whole batches over and never wait: when the file takes
/// them more slowly than they come, batches are dropped and counted, and a line says so once it can be written.
package final class AccessLogWriter: Sendable {
    package let format: AccessLogFormat
    private let shared: SharedLog
    /// Hangs up when the thread has ended.
    private let ended: Descriptor

    /// `onEvent` is called on the writer's thread. Throws when the file cannot be opened.
    package init(
        _ target: AccessLogTarget, format: AccessLogFormat, pendingLimit: Int = 4 << 20,
        onEvent: @escaping @Sendable (AccessLogEvent) -> Void = { _ in }
    ) throws(SystemError) {
        let file = try target.open()
        let wake = try Pipe()
        try wake.writer.setNonBlocking()
        let end = try Pipe()
        self.format = format
        let shared = SharedLog(limit: pendingLimit, wake: wake)
        self.shared = shared
        ended = end.reader
        // A closure cannot own what is not copyable: the numbers carry the ownership over.
        let numbers = (file: file.release(), end: end.writer.release())
        startThread(name: "access-log") {
            let end = Descriptor(owning: numbers.end)
            var thread = LogThread(
                file: Descriptor(owning: numbers.file), target: target, format: format, shared: shared,
                onEvent: onEvent)
            thread.run()
            _ = consume end
        }
    }

    deinit { shared.ask { $0.closeBy = $0.closeBy ?? monotonicNow() + .seconds(1) } }

    /// Takes a batch of whole lines; returns at once, whatever the file does.
    package func submit(_ batch: [UInt8], lines: Int) { shared.submit(batch, lines: lines) }

    /// Opens the file anew under its name, between two lines: after it was moved away. When that fails, the old one stays.
    package func reopen() { shared.ask { $0.wantsReopen = true } }

    /// Lines that were dropped since the start.
    package var droppedLines: Int { shared.state.withLock { $0.pending.dropped } }
    /// Bytes that wait to be written.
    package var pendingBytes: Int { shared.state.withLock { $0.pending.bytes } }

    /// Writes what waits, for at most this long, and ends the thread. True when everything was written. Blocks; what is
    /// submitted afterwards is dropped.
    @discardableResult
    package func close(within limit: Duration) -> Bool {
        let deadline = monotonicNow() + limit
        shared.ask { $0.closeBy = deadline }
        // A little longer than the thread itself waits.
        var one = pollfd(fd: ended.number, events: 0, revents: 0)
        while true {
            let left = max(0, (deadline - monotonicNow()).wholeNanoseconds / 1_000_000) + 50
            let result = poll(&one, 1, Int32(clamping: left))
            if result > 0 { return shared.state.withLock { $0.lostAtEnd == 0 } }
            if result == 0 { return false }
        }
    }
}

package enum AccessLogEvent: Equatable, Sendable {
    case reopened
    case reopenFailed(SystemError)
    /// The first of a row of failures: the disk is full, the reader has gone.
    case writeFailed(SystemError)
    /// Lines come faster than they are taken; the first of a row.
    case dropping
    /// Lines are written again, and so is the note of this many lost ones.
    case noted(dropped: Int)
}
