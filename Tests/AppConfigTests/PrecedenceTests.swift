import Foundation
import Model
import Testing

@testable import AppConfig

@Suite("Sources and their order")
struct PrecedenceTests {
    /// A deploy root with one release, and every source setting `start_timeout` to another number of seconds.
    private func app(
        flag: Bool, variable: Bool, serverFile: Bool, rootFile: Bool, releaseFile: Bool
    ) throws -> LoadedApp {
        let tree = try TemporaryTree(["root/releases/1-abc/config.ru": ""])
        try tree.makeDirectory("root/.passenger")
        if releaseFile { try tree.write("root/releases/1-abc/Passengerfile.yml", "start_timeout: 1") }
        if rootFile { try tree.write("root/Passengerfile.json", "{\"start_timeout\": 2}") }
        try tree.write("server.yml", serverFile ? "start_timeout: 3" : "")
        let flags = flag ? ["start-timeout": "5"] : [:]
        let environment = ["HOME": "/home/somebody", "PASSENGER_START_TIMEOUT": variable ? "4" : ""]
        let server = try load(tree, "root", flags: flags, environment: environment, serverFile: "server.yml")
        return try ConfigLoader().loadApp(
            InspectRequest(
                directory: tree["root/releases/1-abc"], root: tree["root"], flags: flags, environment: environment,
                workingDirectory: tree.path, operatorLayers: server.operatorLayers))
    }

    @Test("flag > variable > server file > deploy root's file > release's file > default", arguments: 0..<32)
    func order(bits: Int) throws {
        let given = (0..<5).map { bits & (1 << $0) != 0 }
        let app = try app(
            flag: given[4], variable: given[3], serverFile: given[2], rootFile: given[1], releaseFile: given[0])
        let highest = given.lastIndex(of: true).map { $0 + 1 }
        #expect(app.settings.pool.startTimeout == .seconds(highest ?? 90))
        let origin = app.origins["start_timeout"]
        switch highest {
        case 5: #expect(origin?.description == "--start-timeout")
        case 4: #expect(origin?.description == "PASSENGER_START_TIMEOUT")
        case 3: #expect(origin?.description.hasSuffix("/server.yml:1:1") == true)
        case 2: #expect(origin?.description.hasSuffix("/root/Passengerfile.json:1:2") == true)
        case 1: #expect(origin?.description.hasSuffix("/1-abc/Passengerfile.yml:1:1") == true)
        default: #expect(origin == nil)
        }
    }

    @Test("Nested keys have flat flags and variables, and deploy keys short flags")
    func nested() throws {
        let loaded = try load(
            "", flags: ["--health-path": "/a", "bake": "5s"],
            environment: ["PASSENGER_HEALTH_HOST": "h", "PASSENGER_DEPLOY_KEEP_RELEASES": "9"])
        #expect(loaded.app.health.path == "/a")
        #expect(loaded.app.health.host == "h")
        #expect(loaded.app.deploy.bake == .seconds(5))
        #expect(loaded.app.deploy.keepReleases == 9)
    }

    @Test("Lists and mappings can be given by flag and variable")
    func collections() throws {
        let loaded = try load(
            "envvars: {A: 1, B: 2}",
            flags: ["server-names": "a.example, b.example", "build": "make a, b", "shared": "[log, \"a,b\"]"],
            environment: ["PASSENGER_ENVVARS": "B=x,y=z", "PASSENGER_HEALTH_HEADERS": "{X-A: b}"])
        #expect(loaded.app.serverNames == ["a.example", "b.example"])
        #expect(loaded.app.deploy.build == ["make a, b"])
        #expect(loaded.app.deploy.shared == ["log", "a,b"])
        #expect(loaded.app.variables == ["A": "1", "B": "x,y=z"])
        #expect(loaded.app.health.headers == ["X-A": "b"])
    }

    @Test(
        "Problems with flags and variables name them as they were written",
        arguments: [
            (
                ["port": "x"], [:],
                "--port: 'port' must be a whole number from 0 to 65535, not 'x'. For example: --port 3000"
            ),
            (["prot": "1"], [:], "--prot: unknown flag. Did you mean '--port'?"),
            (
                [:], ["PASSENGER_HEALTH_PATH": "up"],
                "PASSENGER_HEALTH_PATH: 'health.path' must be a path that starts with '/', not 'up'. "
                    + "For example: PASSENGER_HEALTH_PATH=/up"
            ),
            (
                ["envvars": "A"], [:],
                "--envvars: 'envvars' must be a mapping of variable names to values, not 'A'. "
                    + "For example: --envvars '{RAILS_LOG_LEVEL: warn}'"
            ),
        ] as [([String: String], [String: String], String)])
    func textProblems(flags: [String: String], environment: [String: String], expected: String) {
        #expect(problems { try load("", flags: flags, environment: environment) }.map(\.description) == [expected])
    }

