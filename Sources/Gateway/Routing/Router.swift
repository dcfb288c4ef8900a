import HTTP1
package import Model
package import Pool

/// Where an app's requests go, and the settings that the exchange needs. Replaced whole when its settings change.
package final class Route: Sendable {
    package let app: AppIndex
    package let name: AppName
    package let http: HTTPSettings
    package let queueStatuses: (overflow: Int, timeout: Int)
    /// Host names in lower case; empty means every host that no other app has.
    package let serverNames: [String]
    package let showsDetails: Bool

    package init(app: AppIndex, settings: AppSettings) {
        self.app = app
        name = settings.name
        var http = settings.http
        // 0 is no limit; the limits over all bodies still hold.
        if http.maxRequestBody == 0 { http.maxRequestBody = .max }
        self.http = http
        queueStatuses = (settings.queue.overflowStatusCode, settings.queue.timeoutStatusCode)
        serverNames = settings.serverNames.map { $0.lowercased() }
        showsDetails = settings.friendlyErrorPages
    }
}

/// Which app a request is for. A value: each event loop has its own copy and is given a new one when routes change.
struct Router {
    private var byHost: [String: Route] = [:]
    private var fallback: Route?
    /// Used while it is not known which app a connection is for.
    let defaults: HTTPSettings

    init(_ routes: [Route]) {
        for route in routes {
            for name in route.serverNames { byHost[name] = route }
            if route.serverNames.isEmpty { fallback = fallback ?? route }
        }
        defaults = routes.count == 1 ? routes[0].http : HTTPSettings()
    }

    func route(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Route? {
        if byHost.isEmpty { return fallback }
        let host = head.hostName.string(bytes).lowercased()
        return byHost[host] ?? fallback
    }
}
