import Synchronization

/// Holds an adopted app's spawns until its files were read again: what a new worker gets of the environment is in no snapshot.
final class SpawnGate: Sendable {
    private let waiting = Mutex<[@Sendable () -> Void]?>(nil)

    /// Now, or when it is opened.
    func pass(_ spawn: @escaping @Sendable () -> Void) {
        let isOpen = waiting.withLock { waiting in
            guard waiting != nil else { return true }
            waiting?.append(spawn)
            return false
        }
        if isOpen { spawn() }
    }

    func close() { waiting.withLock { $0 = $0 ?? [] } }

    func open() {
        let held = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting ?? []
        }
        for spawn in held { spawn() }
    }
}
