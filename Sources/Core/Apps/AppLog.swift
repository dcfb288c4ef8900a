import Deploys
import Linux
import Model
import Spawning
import Synchronization
import Telemetry

/// Where the output of an app's workers and companions goes: into `app_log_file` of what is live, else into the server's
/// log. The file is opened by a child that is the app's user; here it is only written to.
final class AppLog: Sendable {
    /// Lines that wait for the file to be opened; further ones go into the server's log.
    private static let mostWaiting = 1000

    private struct Line {
        var source: OutputSource
        var stream: StandardStream
        var text: String
    }

    private struct State {
        var path: String?
        /// Counts the askings: only the answer to the last one counts.
        var asked = 0
        var isOpening = false
        var isOpen = false
        /// Made with the first file. Another file takes the place of the one before under the same number.
        var descriptor: Int32?
        var writer: LogWriter?
        var waiting: [Line] = []
    }

    private let app: AppName
    /// Nil: the server's own.
    private let user: String?
    private let tools: Tools
    private let events: EventLog
    private let state = Mutex(State())
    private let recent = Mutex(RecentLines())
    /// What `passenger logs` shows.
    let board = LogBoard()

    init(app: AppName, user: String?, tools: Tools, events: EventLog) {
        self.app = app
        self.user = user
        self.tools = tools
        self.events = events
    }

    /// What is live, or about to be, says this; nil is the server's log.
    func use(_ path: String?) {
        let isNew = state.withLock { state in
            guard path != state.path || path != nil && !state.isOpen && !state.isOpening else { return false }
            state.path = path
            state.isOpen = false
            return true
        }
        if isNew { open() }
    }

    /// After the file was moved away. The old one is written to until the new one is there.
    func reopen() { open() }

    func write(_ source: OutputSource, _ stream: StandardStream, _ text: String) {
        recent.withLock { $0.note(source, stream, text) }
        board.note(source, stream, text)
        let line = Line(source: source, stream: stream, text: text)
        let isTaken = state.withLock { state in
            if state.path == nil { return false }
            if state.isOpen {
                state.writer?.write(Self.dated(line))
                return true
            }
            guard state.isOpening, state.waiting.count < Self.mostWaiting else { return false }
            state.waiting.append(line)
            return true
        }
        if !isTaken { writeToServerLog(line) }
    }

    /// The app is served no more: further lines go into the server's log.
    func close() {
        board.close()
        let (writer, descriptor) = state.withLock { state in
            defer { state = State(asked: state.asked + 1) }
            return (state.writer, state.descriptor)
        }
        // They were made together.
        guard let writer, let descriptor else { return }
        writer.close { _ = Descriptor(owning: descriptor) }
    }

    func lastLines(of workers: Set<WorkerNumber>) -> [String] { recent.withLock { $0.of(workers) } }

    /// Before the process ends.
    func flush() { state.withLock { $0.writer }?.flush() }

    private static func dated(_ line: Line) -> String {
        "\(Timestamp.now()) \(line.source) \(line.stream == .stderr ? "!" : "|") \(line.text)"
    }

    private func writeToServerLog(_ line: Line) { events.output(app, line.source, line.stream, line.text) }

    // MARK: Opening

    private func open() {
        let asking: (path: String, number: Int)? = state.withLock { state in
            state.asked += 1
            state.isOpening = state.path != nil
            return state.path.map { ($0, state.asked) }
        }
        guard let (path, number) = asking else { return release(Int.max) }
        do throws(SystemError) {
            let pair = try MessageSocket.pair()
            try pair.first.setNonBlocking()
            let socket = pair.first.release()
            let theirs = pair.second
            let reason = Shared("")
            _ = tools.start(
                .tool, ["_open-log", path], user: user, title: "\(app) log",
                descriptors: [(theirs.number, AppLogOpener.socket)],
                line: { _, line in reason.withLock { $0 = String(line.prefix(500)) } },
                ended: { [self] end in
                    let said = reason.withLock { $0 }
                    opened(number, Self.receive(from: socket), path, said.isEmpty ? "\(end)" : said)
                })
            // Not earlier: it is on its way to the child.
            _ = consume theirs
        } catch {
            opened(number, nil, path, "\(error)")
        }
    }

    /// Closes the socket.
    private static func receive(from number: Int32) -> Int32? {
        let socket = Descriptor(owning: number)
        guard let (_, descriptors) = try? MessageSocket.receive(socket.number) else { return nil }
        for extra in descriptors.dropFirst() { _ = Descriptor(owning: extra) }
        return descriptors.first
    }

    private func opened(_ number: Int, _ descriptor: Int32?, _ path: String, _ reason: String) {
        let file = descriptor.map { Descriptor(owning: $0) }
        let isLast = state.withLock { $0.asked == number }
        guard isLast else { return }
        guard let file, AppLogOpener.isAppendedFile(file.number) else {
            events.problem(app, "app_log_file \(path) cannot be opened: \(reason)")
            return release(number)
        }
        do { try install(file) } catch { events.problem(app, "app_log_file \(path) cannot be used: \(error)") }
        release(number)
    }

    private func install(_ file: borrowing Descriptor) throws {
        try state.withLock { state in
            if let descriptor = state.descriptor {
                try replaceDescriptor(descriptor, with: file.number)
            } else {
                let own = try file.duplicate()
                state.writer = try LogWriter(descriptor: own.number) { [app, events] error in
                    events.problem(app, "app_log_file cannot be written, lines are lost: \(error)")
                }
                state.descriptor = own.release()
            }
            state.isOpen = true
        }
    }

    /// The opening is over: what waited goes where lines go now.
    private func release(_ number: Int) {
        let rest = state.withLock { state -> [Line] in
            guard number >= state.asked else { return [] }
            state.isOpening = false
            defer { state.waiting = [] }
            guard state.isOpen, let writer = state.writer else { return state.waiting }
            for line in state.waiting { writer.write(Self.dated(line)) }
            return []
        }
        for line in rest { writeToServerLog(line) }
    }
}
