import Linux
import Model
import Synchronization

/// One process of a companion, from the wish for it to its end.
final class CompanionProcess: ChildHandler {
    /// How long output that is still in the pipes is waited for after the process ended.
    private static let outputPatience = Duration.milliseconds(300)

    struct Listeners: Sendable {
        var output: @Sendable (StandardStream, String) -> Void
        var spawned: @Sendable (_ pid: Int32) -> Void
        /// Once, and last.
        var ended: @Sendable (CompanionEnd) -> Void
    }

    private struct State {
        var tag: ChildTag?
        var openStreams = 0
        var lastLine: String?
        var end: ToolEnd?
        var isReported = false
    }

    private let parts: SpawningParts
    private let listeners: Listeners
    private let state = Mutex(State())

    init(parts: SpawningParts, listeners: Listeners) {
        self.parts = parts
        self.listeners = listeners
    }

    /// A failure to ask for it is told by `ended` too.
    func start(_ plan: LaunchPlan, user: String?, title: String) {
        do {
            let tag = try parts.link.spawn(
                role: .companion, user: user, plan: plan, descriptors: [], title: title, handler: self)
            state.withLock { $0.tag = tag }
        } catch {
            childRefused("the process could not be asked for: \(error)")
        }
    }

    func signal(_ number: Int32, _ scope: SignalScope) {
        guard let tag = state.withLock({ $0.tag }) else { return }
        parts.link.signal(tag, number, scope)
    }

    func childSpawned(_ entry: ChildEntry, standardOutput: Int32?, standardError: Int32?) {
        state.withLock { $0.openStreams = (standardOutput == nil ? 0 : 1) + (standardError == nil ? 0 : 1) }
        listeners.spawned(entry.pid)
        if let standardOutput { read(Descriptor(owning: standardOutput), .stdout) }
        if let standardError { read(Descriptor(owning: standardError), .stderr) }
    }

    func childRefused(_ reason: String) {
        state.withLock { $0.end = .notStarted(reason) }
        report()
    }

    func childExited(_ reason: ExitReason, launchFailure: LaunchFailure?) {
        let isComplete = state.withLock { state in
            state.end =
                launchFailure.map { .notStarted("\($0.step) \($0.subject): \(SystemError.describe($0.errno))") }
                ?? .exited(reason)
            return state.openStreams == 0
        }
        if isComplete { return report() }
        parts.schedule(Self.outputPatience) { [self] in report() }
    }

    private func read(_ descriptor: consuming Descriptor, _ stream: StandardStream) {
        let splitter = LineSplitter()
        parts.reader.add(
            descriptor, receive: { [self] bytes in lines(splitter.receive(bytes), stream) },
            ended: { [self] in
                lines(splitter.ended(), stream)
                let isComplete = state.withLock { state in
                    state.openStreams -= 1
                    return state.openStreams == 0 && state.end != nil
                }
                if isComplete { report() }
            })
    }

    private func lines(_ lines: [String], _ stream: StandardStream) {
        if let last = lines.last(where: { !$0.isEmpty }) { state.withLock { $0.lastLine = String(last.prefix(200)) } }
        for line in lines { listeners.output(stream, line) }
    }

    private func report() {
        let end: CompanionEnd? = state.withLock { state in
            guard !state.isReported, let end = state.end else { return nil }
            state.isReported = true
            return CompanionEnd(end, lastLine: state.lastLine)
        }
        if let end { listeners.ended(end) }
    }
}
