import AppConfig
import Model

/// What another boot plan changes, and whether a running server can take it on: as a whole, or not at all.
package struct PlanChange: Sendable {
    /// What only a restart of the server can change, and what is wrong with the new plan; a sentence each. Empty: it can be
    /// taken on.
    package private(set) var refusals: [String] = []
    var added: [AppPlan] = []
    var removed: [AppName] = []
    /// Served before and after. Whether their configuration is another is seen when their own files have been read too.
    var kept: [AppPlan] = []
    /// Served through a root's `current` before: that root has become a deploy root.
    package private(set) var takenOver: [AppPlan] = []
    /// Of the directory of apps.
    var changesEntries: Bool

    package init(from old: CoreBootPlan, to new: CoreBootPlan) {
        changesEntries = old.directory != new.directory
        refusals = Self.fixedServerKeys(old.server, new.server) + Self.unavailable(old.server, new.server)
        if old.servesMany != new.servesMany {
            refusals.append("a server of one app and one of many are different servers: restart it")
        } else if old.directory?.path != new.directory?.path {
            refusals.append("'apps_dir' cannot be changed while the server runs: restart it")
        }
        for app in new.refused where !old.refused.contains(app) {
            refusals.append("app \(app.name): \(app.reason)")
        }
        compareApps(old, new)
        if !takenOver.isEmpty { refusals += Self.lost(old.server, new.server) }
        let known = Self.conflicts(old)
        refusals += Self.conflicts(new).filter { !known.contains($0) }
    }

    private mutating func compareApps(_ old: CoreBootPlan, _ new: CoreBootPlan) {
        let before = Dictionary(old.apps.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let after = Set(new.apps.map(\.name))
        removed = old.apps.map(\.name).filter { !after.contains($0) }
        for app in new.apps {
            guard let known = before[app.name] else {
                added.append(app)
                continue
            }
            if app.location.takesOver(known.location), app.users == known.users {
                takenOver.append(app)
                continue
            }
            kept.append(app)
            if app.location != known.location {
                refusals.append(
                    "app \(app.name): its 'root' cannot be changed while it is served: give it another name")
            } else if app.users != known.users || app.stateDirectory != known.stateDirectory {
                refusals.append("app \(app.name): its users cannot be changed while it is served: restart the server")
            }
        }
    }

    /// One host name has one owner. A conflict that the start has lived with is none of a reload's business.
    private static func conflicts(_ plan: CoreBootPlan) -> [String] {
        guard plan.servesMany else { return [] }
        var claims = HostClaims()
        return plan.apps.compactMap { app in
            let settings = app.settings
            let conflict = claims.claim(settings.serverNames, basePath: settings.http.baseURI, for: app.name)
            return conflict.map { "app \(app.name): \($0)" }
        }
    }

    /// The file of an app that is served in place may say where its server listens; that of a release may not. Without it the server
    /// would go somewhere else.
    private static func lost(_ old: ServerSettings, _ new: ServerSettings) -> [String] {
        guard old.listen != new.listen || old.tls != new.tls || old.trustedProxies != new.trustedProxies else {
            return []
        }
        return [
            "where the server listens would change with the app's file, which is a release's now: "
                + "give what it says of the server as flags or in a server file"
        ]
    }

    /// An address that is to speak TLS, or not any more, and a port that another address of ours holds until it goes: the old
    /// socket would have to be closed before the new one can be had.
    private static func unavailable(_ old: ServerSettings, _ new: ServerSettings) -> [String] {
        let gone =
            old.listen.filter { !new.listen.contains($0) } + old.tls.listen.filter { !new.tls.listen.contains($0) }
        let fresh =
            new.listen.filter { !old.listen.contains($0) } + new.tls.listen.filter { !old.tls.listen.contains($0) }
        return fresh.compactMap { address in
            guard let holder = gone.first(where: { $0.excludes(address) }) else { return nil }
            return holder == address
                ? "\(address) cannot begin or cease to speak TLS while the server runs: restart it"
                : "\(address) is not free while \(holder) is listened on: restart the server"
        }
    }

    private static func fixedServerKeys(_ old: ServerSettings, _ new: ServerSettings) -> [String] {
        var changed: [String] = []
        func compare(_ key: String, _ value: (ServerSettings) -> some Equatable) {
            if value(old) != value(new) { changed.append(key) }
        }
        compare("instance_name") { $0.instanceName }
        compare("socket_backlog") { $0.socketBacklog }
        compare("pid_file") { $0.pidFile }
        if old.daemonize { compare("log_file") { $0.logFile } }
        compare("log_format") { $0.logFormat }
        compare("core_user") { $0.coreUser }
        compare("runtime_dir") { $0.runtimeDirectory }
        compare("state_dir") { $0.stateDirectory }
        compare("event_loops") { $0.eventLoops }
        compare("proxy_protocol") { $0.proxyProtocol }
        compare("http2") { $0.tls.http2 }
        compare("turbocaching_memory") { $0.cacheMemoryLimit }
        compare("admin_port") { $0.remoteAdmin }
        return changed.map { "'\($0)' cannot be changed while the server runs: restart it" }
    }
}

extension ListenAddress {
    /// Whether a socket of this address keeps another from being bound.
    fileprivate func excludes(_ other: ListenAddress) -> Bool {
        guard case .tcp(let host, let port) = self, case .tcp(let otherHost, let otherPort) = other else {
            return self == other
        }
        let wildcards: Set = ["0.0.0.0", "::"]
        return port == otherPort && port != 0
            && (host == otherHost || wildcards.contains(host) || wildcards.contains(otherHost))
    }
}
