import Foundation
import Glibc
import Model
import Testing

@testable import AppConfig

@Suite("Rules over several keys")
struct AssemblyTests {
    @Test("A plain directory is in development, on this machine only, unless somebody says otherwise")
    func development() throws {
        let loaded = try load("")
        #expect(loaded.app.environment == "development")
        #expect(loaded.app.friendlyErrorPages)
        #expect(loaded.server.listen == [.tcp(host: "127.0.0.1", port: 3000)])
        let production = try load("", environment: ["RAILS_ENV": "production"])
        #expect(production.app.environment == "production")
        #expect(!production.app.friendlyErrorPages)
        #expect(production.server.listen == [.tcp(host: "0.0.0.0", port: 3000)])
        #expect(try load("environment: test", environment: ["NODE_ENV": "production"]).app.environment == "test")
        #expect(try load("", flags: ["address": "[::1]"]).server.listen == [.tcp(host: "::1", port: 3000)])
    }

    @Test("A deploy root is in production, and needs no release")
    func production() throws {
        let tree = try TemporaryTree()
        try tree.makeDirectory("blog/.passenger")
        let loaded = try load(tree, "blog")
        #expect(loaded.location == .deployRoot(tree["blog"]))
        #expect(loaded.app.name.rawValue == "blog")
        #expect(loaded.app.environment == "production")
        #expect(loaded.server.listen == [.tcp(host: "0.0.0.0", port: 3000)])
    }

    @Test("A Unix socket takes the place of address and port")
    func socket() throws {
        let loaded = try load("socket_file: /run/a.sock\nport: 4000")
        #expect(loaded.server.listen == [.unix(path: "/run/a.sock")])
        #expect(loaded.warnings.map(\.message) == ["'port' is ignored, because 'socket_file' is set"])
        let long = "/" + String(repeating: "x", count: 107)
        #expect(problems { try load("socket_file: \(long)") }.first?.line == 1)
    }

    @Test("Draining takes as long as requests may, unless it is set itself")
    func drain() throws {
        #expect(try load("").app.deploy.drainTimeout == .seconds(600))
        #expect(try load("max_request_time: 20").app.deploy.drainTimeout == .seconds(20))
        let both = try load("max_request_time: 20\ndeploy: {drain_timeout: 5}")
        #expect(both.app.deploy.drainTimeout == .seconds(5))
    }

    @Test("The runtime directory outlives the user's session, and is never a shared one")
    func runtimeDirectory() {
        let environment = ["XDG_RUNTIME_DIR": "/run/user/7", "HOME": "/home/a"]
        #expect(RuntimeDirectory.standard(userID: 0, environment: environment, lingers: true) == "/run/passenger")
        #expect(
            RuntimeDirectory.standard(userID: 7, environment: environment, lingers: true) == "/run/user/7/passenger")
        #expect(
            RuntimeDirectory.standard(userID: 7, environment: environment, lingers: false)
                == "/home/a/.local/state/passenger/run")
        #expect(RuntimeDirectory.standard(userID: 7, environment: [:], lingers: true) == nil)
        let service = environment.merging(["RUNTIME_DIRECTORY": "/run/blog:/run/other"]) { $1 }
        #expect(RuntimeDirectory.standard(userID: 7, environment: service, lingers: true) == "/run/blog")
        #expect(RuntimeDirectory.standard(userID: 0, environment: service, lingers: true) == "/run/passenger")
        for no in ["", ":", "run"] {
            #expect(RuntimeDirectory.standard(userID: 7, environment: ["RUNTIME_DIRECTORY": no], lingers: true) == nil)
        }
    }

    @Test("A pid file is written where there is a place for it, or for a daemon")
    func pidFile() throws {
        let tree = try TemporaryTree(["config.ru": ""])
        #expect(try load(tree).server.pidFile == nil)
        #expect(try load(tree, flags: ["daemonize": "true"]).server.pidFile == tree["tmp/pids/passenger.3000.pid"])
        try tree.makeDirectory("tmp")
        #expect(try load(tree, flags: ["daemonize": "true"]).server.pidFile == tree["tmp/pids/passenger.3000.pid"])
        if geteuid() == 0 {
            // What lies in it is another user's affair.
            chown(tree["tmp"], 65534, 65534)
            #expect(try load(tree, flags: ["daemonize": "true"]).server.pidFile == nil)
            chown(tree["tmp"], 0, 0)
        }
        try tree.makeDirectory("tmp/pids")
        #expect(try load(tree, flags: ["port": "1"]).server.pidFile == tree["tmp/pids/passenger.1.pid"])
    }

    @Test("An app is named for its directory, also through current")
    func names() {
        #expect(AppAssembly.name(of: "/srv/my blog").rawValue == "my-blog")
        #expect(AppAssembly.name(of: "/srv/blog/current").rawValue == "blog")
        #expect(AppAssembly.name(of: "/").rawValue == "-")
    }

    @Test("Settings survive JSON unchanged")
    func roundTrip() throws {
        let loaded = try load(
            """
            shutdown_timeout: 1.5
            max_request_queue_time: 250ms
            health: {path: /up, deadline: 3650d}
            deploy: {bake: 0, auto_rollback: {error_points: 2.5}}
            envvars: {A: "ü\\n"}
            """)
        let server = try JSONDecoder().decode(ServerSettings.self, from: JSONEncoder().encode(loaded.server))
        #expect(server == loaded.server)
        let app = try JSONDecoder().decode(AppSettings.self, from: JSONEncoder().encode(loaded.app))
        #expect(app == loaded.app)
    }
}
