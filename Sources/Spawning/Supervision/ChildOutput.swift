import Linux
import Synchronization

/// What a child writes, line by line, until both of its streams have ended.
///
/// Its owner hears of the child's end by itself, before or after: whoever comes second sees the other (`isOver` there, what the
/// owner keeps here). A grandchild may hold the pipes open, so the owner waits for the last words, and not for ever.
final class ChildOutput: Sendable {
    /// How long output that is still in the pipes is waited for after the process ended.
    static let patience = Duration.milliseconds(300)

    private let reader: OutputReader
    private let maxLine: Int
    private let openStreams = Mutex(0)
    private let tokens = Mutex<[OutputReader.Token]>([])

    init(reader: OutputReader, maxLine: Int = 16 * 1024) {
        self.reader = reader
        self.maxLine = maxLine
    }

    /// Also for a child that has no streams, or none yet.
    var isOver: Bool { openStreams.withLock { $0 == 0 } }

    /// Takes the descriptors over. `lines` and `over` run on the reader's thread; `over` when the last stream has ended.
    func read(
        standardOutput: Int32?, standardError: Int32?, lines: @escaping @Sendable (StandardStream, [String]) -> Void,
        over: @escaping @Sendable () -> Void
    ) {
        openStreams.withLock { $0 = (standardOutput == nil ? 0 : 1) + (standardError == nil ? 0 : 1) }
        if let standardOutput { read(Descriptor(owning: standardOutput), { lines(.stdout, $0) }, over) }
        if let standardError { read(Descriptor(owning: standardError), { lines(.stderr, $0) }, over) }
    }

    private func read(
        _ descriptor: consuming Descriptor, _ lines: @escaping @Sendable ([String]) -> Void,
        _ over: @escaping @Sendable () -> Void
    ) {
        let splitter = LineSplitter(maxLine: maxLine)
        let tell: @Sendable ([String]) -> Void = { if !$0.isEmpty { lines($0) } }
        let token = reader.add(
            descriptor, receive: { tell(splitter.receive($0)) },
            ended: { [self] in
                tell(splitter.ended())
                let isLast = openStreams.withLock { count in
                    count -= 1
                    return count == 0
                }
                if isLast { over() }
            })
        tokens.withLock { $0.append(token) }
    }

    /// Somebody else reads on. Both streams count as ended.
    func stop() { for token in tokens.withLock({ $0 }) { reader.remove(token) } }
}
