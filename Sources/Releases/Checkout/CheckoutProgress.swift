import Synchronization

/// Counts what the threads of a checkout have written, and says so at a reader's pace.
final class CheckoutProgress: Sendable {
    private struct State {
        var files = 0
        var bytes = 0
        var pace = ProgressPace()
    }
    private let events: EventWriter
    private let totalFiles: Int
    private let totalBytes: Int
    private let state = Mutex(State())

    init(events: EventWriter, files: Int, bytes: Int) {
        self.events = events
        totalFiles = files
        totalBytes = bytes
    }

    func wrote(_ bytes: Int) {
        state.withLock { state in
            state.files += 1
            state.bytes += bytes
            guard state.files == totalFiles || state.pace.isDue() else { return }
            events.send(
                .checkoutProgress(
                    files: state.files, totalFiles: totalFiles, bytes: state.bytes, totalBytes: totalBytes))
        }
    }
}
