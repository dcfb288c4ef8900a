import Linux
import Model
import Synchronization

/// One process of a companion, from the wish for it to its end.
final class CompanionProcess: ChildHandler {
    struct Listeners: Sendable {
        var output: @Sendable (StandardStream, String) -> Void
        var spawned: @Sendable (_ pid: Int32) -> Void
        /// Once, and last.
        var ended: @Sendable (CompanionEnd) -> Void
    }

    private struct State {
        var tag: ChildTag?
        var lastLine: String?
        var end: ToolEnd?
        var isReported = false
    }

    private let parts: SpawningParts
    private let listeners: Listeners
    private let output: ChildOutput
    private let state = Mutex(State())

    init(parts: SpawningParts, listeners: Listeners) {
        self.parts = parts
        output = ChildOutput(reader: parts.reader)
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
        listeners.spawned(entry.pid)
        output.read(
            standardOutput: standardOutput, standardError: standardError, lines: { [self] in lines($1, $0) },
            over: { [self] in if state.withLock({ $0.end != nil }) { report() } })
    }

    func childRefused(_ reason: String) {
        state.withLock { $0.end = .notStarted(reason) }
        report()
    }

    func childExited(_ reason: ExitReason, launchFailure: LaunchFailure?) {
        let end: ToolEnd =
            launchFailure.map { .notStarted("\($0.step) \($0.subject): \(SystemError.describe($0.errno))") }
            ?? .exited(reason)
        state.withLock { $0.end = end }
        if output.isOver { return report() }
        parts.schedule(ChildOutput.patience) { [self] in report() }
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
