import AppConfig
import Model
import Synchronization

/// The apps of this core, as they are found by name. Who comes in and goes is for `AppRoster`.
final class AppTable: Sendable {
    private struct State {
        var apps: [AppName: ServedApp] = [:]
        var refused: [AppName: RefusedApp] = [:]
    }

    private let state = Mutex(State())

    subscript(_ name: AppName) -> ServedApp? { state.withLock { $0.apps[name] } }

    /// By name.
    var all: [ServedApp] { state.withLock { $0.apps.values.sorted { $0.name < $1.name } } }
    var refused: [RefusedApp] { state.withLock { $0.refused.values.sorted { $0.name < $1.name } } }

    func insert(_ app: ServedApp) {
        state.withLock { state in
            state.apps[app.name] = app
            state.refused[app.name] = nil
        }
    }

    func refuse(_ app: RefusedApp) { state.withLock { $0.refused[app.name] = app } }

    func remove(_ name: AppName) {
        state.withLock { state in
            state.apps[name] = nil
            state.refused[name] = nil
        }
    }
}
