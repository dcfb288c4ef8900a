import AppConfig
import Model
import Testing

@testable import Core

@Suite struct PlanChangeTests {
    private func app(_ name: String, _ hosts: [String] = [], at root: String? = nil) -> AppPlan {
        let name = AppName(sanitizing: name)
        var settings = AppSettings(name: name, directory: root ?? "/srv/\(name)", kind: .rack)
        settings.serverNames = hosts
        let app = ConfiguredApp(
            name: name, location: .inPlace(root ?? "/srv/\(name)"), settings: settings,
            operatorLayers: OperatorLayers(isOneOfMany: true))
        return AppPlan(app: app, users: .init(workers: "www"), stateDirectory: nil, warnings: [])
    }

    private func plan(_ apps: [AppPlan], _ change: (inout CoreBootPlan) -> Void = { _ in }) -> CoreBootPlan {
        var plan = CoreBootPlan(
            programVersion: "1", server: ServerSettings(), apps: apps, refused: [], directory: nil, servesMany: true,
            maxPoolSize: 6, warnings: [], flags: [:], environment: [:], workingDirectory: "/", loaderDirectory: "/l",
            templateDirectory: "/t", instanceDirectory: "/i", socketDirectory: "/s", isTransient: false, ownUser: 0,
            coreUser: 99, openFilesSoft: 1, openFilesHard: 1, lowersNiceness: false)
        change(&plan)
        return plan
    }

    @Test func `apps come, go and stay`() {
        let change = PlanChange(from: plan([app("a"), app("b", ["b"])]), to: plan([app("b", ["b"]), app("c", ["c"])]))
        #expect(change.refusals.isEmpty)
        #expect(change.added.map(\.name.rawValue) == ["c"])
        #expect(change.removed.map(\.rawValue) == ["a"])
        #expect(change.kept.map(\.name.rawValue) == ["b"])
    }

    @Test func `an app goes over from a root's current to the root, and from nowhere else`() {
        func moved(_ location: AppLocation) -> AppPlan {
            var plan = app("a", at: "/srv/a")
            plan.app.location = location
            plan.stateDirectory = location.isDeployRoot ? "/srv/a/.passenger" : nil
            return plan
        }
        let before = plan([moved(.inPlace("/srv/a/current"))])
        let change = PlanChange(from: before, to: plan([moved(.deployRoot("/srv/a"))]))
        #expect(change.refusals.isEmpty && change.takenOver.map(\.name.rawValue) == ["a"] && change.kept.isEmpty)
        for other in [AppLocation.deployRoot("/srv/b"), .inPlace("/srv/a")] {
            let refused = PlanChange(from: before, to: plan([moved(other)]))
            #expect(refused.refusals.count == 1 && refused.takenOver.isEmpty)
        }
        let back = PlanChange(from: plan([moved(.deployRoot("/srv/a"))]), to: before)
        #expect(back.refusals.count == 1)
        let elsewhere = plan([moved(.deployRoot("/srv/a"))]) { $0.server.listen = [.tcp(host: "::", port: 80)] }
        #expect(PlanChange(from: before, to: elsewhere).refusals.count == 1)
        var others = moved(.deployRoot("/srv/a"))
        others.users.workers = "somebody"
        #expect(PlanChange(from: before, to: plan([others])).refusals.count == 1)
    }

    @Test func `listeners, certificates and the times of a stop may change`() {
        let new = plan([app("a")]) {
            $0.server.listen = [.tcp(host: "::", port: 80)]
            $0.server.tls.listen = [.tcp(host: "::", port: 443)]
            $0.server.tls.certificates = [CertificateFiles(chain: "/c", key: "/k")]
            $0.server.tls.redirect = true
            $0.server.shutdownDelay = .seconds(5)
            $0.server.shutdownTimeout = .seconds(5)
            $0.server.trustedProxies = ["10.0.0.0/8"]
            $0.server.maxConnections = 1
            $0.maxPoolSize = 1
        }
        #expect(PlanChange(from: plan([app("a")]), to: new).refusals.isEmpty)
    }

