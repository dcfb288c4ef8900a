package import Model

/// The lines of one event loop that have not been handed over. Owned by the loop; nothing here waits or calls the kernel,
/// but for a byte written to wake the writer when it sleeps.
package struct AccessLogBuffer {
    /// A batch is handed over at this size,
    package static let batchSize = 64 << 10
    /// or when its first line is this old.
    package static let longestWait = Duration.milliseconds(100)

    private let writer: AccessLogWriter
    private var encoder: LineEncoder
    private var lines = 0
    /// When `flush` should be called at the latest; nil while there is nothing to hand over.
    package private(set) var deadline: Instant?

    package init(writer: AccessLogWriter) {
        self.writer = writer
        encoder = LineEncoder(format: writer.format)
    }

    package mutating func log(_ record: AccessRecord, now: Instant) {
        encoder.append(record)
        lines += 1
        if let deadline {
            if encoder.count >= AccessLogBuffer.batchSize || now >= deadline { flush() }
        } else {
            deadline = now + AccessLogBuffer.longestWait
        }
    }

    /// Hands the lines over. Call it by `deadline`, and when the loop ends.
    package mutating func flush() {
        deadline = nil
        guard lines > 0 else { return }
        // A batch that was reached by size is about as large as the next one will be.
        let capacity = min(encoder.count, AccessLogBuffer.batchSize) + 4096
        writer.submit(encoder.take(reserving: capacity), lines: lines)
        lines = 0
    }
}
