import Logging
import Synchronization

/// The watchers of all apps: one process for each user that has a running app.
final class Watchers: Sendable {
    private let tools: Tools
    private let notes: AppNotes
    private let logger: Logger
    /// By the name in the supervisor's policy; nil is the server's own user.
    private let clients = Mutex<[String?: WatcherClient]>([:])

    init(tools: Tools, notes: AppNotes, logger: Logger) {
        self.tools = tools
        self.notes = notes
        self.logger = logger
    }

    /// Again: when its settings were read, which may say that another directory is to be watched.
    func watch(_ app: ServedApp) {
        client(of: app.plan.users.workers).watch(app)
    }

    func forget(_ app: ServedApp) {
        notes.forget(app.name)
        let user = app.plan.users.workers
        clients.withLock { clients in
            if clients[user]?.forget(app) == .nothingLeft { clients[user] = nil }
        }
    }

    private func client(of user: String?) -> WatcherClient {
        clients.withLock { clients in
            if let client = clients[user] { return client }
            let client = WatcherClient(tools: tools, notes: notes, user: user, logger: logger)
            clients[user] = client
            return client
        }
    }
}
