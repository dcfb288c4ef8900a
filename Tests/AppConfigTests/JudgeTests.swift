import Model
import Testing

@testable import AppConfig

/// What an inspector answers is held against the server's own configuration, because it runs as the app's user.
@Suite("Judging an inspection")
struct JudgeTests {
    private struct Case {
        var tree: TemporaryTree
        var request: InspectRequest
        var server: AppSettings
        var answer: LoadedApp

        func judged() throws -> LoadedApp { try ConfigLoader.judge(answer, of: request, server: server) }
    }

    private func deployRoot(
        release: String = "", server: String = "{}", flags: [String: String] = [:]
    ) throws -> Case {
        let tree = try TemporaryTree([
            "root/releases/1-a/app.js": "", "root/releases/1-a/Passengerfile.yml": release,
            "root/shared/.env": "SECRET=x", "server.yml": server,
        ])
        try tree.makeDirectory("root/.passenger")
        let loaded = try load(tree, "root", flags: flags, serverFile: "server.yml")
        let request = InspectRequest(
            directory: tree["root/releases/1-a"], root: tree["root"], flags: flags,
            environment: ["HOME": "/home/somebody"], workingDirectory: tree.path,
            operatorLayers: loaded.operatorLayers)
        return Case(
            tree: tree, request: request, server: loaded.app, answer: try ConfigLoader().loadApp(request))
    }

    private func entry(_ key: String, _ value: String) -> ConfigLayer.Entry {
        let place = ConfigPlace(source: .releaseFile("/x"))
        return ConfigLayer.Entry(key: key, place: place, value: ConfigNode(.scalar(value), at: place))
    }

    @Test("An honest answer is believed as it is")
    func honest() throws {
        let honest = try deployRoot(
            release: "max_pool_size: 4\nenvvars: {A: b}\nhealth: {path: /x}\nmax_request_time: 20",
            server: "min_instances: 2\nserver_names: [www.example.com]\nlimits: {max_pool_size: 10}",
            flags: ["max-request-queue-size": "7"])
        #expect(try honest.judged() == honest.answer)
        #expect(honest.answer.settings.pool.maxPoolSize == 4 && honest.answer.settings.health.host == "www.example.com")
    }

    @Test("An app in place whose own file sets server keys keeps those that it was started with")
    func inPlace() throws {
        let tree = try TemporaryTree([
            "app.js": "", "Passengerfile.yml": "static_roots: /srv/a\nserver_names: a.example",
        ])
        let loaded = try load(tree)
        let request = InspectRequest(directory: tree.path, workingDirectory: tree.path)
        let before = try ConfigLoader().loadApp(request)
        #expect(try ConfigLoader.judge(before, of: request, server: loaded.app) == before)
        try tree.write("Passengerfile.yml", "static_roots: /\nsendfile_roots: /\nuser: root\nserver_names: b.example")
        let after = try ConfigLoader.judge(
            ConfigLoader().loadApp(request), of: request, server: loaded.app)
        #expect(after.settings.http.files == loaded.app.http.files)
        #expect(after.settings.users == UserSettings() && after.settings.serverNames == ["a.example"])
    }

    @Test("Settings that are none of what the files say are not taken")
    func invented() throws {
        var hostile = try deployRoot(server: "limits: {max_pool_size: 10, max_request_body: 1MB}")
        hostile.answer.settings.pool.maxPoolSize = -5
        hostile.answer.settings.pool.minInstances = .max
        hostile.answer.settings.http.maxRequestBody = 0
        hostile.answer.settings.http.files.staticFilesDirectory = "../../../../etc"
        hostile.answer.settings.http.files.sendfileRoots = ["/"]
        hostile.answer.settings.name = AppName(sanitizing: "other")
        hostile.answer.settings.users.user = "root"
        let settings = try hostile.judged().settings
        #expect(settings.pool == PoolSettings())
        #expect(settings.http.maxRequestBody == 1 << 20)
        #expect(settings.http.files == FileSettings())
        #expect(settings.name.rawValue == "root" && settings.users.user == nil)
    }

    @Test("Files that are said to ask for more than the limits, or for server keys, get no more")
    func forgedFiles() throws {
        var hostile = try deployRoot(
            server: "limits: {max_pool_size: 10}\nmax_request_queue_size: 50", flags: ["stop-timeout": "5"])
        hostile.answer.files = [
            // As if a flag had said it: after this no limit would apply.
            ConfigLayer(
                source: .flag, baseDirectory: "/",
                entries: [
                    entry("max_pool_size", "1000"), entry("max_request_queue_size", "0"), entry("stop_timeout", "1h"),
                    entry("user", "root"), entry("sendfile_roots", "/"), entry("no_such_key", "1"),
                ])
        ]
        let settings = try hostile.judged().settings
        #expect(settings.pool.maxPoolSize == 10)
        #expect(settings.queue.maxRequestQueueSize == 50)
        #expect(settings.pool.stopTimeout == .seconds(5))
        #expect(settings.users == UserSettings() && settings.http.files.sendfileRoots.isEmpty)
    }

    @Test(
        "Values that no file could have are refused",
        arguments: [("min_instances", "-3"), ("static_files_dir", "../.."), ("env_file", "/etc/shadow")])
    func wrongForm(key: String, value: String) throws {
        var hostile = try deployRoot()
        hostile.answer.files = [
            ConfigLayer(source: .releaseFile("/x"), baseDirectory: "/", entries: [entry(key, value)])
        ]
        #expect(problems { try hostile.judged() }.map(\.key) == [key])
    }

    @Test("Facts of another directory are refused")
    func facts() throws {
        let changes: [(inout AppFacts) -> Void] = [
            { $0.directory = "/etc" }, { $0.directory += "/../../shared" }, { $0.startupFile = "../app.js" },
            { $0.staticPaths = ["/secrets": "../../.."] },
        ]
        for change in changes {
            var hostile = try deployRoot()
            change(&hostile.answer.facts)
            #expect(problems { try hostile.judged() }.first?.message.contains("not believed") == true)
        }
    }
}
