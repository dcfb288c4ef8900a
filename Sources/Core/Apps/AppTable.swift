import AppConfig
import Model
import Synchronization

/// The apps of this core, as they are found by name. Who comes in and goes is for `AppRoster`.
final class AppTable: Sendable {
    private struct State {
        var apps: [AppName: ServedApp] = [:]
        /// Nil when it has to be sorted anew.
        var sorted: [ServedApp]?
        var refused: [AppName: RefusedApp] = [:]
        /// For `status`.
        var notes: [AppName: String] = [:]
        var directoryNote: String?
    }

    private let state = Mutex(State())

    subscript(_ name: AppName) -> ServedApp? { state.withLock { $0.apps[name] } }

    /// By name.
    var all: [ServedApp] {
        state.withLock { state in
            let sorted = state.sorted ?? state.apps.values.sorted { $0.name < $1.name }
            state.sorted = sorted
            return sorted
        }
    }
    var refused: [RefusedApp] { state.withLock { $0.refused.values.sorted { $0.name < $1.name } } }

    func insert(_ app: ServedApp) {
        state.withLock { state in
            state.apps[app.name] = app
            state.sorted = nil
            state.refused[app.name] = nil
        }
    }

    func refuse(_ app: RefusedApp) { state.withLock { $0.refused[app.name] = app } }

    /// Something is wrong with it, though it is served; nil: not any more.
    func note(_ name: AppName, _ text: String?) { state.withLock { $0.notes[name] = text } }
    func note(_ name: AppName) -> String? { state.withLock { $0.notes[name] } }

    /// Of the directory that the apps come from.
    var directoryNote: String? {
        get { state.withLock { $0.directoryNote } }
        set { state.withLock { $0.directoryNote = newValue } }
    }

    func remove(_ name: AppName) {
        state.withLock { state in
            state.notes[name] = nil
            state.apps[name] = nil
            state.sorted = nil
            state.refused[name] = nil
        }
    }
}
