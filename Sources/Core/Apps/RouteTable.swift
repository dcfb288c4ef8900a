import Gateway
import Model
import Pool
import Synchronization

/// The routes of all apps. The gateway takes them whole, so that a request never sees half of a change.
final class RouteTable: Sendable {
    private struct State {
        var routes: [AppIndex: Route] = [:]
        var holds = 0
    }

    let gateway: Gateway
    private let state = Mutex(State())

    init(gateway: Gateway) { self.gateway = gateway }

    func set(_ route: Route) { change { $0[route.app] = route } }
    func remove(_ app: AppIndex) { change { $0[app] = nil } }

    /// Many changes as one: with a thousand apps, one after the other would cost a million.
    func together(_ body: () async -> Void) async {
        state.withLock { $0.holds += 1 }
        await body()
        state.withLock { state in
            state.holds -= 1
            publish(state)
        }
    }

    /// Published under the lock, so that an older state never follows a newer one.
    private func change(_ body: (inout [AppIndex: Route]) -> Void) {
        state.withLock { state in
            body(&state.routes)
            publish(state)
        }
    }

    private func publish(_ state: borrowing State) {
        guard state.holds == 0 else { return }
        gateway.setRoutes(state.routes.values.sorted { $0.app.rawValue < $1.app.rawValue })
    }
}
