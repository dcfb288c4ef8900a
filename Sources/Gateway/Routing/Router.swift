import HTTP1
package import Model
package import Pool
package import StaticFiles

/// Where an app's requests go, and the settings that the exchange needs. Replaced whole when its settings or its releases
/// change.
package final class Route: Sendable {
    package let app: AppIndex
    package let name: AppName
    package let http: HTTPSettings
    package let queueStatuses: (overflow: Int, timeout: Int)
    /// In lower case: exact names, `*.example.com`; empty means every host that no other app has.
    package let serverNames: [String]
    package let showsDetails: Bool
    /// Files that are served without a worker; nil for none.
    let site: StaticSite?
    /// What an app may name in X-Sendfile and X-Accel-Redirect.
    let sendfile: SendfileResolver?
    let sticky: StickyCookie?
    /// While two generations share the traffic: which of them the client is with.
    let version: StickyCookie?
    let errorTemplate: ErrorTemplate?
    /// For the page that tells why the app does not start.
    let directory: String
    let user: String?
    /// `set_headers`: written as they are, and the app's own of the same names dropped.
    let setFields: [UInt8]
    let replaced: ReplacedFields?
    let unlimitedPaths: [[UInt8]]
    /// Without a slash at its end; empty for `/`.
    let basePath: [UInt8]

    /// - Parameters:
    ///   - releases: live first, then those that other generations run, then past ones whose assets are still served.
    ///   - errorPage: the app's own, as text.
    ///   - isShared: two generations get requests now.
    package init(
        app: AppIndex, settings: AppSettings, releases: [StaticSite.Release] = [], shared: String? = nil,
        errorPage: String? = nil, isShared: Bool = false
    ) {
        self.app = app
        name = settings.name
        var http = settings.http
        // What one version answered is not for those who are with the other.
        if isShared { http.cache.isOn = false }
        version =
            isShared
            ? StickyCookie(name: Route.versionCookie, attributes: "SameSite=Lax", basePath: http.baseURI) : nil
        // 0 is no limit; the limits over all bodies still hold.
        if http.maxRequestBody == 0 { http.maxRequestBody = .max }
        self.http = http
        queueStatuses = (settings.queue.overflowStatusCode, settings.queue.timeoutStatusCode)
        serverNames = settings.serverNames.map { $0.lowercased() }
        showsDetails = settings.friendlyErrorPages
        directory = settings.directory
        user = settings.users.user
        let hasFiles = http.files.staticFilesDirectory != nil || !http.files.staticPaths.isEmpty
        site =
            hasFiles && !releases.isEmpty ? StaticSite(releases: releases, shared: shared, settings: http.files) : nil
        sendfile = releases.first.map { SendfileResolver(release: $0, shared: shared, settings: http.files) }
        sticky =
            http.stickySessions
            ? StickyCookie(
                name: http.stickySessionsCookieName, attributes: http.stickySessionsCookieAttributes,
                basePath: http.baseURI) : nil
        errorTemplate = errorPage.flatMap { ErrorTemplate(custom: $0) }
        let set = http.setHeaders.sorted { $0.key < $1.key }
        setFields = set.flatMap { Array("\($0.key): \($0.value)\r\n".utf8) }
        replaced = ReplacedFields(set.map(\.key))
        unlimitedPaths = http.unlimitedConcurrencyPaths.map { Array($0.utf8) }
        basePath = http.baseURI == "/" ? [] : Array(http.baseURI.utf8)
    }

    package static let versionCookie = "_passenger_version"

    /// `path` begins with `base`, and ends or goes on with a slash behind it.
    static func isBeneath(_ path: UnsafeRawBufferPointer, _ base: [UInt8]) -> Bool {
        guard path.count >= base.count,
            path.count == base.count || path[base.count] == UInt8(ascii: "/") || base.last == UInt8(ascii: "/")
        else { return false }
        return base.withUnsafeBytes { base in (0..<base.count).allSatisfy { base[$0] == path[$0] } }
    }

    func isUnlimited(_ path: UnsafeRawBufferPointer) -> Bool {
        !unlimitedPaths.isEmpty && unlimitedPaths.contains { Route.isBeneath(path, $0) }
    }
}

