import AppConfig
import Deploys
import Foundation
import Linux
import Logging
import Model
import Spawning
import Synchronization
import Watching

/// The watcher of one app: a child that runs as the app's user, reads restart.txt and writes restart.result. Started
/// again when it ends.
final class WatcherClient: Sendable {
    private static let restartDelay = Duration.seconds(5)

    private let tools: Tools
    private let app: ServedApp
    private let logger: Logger
    private let tool = Mutex<ToolProcess?>(nil)

    init(tools: Tools, app: ServedApp, logger: Logger) {
        self.tools = tools
        self.app = app
        self.logger = logger
    }

    func start() {
        let child = tools.start(
            .watcher, ["_watch"], user: app.plan.users.workers, title: "\(app.name) watcher",
            line: { [weak self] stream, line in self?.line(stream, line) },
            ended: { [weak self] end in self?.ended(end) })
        tool.withLock { $0 = child }
        send(
            .watch(directory: app.root, restartDirectory: app.plan.settings.restartDirectory),
            to: child)
    }

    private func send(_ order: WatcherOrder, to tool: ToolProcess?) {
        // Encoding two strings cannot fail.
        guard let line = try? WatcherWire.line(order) else { return }
        tool?.write(String(decoding: line, as: UTF8.self))
    }

    private func line(_ stream: StandardStream, _ line: String) {
        guard stream == .stdout, let event = WatcherWire.decode(WatcherEvent.self, line.utf8) else {
            return logger.warning("app \(app.name): watcher: \(line)")
        }
        switch event.event {
        case .watching, .resultWritten: break
        case .problem: logger.warning("app \(app.name): watcher: \(event.message ?? "")")
        case .restart:
            logger.info("app \(app.name): restart.txt was touched")
            Task { await restart() }
        }
    }

    private func restart() async {
        let requester = Requester(uid: tools.plan.ownUser, pid: getpid(), command: "restart.txt")
        do throws(OperationRefusal) {
            let handle = try await app.operations.restart(
                .init(reason: "restart.txt was touched", requester: requester))
            app.log(handle)
            guard let outcome = await handle.outcome() else { return }
            report(outcome)
        } catch {
            write("refused: \(error)\n")
        }
    }

    private func report(_ outcome: OperationOutcome) {
        var text = outcome.summary + "\n"
        if let failure = outcome.failure {
            text += failure.summary + "\n"
            if let details = failure.details { text += details + "\n" }
            text += failure.outputTail.suffix(20).map { "    \($0)\n" }.joined()
            if let hint = failure.hint { text += "hint: \(hint)\n" }
        }
        write(text)
    }

    private func write(_ text: String) { send(.writeResult(text), to: tool.withLock { $0 }) }

    private func ended(_ end: ToolEnd) {
        logger.warning("app \(app.name): the watcher ended (\(end)); restart.txt is not seen for a moment")
        tools.schedule(Self.restartDelay) { [weak self] in self?.start() }
    }
}
