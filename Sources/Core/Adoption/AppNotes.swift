import Deploys
import Model
import Synchronization
import Watching

/// What the next core has to know of an app, and neither its workers nor a journal tell.
struct AppNote: Codable, Equatable {
    var name: AppName
    /// Of an app in place, which has no journal.
    var capacity: CapacityRecord?
    /// What it has been restarted for, in each directory that was looked at.
    var restartFiles: [RestartFile] = []

    fileprivate mutating func add(_ file: RestartFile) -> Bool {
        guard !restartFiles.contains(file) else { return false }
        restartFiles.removeAll { $0.directory == file.directory }
        restartFiles.append(file)
        return true
    }
}

/// The notes of all apps. Each change calls for a snapshot.
final class AppNotes: Sendable {
    private let notes = Mutex<[AppName: AppNote]>([:])
    private let changed = Shared<@Sendable () -> Void>({})

    func follow(_ changed: @escaping @Sendable () -> Void) { self.changed.replace(changed) }

    func all() -> [AppNote] { notes.withLock { $0.values.sorted { $0.name.rawValue < $1.name.rawValue } } }

    func restartFile(of app: AppName, in directory: String) -> RestartFile? {
        notes.withLock { $0[app]?.restartFiles.first { $0.directory == directory } }
    }

    func note(_ file: RestartFile, of app: AppName) {
        change(app) { $0.add(file) }
    }

    func note(_ capacity: CapacityRecord, of app: AppName) {
        change(app) { note in
            defer { note.capacity = capacity }
            return note.capacity != capacity
        }
    }

    func forget(_ app: AppName) {
        if notes.withLock({ $0.removeValue(forKey: app) }) != nil { changed.value() }
    }

    private func change(_ app: AppName, _ change: (inout AppNote) -> Bool) {
        if notes.withLock({ change(&$0[app, default: AppNote(name: app)]) }) { changed.value() }
    }
}
