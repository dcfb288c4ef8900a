import Linux
import Model

/// The output for whoever follows it now. A reader that is slow or gone costs live lines, never the command.
struct LiveCopy {
    private static let limit = 1 << 20

    private let descriptor: Int32
    private var pending: [UInt8] = []
    private var isGone = false

    init(descriptor: Int32) {
        self.descriptor = descriptor
        // The write end of a pipe that is nobody else's.
        isGone = (try? setNonBlocking(descriptor)) == nil
    }

    var isBehind: Bool { !pending.isEmpty && !isGone }

    mutating func append(_ line: String) {
        guard !isGone, pending.count < LiveCopy.limit else { return }
        pending += line.utf8
        pending.append(UInt8(ascii: "\n"))
        if pending.count > 32 << 10 { flush() }
    }

    mutating func flush() {
        guard !isGone, !pending.isEmpty else { return }
        do throws(SystemError) {
            let count = try writeSome(descriptor, pending)
            pending.removeFirst(count)
        } catch {
            if !error.isAgain { isGone = true }
        }
    }

    /// The last lines before the end; a reader that does not come for them within `time` goes without.
    mutating func drain(for time: Duration) {
        let deadline = monotonicNow() + time
        while isBehind, monotonicNow() < deadline {
            flush()
            if isBehind { waitWritable(descriptor, milliseconds: 100) }
        }
    }
}