    @Test func `what only a restart can change is refused by name, all of it at once`() {
        let new = plan([app("a")]) {
            $0.server.eventLoops = 7
            $0.server.logFormat = .json
            $0.server.proxyProtocol = true
        }
        let refusals = PlanChange(from: plan([app("a")]), to: new).refusals
        #expect(refusals.count == 3)
        for key in ["'event_loops'", "'log_format'", "'proxy_protocol'"] {
            #expect(refusals.contains { $0.hasPrefix(key) }, "\(refusals)")
        }
    }

    /// Whatever `ServerSettings` may get: a reload takes on what is known to be taken on, and nothing in silence.
    @Test func `each setting of the server is either taken on or refused`() {
        let taken: Set = [
            "listen", "tls", "shutdownDelay", "shutdownTimeout", "trustedProxies", "maxConnections", "daemonize",
            "logFile", "logLevel", "accessLog", "accessLogFile", "dataBufferDirectory", "bufferMemoryLimit",
            "bufferDiskLimit", "showVersionInHeader",
        ]
        let refused: Set = [
            "instanceName", "socketBacklog", "pidFile", "logFormat", "coreUser", "runtimeDirectory", "stateDirectory",
            "eventLoops", "proxyProtocol", "cacheMemoryLimit", "remoteAdmin",
        ]
        let all = Set(Mirror(reflecting: ServerSettings()).children.compactMap(\.label))
        #expect(all == taken.union(refused))
    }

    @Test func `an app's place and its users stay`() {
        let old = plan([app("a")])
        let moved = PlanChange(from: old, to: plan([app("a", at: "/elsewhere")])).refusals
        #expect(moved.count == 1 && moved[0].contains("'root'"))
        var other = app("a")
        other.users.workers = "root"
        let given = PlanChange(from: old, to: plan([other])).refusals
        #expect(given.count == 1 && given[0].contains("users"))
    }

    @Test func `an address that the old one still holds is refused before anybody tries`() {
        func refusals(_ old: [ListenAddress], _ new: [ListenAddress], secure: [ListenAddress] = []) -> [String] {
            PlanChange(
                from: plan([]) { $0.server.listen = old },
                to: plan([]) {
                    $0.server.listen = new
                    $0.server.tls.listen = secure
                }
            ).refusals
        }
        let local = ListenAddress.tcp(host: "127.0.0.1", port: 80)
        let all = ListenAddress.tcp(host: "0.0.0.0", port: 80)
        #expect(refusals([local], [], secure: [local]).first?.contains("TLS") == true)
        #expect(refusals([local], [all]).first?.contains("is not free while 127.0.0.1:80") == true)
        #expect(refusals([all], [local]).count == 1)
        #expect(refusals([local], [.tcp(host: "127.0.0.2", port: 80)]).isEmpty)
        #expect(refusals([local], [.tcp(host: "127.0.0.1", port: 81)], secure: [.unix(path: "/s")]).isEmpty)
        #expect(refusals([.tcp(host: "::", port: 0)], [], secure: [.tcp(host: "::", port: 0)]).isEmpty)
        #expect(refusals([.unix(path: "/s")], [], secure: [.unix(path: "/s")]).count == 1)
    }

    @Test func `a conflict or a broken section is refused when it is new`() {
        let rivals = [app("a", ["x.test"]), app("b", ["X.test"])]
        #expect(PlanChange(from: plan([app("a", ["x.test"])]), to: plan(rivals)).refusals.count == 1)
        #expect(PlanChange(from: plan(rivals), to: plan(rivals)).refusals.isEmpty)
        let broken = RefusedApp(name: AppName(sanitizing: "b"), root: "", reason: "unknown key")
        let with = plan([app("a")]) { $0.refused = [broken] }
        #expect(PlanChange(from: plan([app("a")]), to: with).refusals == ["app b: unknown key"])
        #expect(PlanChange(from: with, to: with).refusals.isEmpty)
    }
}
