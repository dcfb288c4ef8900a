internal import Glibc
internal import Linux
internal import Model
internal import Synchronization

/// The thread that writes: takes a batch, writes it, waits for the next one or for the file to be writable.
struct LogThread: ~Copyable {
    private var file: Descriptor
    private let target: AccessLogTarget
    private let format: AccessLogFormat
    private let shared: SharedLog
    private let onEvent: @Sendable (AccessLogEvent) -> Void

    /// The last write failed; then only a new batch makes it try again.
    private var isFailing = false
    /// The first failure of a row, to be told once its lines are counted: who hears of it finds the counters right.
    private var untold: SystemError?
    /// What is in the file does not end with a line feed: a write broke off.
    private var isInsideLine = false

    init(
        file: consuming Descriptor, target: AccessLogTarget, format: AccessLogFormat, shared: SharedLog,
        onEvent: @escaping @Sendable (AccessLogEvent) -> Void
    ) {
        self.file = file
        self.target = target
        self.format = format
        self.shared = shared
        self.onEvent = onEvent
    }

    private enum Step {
        case reopen
        case write(PendingLines.Batch)
        case wait
        case end
    }

    mutating func run() {
        while true {
            announceDropping()
            switch nextStep() {
            case .reopen: if reopen() { isInsideLine = false }
            case .write(let batch): write(batch)
            case .wait: wait(forFile: false, until: nil)
            case .end: return
            }
        }
    }

    private func nextStep() -> Step {
        shared.state.withLock { state in
            if state.wantsReopen {
                state.wantsReopen = false
                return .reopen
            }
            if let batch = state.pending.next(notingLoss: !isFailing) { return .write(batch) }
            if state.closeBy != nil {
                state.hasEnded = true
                return .end
            }
            state.isIdle = true
            return .wait
        }
    }

    /// False when the old file stays.
    @discardableResult
    private mutating func reopen() -> Bool {
        guard !target.isShared else { return false }
        do throws(SystemError) {
            file = try target.open()
            isFailing = false
            onEvent(.reopened)
            return true
        } catch {
            onEvent(.reopenFailed(error))
            return false
        }
    }

    private mutating func write(_ batch: PendingLines.Batch) {
        var bytes: [UInt8] = isInsideLine ? [UInt8(ascii: "\n")] : []
        if batch.droppedBefore > 0 { bytes += LineEncoder.note(dropped: batch.droppedBefore, format: format) }
        let noteEnd = bytes.count
        if noteEnd == 0 { bytes = batch.bytes } else { bytes += batch.bytes }
        let written = writeAll(bytes)
        let lost = LogThread.lines(in: bytes[max(written, noteEnd)...])
        let unnoted = written < noteEnd ? batch.droppedBefore : 0
        let isNoted = batch.droppedBefore > 0 && unnoted == 0
        shared.state.withLock { state in
            state.pending.finished(batch)
            if lost + unnoted > 0 { state.pending.failed(lines: lost, unnoted: unnoted) }
            if written == bytes.count, batch.droppedBefore > 0 { state.isDropping = false }
            if state.closeBy != nil { state.lostAtEnd += lost }
        }
        if let error = untold {
            untold = nil
            onEvent(.writeFailed(error))
        }
        if isNoted { onEvent(.noted(dropped: batch.droppedBefore)) }
    }

    /// Number of bytes that were written; all of them unless there was an error, or no time left.
    private mutating func writeAll(_ bytes: [UInt8]) -> Int {
        var done = 0
        var mustAsk = target.isShared
        writing: while done < bytes.count {
            if mustAsk {
                switch waitUntilWritable() {
                case .writable: mustAsk = target.isShared
                case .reopened:
                    // The line that was cut begins anew in the new file.
                    done =
                        bytes[..<max(done, isInsideLine ? 1 : 0)].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
                    isInsideLine = false
                    continue
                case .timeIsUp: break writing
                }
            }
            let count = bytes.withUnsafeBytes { memory in
                let rest = UnsafeRawBufferPointer(rebasing: memory[done...])
                return Glibc.write(file.number, rest.baseAddress, min(rest.count, target.longestWrite))
            }
            if count >= 0 {
                done += count
                isFailing = false
            } else if !hasToWait(SystemError(call: "write"), &mustAsk) {
                break
            }
        }
        if done > 0 { isInsideLine = bytes[done - 1] != UInt8(ascii: "\n") }
        return done
    }

    /// False when the write failed for good.
    private mutating func hasToWait(_ error: SystemError, _ mustAsk: inout Bool) -> Bool {
        if error.errno == EAGAIN { mustAsk = true }
        if error.isTransient { return true }
        if !isFailing { untold = error }
        isFailing = true
        return false
    }

    private enum Waited {
        case writable, reopened, timeIsUp
    }

    private mutating func waitUntilWritable() -> Waited {
        while true {
            let (closeBy, wantsReopen) = shared.state.withLock { state in
                defer { state.wantsReopen = false }
                return (state.closeBy, state.wantsReopen)
            }
            if wantsReopen, reopen() { return .reopened }
            if wait(forFile: true, until: closeBy) { return .writable }
            if let closeBy, monotonicNow() >= closeBy { return .timeIsUp }
            announceDropping()
        }
    }

    /// Until somebody wakes the thread, or the file takes more (or has failed): true then.
    @discardableResult
    private func wait(forFile: Bool, until deadline: Instant?) -> Bool {
        var two = [
            pollfd(fd: shared.wakeDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: forFile ? file.number : -1, events: Int16(POLLOUT), revents: 0),
        ]
        let left = deadline.map { max(0, ($0 - monotonicNow()).wholeNanoseconds / 1_000_000) + 1 }
        _ = poll(&two, 2, left.map { Int32(clamping: $0) } ?? -1)
        if two[0].revents != 0 { shared.drainWakeUps() }
        return two[1].revents != 0
    }

    private func announceDropping() {
        let isNew = shared.state.withLock { state in
            defer { state.startedDropping = false }
            return state.startedDropping
        }
        if isNew { onEvent(.dropping) }
    }

    private static func lines(in bytes: ArraySlice<UInt8>) -> Int {
        bytes.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    }
}
