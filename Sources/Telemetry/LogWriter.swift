import Glibc
package import Linux
import Synchronization

/// Writes whole lines to a descriptor from a thread of its own. When the reader is slow (a full pipe, a stopped terminal)
/// lines are dropped and counted instead of anybody waiting for it.
package final class LogWriter: Sendable {
    /// Bytes that may wait to be written.
    package static let bufferLimit = 1 << 20

    private struct State {
        var buffer: [UInt8] = []
        var dropped = 0
        var isFailing = false
        var ended: (@Sendable () -> Void)?
    }
    private let descriptor: Int32
    private let failed: @Sendable (SystemError) -> Void
    private let wakeReader: Int32
    private let wakeWriter: Int32
    private let state = Mutex(State())

    private let isJSON: Bool

    /// `descriptor` stays the caller's; it is usually 2. `isJSON`: what it says itself is JSON, too. `failed` is told, on the
    /// log's own thread, of the first of a row of failures; the lines of that time are lost.
    package init(
        descriptor: Int32, isJSON: Bool = false, failed: @escaping @Sendable (SystemError) -> Void = { _ in }
    ) throws {
        self.descriptor = descriptor
        self.isJSON = isJSON
        self.failed = failed
        let pipe = try Pipe(nonBlockingReader: false)
        wakeReader = try pipe.reader.duplicate().release()
        wakeWriter = try pipe.writer.duplicate().release()
        startThread(name: "log") { [self] in
            while let bytes = try? readSome(wakeReader, limit: 64), !bytes.isEmpty { writeWaiting() }
            writeWaiting()
            Glibc.close(wakeReader)
            state.withLock { $0.ended }?()
        }
    }

    package func write(_ line: String) {
        let mustWake = state.withLock { state in
            guard state.buffer.count + line.utf8.count < Self.bufferLimit else {
                state.dropped += 1
                return false
            }
            let wasEmpty = state.buffer.isEmpty
            state.buffer.append(contentsOf: line.utf8)
            state.buffer.append(UInt8(ascii: "\n"))
            return wasEmpty
        }
        if mustWake { try? writeAll(wakeWriter, [0]) }
    }

    /// Nothing may be written any more. The thread writes what waits, runs `ended`, in which the descriptor may be closed, and
    /// ends.
    package func close(ended: @escaping @Sendable () -> Void) {
        state.withLock { $0.ended = ended }
        Glibc.close(wakeWriter)
    }

    /// Writes what waits on the calling thread: before the process ends.
    package func flush() { writeWaiting() }

    private func writeWaiting() {
        let (bytes, dropped) = state.withLock { state in
            defer {
                state.buffer = []
                state.dropped = 0
            }
            return (state.buffer, state.dropped)
        }
        write(bytes)
        if dropped > 0 {
            let text = "\(dropped) log lines dropped: slow log reader"
            let json = "{\"time\":\"\(Timestamp.now())\",\"level\":\"warning\",\"message\":\"\(text)\"}"
            write(Array("\(isJSON ? json : "passenger: \(text)")\n".utf8))
        }
    }

    private func write(_ bytes: [UInt8]) {
        if bytes.isEmpty { return }
        do throws(SystemError) {
            try writeAll(descriptor, bytes)
            state.withLock { $0.isFailing = false }
        } catch {
            let isFirst = state.withLock { state in
                defer { state.isFailing = true }
                return !state.isFailing
            }
            if isFirst { failed(error) }
        }
    }
}
