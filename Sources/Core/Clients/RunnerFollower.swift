import Deploys
import Glibc
import Linux
import Model
import Spawning
import Synchronization

/// Follows a runner of an earlier core: its output from the record, whenever it says something, and its end.
final class RunnerFollower: ChildHandler {
    private struct State {
        var offset: off_t = 0
        var lines = RecordedOutput()
    }

    private let reader: OutputReader
    private let path: String
    private let output: @Sendable (String) -> Void
    private let ended: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - path: the record's.
    ///   - ended: called once, after the process has ended.
    init(
        reader: OutputReader, path: String, output: @escaping @Sendable (String) -> Void,
        ended: @escaping @Sendable () -> Void
    ) {
        self.reader = reader
        self.path = path
        self.output = output
        self.ended = ended
    }

    /// Tells the lines that have come since the last time, each once, in order.
    func catchUp() {
        state.withLock { state in
            // Without it nothing is told of the output; what became of the command is told by the record's next reader.
            guard let file = try? openFile(path, flags: O_RDONLY | O_NOFOLLOW),
                lseek(file.number, state.offset, SEEK_SET) >= 0
            else { return }
            while let bytes = try? readSome(file.number, limit: 64 << 10), !bytes.isEmpty {
                state.offset += off_t(bytes.count)
                for line in state.lines.append(bytes) { output(line) }
            }
        }
    }

    /// What the runner says it has recorded before, and some of it was said to nobody.
    func childSpawned(_ entry: ChildEntry, standardOutput: Int32?, standardError: Int32?) {
        for descriptor in [standardOutput, standardError].compactMap({ $0 }) {
            reader.add(Descriptor(owning: descriptor), receive: { [self] _ in catchUp() }, ended: {})
        }
    }

    func childRefused(_ reason: String) {}

    func childExited(_ reason: ExitReason, launchFailure: LaunchFailure?) { ended() }
}
