import Model
import Testing

@testable import AppConfig

/// A server file that names apps.
@Suite struct ManyAppsTests {
    private let tree: TemporaryTree

    init() throws {
        tree = try TemporaryTree(["blog/config.ru": "", "shop/config.ru": ""])
    }

    private func load(
        _ text: String, directory: String? = nil, flags: [String: String] = [:], environment: [String: String] = [:]
    ) throws -> LoadedConfiguration {
        try tree.write("server.yml", text)
        return try ConfigLoader(workingDirectory: tree.path).loadServer(
            arguments: flags, environment: ["HOME": "/home/somebody"].merging(environment) { $1 }, directory: directory,
            serverFile: "server.yml")
    }

    /// As `_inspect` reads it, with the app's own file.
    private func inspect(_ app: ConfiguredApp) throws -> AppSettings {
        try ConfigLoader(workingDirectory: tree.path).loadApp(
            InspectRequest(
                directory: app.location.path, name: app.name, workingDirectory: tree.path,
                operatorLayers: app.operatorLayers)
        ).settings
    }

    @Test func `each app has its own keys, over those of all`() throws {
        let loaded = try load(
            """
            port: 8080
            max_request_queue_size: 7
            apps:
              blog: {root: blog, server_names: [blog.example.com], max_request_queue_size: 9}
              shop: {root: \(tree["shop"]), user: shop, base_uri: /shop}
            """)
        #expect(loaded.servesMany && loaded.refused.isEmpty && loaded.server.listen.first?.port == 8080)
        #expect(loaded.apps.map(\.name.rawValue) == ["blog", "shop"])
        #expect(loaded.apps.map(\.location) == [.inPlace(tree["blog"]), .inPlace(tree["shop"])])
        let (blog, shop) = (loaded.apps[0].settings, loaded.apps[1].settings)
        #expect(blog.serverNames == ["blog.example.com"] && blog.queue.maxRequestQueueSize == 9)
        #expect(shop.users.user == "shop" && shop.http.baseURI == "/shop" && shop.queue.maxRequestQueueSize == 7)
        #expect(try inspect(loaded.apps[0]).queue.maxRequestQueueSize == 9)
        #expect(try inspect(loaded.apps[1]).http.baseURI == "/shop")
    }

    @Test func `the size of the pool is the server's, and an app that says otherwise is told so`() throws {
        let loaded = try load("max_pool_size: 9\napps: {blog: {root: blog, max_pool_size: 3}, shop: {root: shop}}")
        #expect(loaded.maxPoolSize == 9)
        try tree.write("shop/Passengerfile.yml", "max_pool_size: 2")
        for app in loaded.apps {
            let request = InspectRequest(
                directory: app.location.path, name: app.name, workingDirectory: tree.path,
                operatorLayers: app.operatorLayers)
            let read = try ConfigLoader(workingDirectory: tree.path).loadApp(request)
            let warnings = read.warnings
            #expect(read.settings.pool.maxPoolSize == 9)
            #expect(warnings.map(\.key) == ["max_pool_size"] && warnings[0].line != nil)
        }
    }

