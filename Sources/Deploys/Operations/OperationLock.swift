import Glibc
import Linux
import Synchronization

/// Keeps two processes from working on one app: the server, and a `deploy` that found none running.
package protocol OperationLocking: Sendable {
    /// Nil when it was taken; else what its holder wrote into it.
    func take(holder: String) throws -> String?
    func release()
}

/// flock on `operation.lock` in the state directory. The kernel lets go of it when the core ends, however it ends, and
/// no child inherits it: no stale lock has ever to be removed by hand.
package final class OperationLock: OperationLocking {
    private let path: String
    private let held = Mutex<Held?>(nil)

    /// A closure cannot take over a captured value that has one owner; it can take a reference to its owner.
    private final class Held: Sendable {
        private let lock: FileLock?
        init(path: String) throws { lock = try FileLock(path: path) }

        var isLocked: Bool {
            switch lock {
            case .some: true
            case .none: false
            }
        }

        /// Only for the other side's message: a full disk must not keep a rollback from starting.
        func write(_ holder: String) {
            switch lock {
            case .some(let lock):
                if ftruncate(lock.number, 0) == 0 { try? writeAll(lock.number, Array(holder.utf8.prefix(4096))) }
            case .none: break
            }
        }
    }

    package init(path: String) { self.path = path }

    package func take(holder: String) throws -> String? {
        let taken = try Held(path: path)
        guard taken.isLocked else {
            let text = String(decoding: try readFile(path, limit: 4096), as: UTF8.self)
            return text.isEmpty ? "unknown" : text
        }
        taken.write(holder)
        held.withLock { $0 = taken }
        return nil
    }

    package func release() { held.withLock { $0 = nil } }
}
