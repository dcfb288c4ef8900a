import AppConfig
import Deploys
import Foundation
import Linux
import Logging
import Model
import Spawning
import Synchronization
import Watching

/// The watcher of one user's apps: a child that runs as that user, reads restart.txt and writes restart.result. Started
/// with the first app, again when it ends, and ended with the last app.
final class WatcherClient: Sendable {
    enum Rest { case nothingLeft, others }

    private struct Watched {
        var app: ServedApp
        var directory: String
        var sources: WatcherOrder.Sources?
    }

    private struct State {
        var tool: ToolProcess?
        var apps: [AppName: Watched] = [:]
        var isOver = false
    }

    private static let restartDelay = Duration.seconds(5)

    private let tools: Tools
    private let notes: AppNotes
    private let user: String?
    private let logger: Logger
    private let state = Mutex(State())

    init(tools: Tools, notes: AppNotes, user: String?, logger: Logger) {
        self.tools = tools
        self.notes = notes
        self.user = user
        self.logger = logger
    }

    func watch(_ app: ServedApp) {
        let directory = app.settings.restartDirectory
        // A release never changes.
        let sources: WatcherOrder.Sources? =
            app.builder != nil ? nil : app.settings.watchesSources ? .always : .ifAsked
        let wanted = Watched(app: app, directory: directory, sources: sources)
        let (isKnown, isFirst) = state.withLock { state in
            state.isOver = false
            let known = state.apps.updateValue(wanted, forKey: app.name)
            return (known?.directory == directory && known?.sources == sources, known == nil && state.apps.count == 1)
        }
        if isFirst { return start() }
        if !isKnown { order(wanted) }
    }

    func forget(_ app: ServedApp) -> Rest {
        let rest: Rest = state.withLock { state in
            state.apps[app.name] = nil
            state.isOver = state.apps.isEmpty
            // The end of its input is the end of it.
            if state.isOver { state.tool?.closeInput() }
            return state.isOver ? .nothingLeft : .others
        }
        if rest == .others { send(.forget(app.name.rawValue)) }
        return rest
    }

    private func start() {
        let child = tools.start(
            .watcher, ["_watch"], user: user, title: "watcher of \(user ?? "this user")",
            line: { [weak self] stream, line in self?.line(stream, line) },
            ended: { [weak self] end in self?.ended(end) })
        let apps = state.withLock { state in
            state.tool = child
            return Array(state.apps.values)
        }
        for watched in apps { order(watched) }
    }

    private func order(_ watched: Watched) {
        let name = watched.app.name
        // What was touched while nobody looked, without a core or without a watcher, is a touch.
        let known = notes.restartFile(of: name, in: watched.directory)
        send(
            .watch(
                name.rawValue, directory: watched.app.root, restartDirectory: watched.directory, known: known,
                sources: watched.sources))
    }

    private func send(_ order: WatcherOrder) {
        // Encoding a few strings cannot fail.
        guard let line = try? WatcherWire.line(order) else { return }
        state.withLock { $0.tool }?.write(String(decoding: line, as: UTF8.self))
    }

    private func line(_ stream: StandardStream, _ line: String) {
        guard stream == .stdout, let event = WatcherWire.decode(WatcherEvent.self, line.utf8),
            let app = event.app.flatMap({ AppName($0) }).flatMap({ name in state.withLock { $0.apps[name]?.app } })
        else { return logger.warning("watcher of \(user ?? "this user"): \(line)") }
        switch event.event {
        case .watching: event.file.map { notes.note($0, of: app.name) }
        case .resultWritten: break
        case .problem: logger.warning("app \(app.name): watcher: \(event.message ?? "")")
        case .restart:
            let reason = event.message ?? "restart.txt was touched"
            logger.info("app \(app.name): \(reason)")
            Task { await restart(app, event.file, reason) }
        }
    }

    private func restart(_ app: ServedApp, _ file: RestartFile?, _ reason: String) async {
        let command = file == nil ? "watch" : "restart.txt"
        let requester = Requester(uid: tools.plan.ownUser, pid: getpid(), command: command)
        do throws(OperationRefusal) {
            let handle = try await app.operations.restart(
                .init(reason: reason, requester: requester, isSeenByTheNextCore: file != nil))
            app.log(handle)
            guard let outcome = await handle.outcome(), outcome.result != .interrupted else { return }
            report(outcome, of: app)
        } catch {
            if error == .shuttingDown { return }
            write("refused: \(error)\n", for: app)
        }
        // Not before: a core that dies over it leaves it to the next one.
        if let file, state.withLock({ $0.apps[app.name] != nil }) { notes.note(file, of: app.name) }
        watch(app)
    }

    private func report(_ outcome: OperationOutcome, of app: ServedApp) {
        var text = outcome.summary + "\n"
        if let failure = outcome.failure {
            if !outcome.summary.hasSuffix("\(failure)") { text += "\(failure)\n" }
            if let details = failure.details { text += details + "\n" }
            text += failure.outputTail.suffix(20).map { "    \($0)\n" }.joined()
            if let hint = failure.hint { text += "hint: \(hint)\n" }
        }
        write(text, for: app)
    }

    private func write(_ text: String, for app: ServedApp) { send(.writeResult(app.name.rawValue, text)) }

    private func ended(_ end: ToolEnd) {
        guard !state.withLock({ $0.isOver }) else { return }
        logger.warning("the watcher of \(user ?? "this user") ended (\(end)); restart.txt is not seen for a moment")
        tools.schedule(Self.restartDelay) { [weak self] in self?.start() }
    }
}