/// Which app a request is for: by the host's exact name, then by the longest wildcard, then an app without names; among
/// the apps of one host the longest `base_uri`. A value: each event loop has its own copy.
struct Router {
    private struct Name {
        /// In lower case; of a wildcard what follows the star, with its dot.
        var bytes: [UInt8]
        var routes: [Route]
    }

    private var exact: [Name] = []
    /// Of many names: where to look in `exact`, by the name's hash. With a few, looking at each is quicker.
    private var index: [UInt64: [Int]] = [:]
    private var wildcards: [Name] = []
    private var anyHost: [Route] = []
    /// Used while it is not known which app a connection is for.
    let defaults: HTTPSettings

    init(_ routes: [Route]) {
        defaults = routes.count == 1 ? routes[0].http : HTTPSettings()
        var named: [(name: [UInt8], route: Route)] = []
        var below: [(name: [UInt8], route: Route)] = []
        for route in routes {
            if route.serverNames.isEmpty { anyHost.append(route) }
            for name in route.serverNames {
                if name.hasPrefix("*.") {
                    below.append((Array(name.dropFirst().utf8), route))
                } else {
                    named.append((Array(name.utf8), route))
                }
            }
        }
        exact = Router.group(named)
        wildcards = Router.group(below)
        wildcards.sort { $0.bytes.count > $1.bytes.count }
        guard exact.count > Router.few else { return }
        for (position, name) in exact.enumerated() {
            index[name.bytes.withUnsafeBytes(Router.hash), default: []].append(position)
        }
    }

    private static let few = 8

    /// FNV-1a of the name in lower case, without a dot at its end. Who sends hosts does not choose the names of the table.
    private static func hash(_ host: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in host.last == UInt8(ascii: ".") ? host.dropLast() : host[...] {
            let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            hash = (hash ^ UInt64(lower)) &* 0x100_0000_01b3
        }
        return hash
    }

    private static func group(_ named: [(name: [UInt8], route: Route)]) -> [Name] {
        var positions: [[UInt8]: Int] = [:]
        var names: [Name] = []
        for (name, route) in named {
            if let position = positions[name] {
                names[position].routes.append(route)
            } else {
                positions[name] = names.count
                names.append(Name(bytes: name, routes: [route]))
            }
        }
        return names
    }

    func route(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Route? {
        let path = head.path.of(bytes)
        if exact.isEmpty, wildcards.isEmpty { return Router.longest(anyHost, path) }
        let host = head.hostName.of(bytes)
        if let name = named(host) { return Router.longest(name.routes, path) }
        for name in wildcards where host.count > name.bytes.count {
            let end = UnsafeRawBufferPointer(rebasing: host[(host.count - name.bytes.count)...])
            if Router.isName(end, name.bytes) { return Router.longest(name.routes, path) }
        }
        return Router.longest(anyHost, path)
    }

    private func named(_ host: UnsafeRawBufferPointer) -> Name? {
        guard !index.isEmpty else { return exact.first { Router.isName(host, $0.bytes) } }
        for position in index[Router.hash(host)] ?? [] where Router.isName(host, exact[position].bytes) {
            return exact[position]
        }
        return nil
    }

    private static func longest(_ routes: [Route], _ path: UnsafeRawBufferPointer) -> Route? {
        if routes.count == 1, routes[0].basePath.isEmpty { return routes[0] }
        var best: Route?
        for route in routes where route.basePath.isEmpty || Route.isBeneath(path, route.basePath) {
            if route.basePath.count >= best?.basePath.count ?? 0 { best = route }
        }
        return best
    }

    /// Without regard to case. A dot at the host's end names the same host (RFC 3986 section 3.2.2).
    private static func isName(_ host: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
        let count = host.last == UInt8(ascii: ".") ? host.count - 1 : host.count
        guard count == name.count else { return false }
        for at in 0..<count {
            let byte = host[at]
            let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            if lower != name[at] { return false }
        }
        return true
    }
}