    @Test func `of many apps none has workers of its own accord, and all are in production`() throws {
        let loaded = try load("apps: {blog: {root: blog}, shop: {root: shop, min_instances: 2}}")
        #expect(loaded.apps.map(\.settings.pool.minInstances) == [0, 2])
        // Who wants workers kept has them started with the server, unless he says otherwise.
        #expect(loaded.apps.map(\.settings.pool.prestart) == [false, true])
        let lazy = try load("apps: {shop: {root: shop, min_instances: 2, prestart: false}}")
        #expect(lazy.apps.map(\.settings.pool.prestart) == [false])
        #expect(
            loaded.apps[0].settings.environment == "production"
                && loaded.server.listen.first?.description == "0.0.0.0:3000")
        #expect(try inspect(loaded.apps[0]).pool.minInstances == 0)
        #expect(try inspect(loaded.apps[0]).environment == "production")
        try tree.write("blog/Passengerfile.yml", "min_instances: 1")
        #expect(try inspect(loaded.apps[0]).pool.minInstances == 1)
    }

    @Test func `what an app's own file may not set is an error that names where it belongs`() throws {
        let blog = try load("apps: {blog: {root: blog}}").apps[0]
        try tree.write("blog/Passengerfile.yml", "base_uri: /admin\n")
        #expect(
            problems { try inspect(blog) }.map(shown) == [
                "1:1 'base_uri' cannot be set here: the server serves several apps. "
                    + "Like server_names it decides which requests are whose: set it in the server file."
            ])
        for text in ["port: 1", "server_names: [shop.example.com]", "user: root"] {
            try tree.write("blog/Passengerfile.yml", text)
            let key = String(text.prefix { $0 != ":" })
            #expect(
                problems { try inspect(blog) }.map(\.message)
                    == ["'\(key)' cannot be set here: the server serves several apps"])
        }
    }

    @Test func `limits bound every app`() throws {
        let loaded = try load("limits: {max_request_queue_size: 5}\napps: {blog: {root: blog}}")
        try tree.write("blog/Passengerfile.yml", "max_request_queue_size: 50")
        #expect(try inspect(loaded.apps[0]).queue.maxRequestQueueSize == 5)
    }

    @Test func `a bad entry is refused with the reason, and the others are not`() throws {
        let loaded = try load(
            """
            apps:
              blog: {root: blog}
              typo: {root: blog, server_name: x}
              port: {root: blog, port: 80}
              gone: {root: nowhere}
              none: {user: x}
              wrong: 5
              "a b": {root: blog}
            """)
        #expect(loaded.apps.map(\.name.rawValue) == ["blog"])
        let reasons = Dictionary(uniqueKeysWithValues: loaded.refused.map { ($0.name.rawValue, $0.reason) })
        #expect(
            reasons["typo"]?.contains("server.yml:3:22: unknown key 'server_name'. Did you mean 'server_names'?")
                == true)
        #expect(reasons["port"]?.contains("'port' cannot be set for one app: it is the whole server's") == true)
        #expect(reasons["gone"]?.contains("nowhere is not a directory") == true)
        #expect(reasons["none"]?.contains("the app 'none' has no 'root'") == true)
        #expect(reasons["wrong"]?.contains("must be a mapping, not '5'") == true)
        #expect(reasons["a-b"]?.contains("'a b' cannot be an app's name") == true)
    }

    @Test func `apps and a directory on the command line are too much`() throws {
        let found = problems { try load("apps: {blog: {root: blog}}", directory: "shop") }
        #expect(found.map(\.message) == ["shop cannot be served beside the apps that the configuration names"])
        #expect(try load("port: 1", directory: "shop").apps.map(\.name.rawValue) == ["shop"])
    }

    @Test func `an entry of apps_dir is called as its host, unless the server file says otherwise`() throws {
        let loaded = try load(
            """
            apps_dir: sites
            apps:
              shop.example.com: {user: shop}
              other: {server_names: [www.example.org]}
            """)
        let directory = try #require(loaded.directory)
        #expect(loaded.apps.isEmpty && loaded.refused.isEmpty && directory.path == tree["sites"])
        func entry(_ name: String) throws -> AppSettings {
            try ConfigLoader(workingDirectory: tree.path).configureEntry(
                #require(AppName(name)), at: .inPlace(tree["blog"]), of: directory, arguments: [:], environment: [:]
            ).settings
        }
        #expect(try entry("blog.example.com").serverNames == ["blog.example.com"])
        #expect(try entry("shop.example.com").serverNames == ["shop.example.com"])
        #expect(try entry("shop.example.com").users.user == "shop")
        #expect(try entry("other").serverNames == ["www.example.org"])
    }
}

extension ManyAppsTests {
    @Test func `roles are an app's, in the server file, and never in the app's own`() throws {
        let loaded = try load(
            """
            roles: {view: "@staff"}
            apps:
              blog: {root: blog, roles: {deploy: [alice, "@ops"], operate: carol}}
              shop: {root: shop}
            """)
        let (blog, shop) = (loaded.apps[0].settings.users.roles, loaded.apps[1].settings.users.roles)
        #expect(blog[.deploy] == ["alice", "@ops"] && blog[.operate] == ["carol"] && blog[.view].isEmpty)
        #expect(shop[.view] == ["@staff"])
        #expect(blog.holders(of: .view) == ["alice", "@ops", "carol"])
        try tree.write("blog/Passengerfile.yml", "roles: {shell: [mallory]}")
        let refused = problems { try inspect(loaded.apps[0]) }
        #expect(refused.first?.message.contains("'roles' cannot be set here") == true, "\(refused)")
    }

    @Test(arguments: [
        ("{admin: [a]}", "'admin' is none of view"), ("[a]", "must be a mapping of roles"),
        ("{view: {a: b}}", "list of users"),
        ("{view: ['a b']}", "'a b' is no user's name"), ("{view: ['@']}", "'@' is no user's name"),
        ("{view: ['-x']}", "'-x' is no user's name"),
    ])
    func `a role that is none is a mistake`(_ value: String, _ message: String) throws {
        let loaded = try load("apps: {blog: {root: blog, roles: \(value)}}")
        #expect(loaded.refused.first?.reason.contains(message) == true, "\(loaded.refused)")
    }
}
