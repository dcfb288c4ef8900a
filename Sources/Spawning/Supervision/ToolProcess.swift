import Linux
package import Model
import Synchronization

/// How a tool ended, or why it never ran.
package enum ToolEnd: Sendable, Equatable, CustomStringConvertible {
    case exited(ExitReason)
    case notStarted(String)

    package var isSuccess: Bool { self == .exited(.exited(0)) }
    package var description: String {
        switch self {
        case .exited(let reason): "\(reason)"
        case .notStarted(let reason): reason
        }
    }
}

/// A child that runs this program itself in another role (`_inspect`, `_build-release`, `_run`, `_watch`), or another one, as
/// some user: lines in, lines out, and an end. Its standard input is a pipe, so it sees the end of the core.
package final class ToolProcess: ChildHandler {
    package struct Request: Sendable {
        package var role: ChildRole
        package var user: String?
        /// After the program's name.
        package var arguments: [String]
        /// The path of another program than this one.
        package var program: String?
        package var environment: [String]
        package var directory: String
        package var title: String
        /// Descriptors beside 0, 1 and 2; the caller keeps its own copies.
        package var descriptors: [(source: Int32, target: Int32)] = []
        package var niceness: Int32 = 0

        package init(
            role: ChildRole, user: String?, arguments: [String], environment: [String], directory: String, title: String
        ) {
            self.role = role
            self.user = user
            self.arguments = arguments
            self.environment = environment
            self.directory = directory
            self.title = title
        }
    }

    /// Where the program itself is handed to the child, so that a user who cannot reach its path can run it.
    static let programTarget: Int32 = 20
    private static let maxLine = 4 << 20

    private struct State {
        var tag: ChildTag?
        var input: Int32 = -1
        var end: ToolEnd?
        var isReported = false
    }

    private let link: SupervisorLink
    private let schedule: SpawningParts.Schedule
    private let line: @Sendable (StandardStream, String) -> Void
    private let ended: @Sendable (ToolEnd) -> Void
    private let output: ChildOutput
    private let state = Mutex(State())

    /// `line` and `ended` run on the reader's or the link's thread; `ended` is the last call, once. A failure to ask for
    /// the child is told by `ended` too.
    package init(
        link: SupervisorLink, reader: OutputReader, schedule: @escaping SpawningParts.Schedule, _ request: Request,
        line: @escaping @Sendable (StandardStream, String) -> Void, ended: @escaping @Sendable (ToolEnd) -> Void
    ) {
        self.link = link
        output = ChildOutput(reader: reader, maxLine: Self.maxLine)
        self.schedule = schedule
        self.line = line
        self.ended = ended
        do { try start(request) } catch { finish(.notStarted("\(error)")) }
    }

    deinit { closeInput() }

    private func start(_ request: Request) throws {
        let input = try Pipe(nonBlockingReader: false)
        var plan = LaunchPlan(
            arguments: [request.program ?? "passenger"] + request.arguments, environment: request.environment,
            directory: request.directory)
        plan.niceness = request.niceness
        plan.oomScore = 300
        var descriptors = [(input.reader.number, Int32(0))] + request.descriptors
        let itself = try openFile("/proc/self/exe", flags: 0)
        if request.program == nil {
            plan.programDescriptor = Self.programTarget
            descriptors.append((itself.number, Self.programTarget))
        }
        let writer = try duplicateDescriptor(input.writer.number).release()
        state.withLock { $0.input = writer }
        let tag = try link.spawn(
            role: request.role, user: request.user, plan: plan, descriptors: descriptors, title: request.title,
            handler: self)
        state.withLock { $0.tag = tag }
    }

    /// To its standard input. A tool that is gone reads nothing: its end has been or will be told.
    package func write(_ text: String) {
        state.withLock { state in
            guard state.input >= 0 else { return }
            try? writeAll(state.input, Array(text.utf8))
        }
    }

    package func closeInput() {
        state.withLock { state in
            if state.input >= 0 { _ = Descriptor(owning: state.input) }
            state.input = -1
        }
    }

    package func signal(_ number: Int32, _ scope: SignalScope = .group) {
        guard let tag = state.withLock({ $0.tag }) else { return }
        link.signal(tag, number, scope)
    }

    package func childSpawned(_ entry: ChildEntry, standardOutput: Int32?, standardError: Int32?) {
        state.withLock { $0.tag = entry.tag }
        output.read(
            standardOutput: standardOutput, standardError: standardError,
            lines: { [self] stream, lines in for text in lines { line(stream, text) } },
            over: { [self] in if let end = state.withLock({ $0.end }) { finish(end) } })
    }

    package func childRefused(_ reason: String) { finish(.notStarted(reason)) }

    package func childExited(_ reason: ExitReason, launchFailure: LaunchFailure?) {
        let end: ToolEnd =
            launchFailure.map {
                .notStarted("\($0.step) \($0.subject): \(SystemError.describe($0.errno))")
            } ?? .exited(reason)
        state.withLock { $0.end = end }
        if output.isOver { return finish(end) }
        schedule(.milliseconds(500)) { [self] in finish(end) }
    }

    private func finish(_ end: ToolEnd) {
        let isFirst = state.withLock { state in
            defer { state.isReported = true }
            return !state.isReported
        }
        guard isFirst else { return }
        closeInput()
        ended(end)
    }
}
