import Glibc
import Logging
import Model
import Spawning
import Synchronization

/// Runners that an earlier core has started, by the name that they have in the supervisor's table, until somebody follows them.
final class InheritedRunners: Sendable {
    private let children: Mutex<[String: InheritedChild]>
    private let logger: Logger

    /// Says whose it is, and which record it writes. Neither has a space in it.
    static func title(_ app: AppName, _ record: String) -> String { "\(app) \(record)" }

    init(_ children: [InheritedChild], logger: Logger) {
        self.children = Mutex([:])
        self.logger = logger
        inherit(children)
    }

    /// Those of them that are runners. What it has got already is not got twice.
    func inherit(_ children: [InheritedChild]) {
        self.children.withLock { known in
            for child in children where child.entry.role == .runner && known[child.entry.title] == nil {
                known[child.entry.title] = child
            }
        }
    }

    /// Of this app's, those that nobody has taken.
    func records(of app: AppName) -> [String] {
        let prefix = Self.title(app, "")
        return children.withLock { children in
            children.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
        }
    }

    func isRunning(_ app: AppName, _ record: String) -> Bool {
        children.withLock { $0[Self.title(app, record)].map { !$0.hasEnded } ?? false }
    }

    /// To be followed, by whoever gets it.
    func take(_ app: AppName, _ record: String) -> InheritedChild? {
        children.withLock { $0.removeValue(forKey: Self.title(app, record)) }
    }

    /// It ends its command first, and it is still there for whoever wants to see how that ends.
    func end(_ app: AppName, _ record: String) {
        let child = children.withLock { $0[Self.title(app, record)] }
        if let child, !child.hasEnded { end(child) }
    }

    /// Those of apps that are not served any more.
    func endStrangers(to names: [AppName]) {
        let known = names.map { Self.title($0, "") }
        let strangers = children.withLock { children in
            children.filter { child in !known.contains { child.key.hasPrefix($0) } }.map(\.value)
        }
        for child in strangers { end(child) }
    }

    private func end(_ child: InheritedChild) {
        logger.warning("\(child.entry.title) (pid \(child.entry.pid)) of the core before is ended")
        child.signal(SIGTERM, .leader)
    }
}