    @Test("A variable that looks like a typing error is a warning; other programs' variables are not")
    func variables() throws {
        let loaded = try load(
            "",
            environment: [
                "PASSENGER_PROT": "1", "PASSENGER_DEBUGGER": "2", "PASSENGER_APP_ENV": "staging",
                "PASSENGER_SOMEBODY_ELSES": "1",
            ])
        #expect(
            loaded.warnings.map(\.description) == [
                "PASSENGER_DEBUGGER: 'debugger' is not supported by this version, ignored",
                "PASSENGER_PROT: unknown variable, ignored. Did you mean 'PASSENGER_PORT'?",
            ])
        #expect(loaded.app.environment == "staging")
    }

    @Test("Relative paths are meant from where they were written")
    func paths() throws {
        let tree = try TemporaryTree([
            "app/Passengerfile.yml": "log_file: log/a.log\nruby: bin/ruby", "app/config.ru": "",
        ])
        try tree.write("etc/server.yml", "state_dir: state")
        let loaded = try load(
            tree, "app", flags: ["pid-file": "x/../a.pid"], environment: ["PASSENGER_DATA_BUFFER_DIR": "/b"],
            serverFile: "etc/server.yml")
        #expect(loaded.server.logFile == tree["app/log/a.log"])
        #expect(loaded.server.stateDirectory == tree["etc/state"])
        #expect(loaded.server.pidFile == tree["a.pid"])
        #expect(loaded.server.dataBufferDirectory == "/b")
        #expect(loaded.app.ruby == tree["app/bin/ruby"])
    }

    @Test("A server key in a release's or deploy root's file is refused, and told where it belongs")
    func scope() throws {
        let tree = try TemporaryTree([
            "root/releases/1-abc/config.ru": "", "root/releases/1-abc/Passengerfile.yml": "start_timeout: 1\nport: 80",
        ])
        try tree.makeDirectory("root/.passenger")
        let request = InspectRequest(
            directory: tree["root/releases/1-abc"], root: tree["root"], workingDirectory: tree.path)
        #expect(
            problems { try ConfigLoader().loadApp(request) }.map(shown) == [
                "2:1 'port' cannot be set here: this file is part of a release. "
                    + "It belongs to the server: use --port, PASSENGER_PORT or the server file."
            ])
        try tree.write("root/Passengerfile.yml", "user: root")
        #expect(
            problems { try load(tree, "root") }.map(shown) == [
                "1:1 'user' cannot be set here: this file belongs to one app's deploy root. "
                    + "It belongs to the server: use --user, PASSENGER_USER or the server file."
            ])
    }

    @Test("A release that was taken over may still have the server keys that were right for it in place")
    func takenOver() throws {
        let tree = try TemporaryTree([
            "root/releases/20261129103000/config.ru": "",
            "root/releases/20261129103000/Passengerfile.yml": "start_timeout: 1\nport: 80",
        ])
        try tree.makeDirectory("root/.passenger")
        let request = InspectRequest(
            directory: tree["root/releases/20261129103000"], root: tree["root"], workingDirectory: tree.path)
        let loaded = try ConfigLoader().loadApp(request)
        #expect(loaded.settings.pool.startTimeout == .seconds(1))
        #expect(
            loaded.warnings.map(\.message) == ["'port' has no effect here: this release was taken over from Capistrano"]
        )
    }

    @Test("A directory that another tool deploys to is no app, and told what to do with")
    func foreignRoot() throws {
        let tree = try TemporaryTree(["root/releases/20261129103000/config.ru": ""])
        symlink("releases/20261129103000", tree["root/current"])
        let told = problems { try load(tree, "root") }.map(shown)
        #expect(told.count == 1 && told[0].contains("take it over with `passenger deploy --root"), "\(told)")
        #expect(AppLocation.root(of: tree["root/releases/20261129103000"]) == tree["root"])
        #expect(AppLocation.root(of: tree["root/current"]) == tree["root"])
        #expect(AppLocation.root(of: tree["root"]) == tree["root"])
        try tree.makeDirectory("root/.passenger")
        #expect(AppLocation.root(of: tree["root/releases/20261129103000"]) == tree["root"])
    }

    @Test("In place, server keys need a file of root or of the server's own user")
    func ownership() throws {
        let tree = try TemporaryTree(["Passengerfile.yml": "port: 80", "config.ru": ""])
        let owner = try #require(FilePath.owner(tree["Passengerfile.yml"]))
        #expect(try load(tree).server.listen == [.tcp(host: "127.0.0.1", port: 80)])
        if owner == 0 { try #require(chown(tree["Passengerfile.yml"], 4242, 4242) == 0) }
        let stranger = ConfigLoader(workingDirectory: tree.path, userID: 77)
        let found = problems { try stranger.loadServer(arguments: [:], environment: ["HOME": "/h"], directory: ".") }
        #expect(found.first?.message.hasPrefix("'port' cannot be set here: the file belongs to another user") == true)
    }

    @Test(
        "A link in the app user's directory to a file that root wrote does not set server keys",
        .enabled(if: geteuid() == 0, "only root starts servers for others"))
    func linkedFile() throws {
        let tree = try TemporaryTree(["other.yml": "port: 80", "app/config.ru": ""])
        try tree.link("app/Passengerfile.yml", to: "../other.yml")
        #expect(try load(tree, "app").server.listen == [.tcp(host: "127.0.0.1", port: 80)])
        try #require(chown(tree["app"], 4242, 4242) == 0)
        #expect(
            problems { try load(tree, "app") }.first?.message.contains("cannot be set here: \(tree["app"]) belongs")
                == true)
    }

    @Test("The server file's limits bound what an app's files ask for, not what the operator asks for")
    func limits() throws {
        let tree = try TemporaryTree([
            "Passengerfile.yml": "max_pool_size: 50\nmin_instances: 20\nmax_request_queue_size: 0", "config.ru": "",
            "server.yml": "limits:\n  max_pool_size: 10\n  max_request_queue_size: 500\n  deploy: {keep_releases: 3}\n",
        ])
        let loaded = try load(tree, serverFile: "server.yml")
        #expect(loaded.app.pool.maxPoolSize == 10)
        #expect(loaded.app.pool.minInstances == 10)
        #expect(loaded.app.queue.maxRequestQueueSize == 500)
        #expect(loaded.app.deploy.keepReleases == 3)
        #expect(loaded.warnings.map(\.key) == ["max_pool_size", "max_request_queue_size"])
        #expect(try load(tree, flags: ["max-pool-size": "30"], serverFile: "server.yml").app.pool.maxPoolSize == 30)
        try tree.write("server.yml", "limits: {port: 1, ruby: x}")
        #expect(problems { try load(tree, serverFile: "server.yml") }.map(\.key) == ["port", "ruby"])
    }

    @Test("Files named by an app's own file must lie inside the app", arguments: ["env_file", "app_log_file"])
    func fileInside(key: String) throws {
        let tree = try TemporaryTree(["root/Passengerfile.yml": "\(key): ../outside"])
        try tree.makeDirectory("root/.passenger")
        #expect(problems { try load(tree, "root") }.first?.message == "'\(key)' must lie inside \(tree["root"])")
        try tree.write("root/Passengerfile.yml", "")
        #expect(try load(tree, "root", flags: [key.replacing("_", with: "-"): "/var/outside"]).origins[key] != nil)
    }

    @Test("A pool whose floor is above its ceiling is refused")
    func floor() {
        #expect(
            problems { try load("max_pool_size: 2\nmin_instances: 3") }.map(shown)
                == ["2:1 'min_instances' (3) is more than 'max_pool_size' (2)"])
        #expect(
            problems { try load("max_instances: 2\nmin_instances: 3") }.map(shown)
                == ["2:1 'min_instances' (3) is more than 'max_instances' (2)"])
    }

    @Test("A directory or server file that is not there is refused")
    func missing() throws {
        let tree = try TemporaryTree(["config.ru": ""])
        #expect(
            problems { try load(tree, "nowhere") }.map(shown) == [
                "\(tree["nowhere"]) is not a directory that can be read"
            ])
        #expect(
            problems { try load(tree, serverFile: "x.yml") }.map(\.description) == ["\(tree["x.yml"]): no such file"])
    }
}
