import Model
import Testing

@testable import AppConfig

@Suite("Keys of the gateway")
struct GatewayKeyTests {
    @Test("Each key ends up in its setting")
    func settings() throws {
        let app = try load(
            """
            base_uri: /shop//eu/
            sticky_sessions: true
            sticky_sessions_cookie_name: route
            sticky_sessions_cookie_attributes: ""
            unlimited_concurrency_paths: [/cable, /poll/]
            abort_websockets_on_process_shutdown: false
            request_buffering: off
            response_buffer_high_watermark: 1MB
            gzip: no
            turbocaching: true
            vary_turbocache_by_cookie: language
            custom_error_page: public/oops.html
            static_files_dir: web
            static_paths: {/assets/: dist/assets}
            accel_redirects: {/protected: storage}
            static_roots: [/srv/media]
            sendfile_roots: media
            deploy: {stream_drain: 2m, asset_overlap: {releases: 3, for: 1h}}
            """
        ).app
        #expect(app.http.baseURI == "/shop/eu")
        #expect(app.http.stickySessions && app.http.stickySessionsCookieName == "route")
        #expect(app.http.stickySessionsCookieAttributes == "")
        #expect(app.http.unlimitedConcurrencyPaths == ["/cable", "/poll"])
        #expect(!app.http.abortWebsocketsOnProcessShutdown && !app.http.requestBuffering && !app.http.gzip)
        #expect(app.http.responseBufferHighWatermark == 1 << 20)
        #expect(app.http.cache.isOn && app.http.cache.varyByCookie == "language")
        #expect(app.http.customErrorPage == "public/oops.html")
        #expect(app.http.files.staticFilesDirectory == "web")
        #expect(app.http.files.staticPaths == ["/assets": "dist/assets"])
        #expect(app.http.files.accelRedirects == ["/protected": "storage"])
        #expect(app.http.files.staticRoots == ["/srv/media"])
        #expect(app.http.files.sendfileRoots.count == 1 && app.http.files.sendfileRoots[0].hasSuffix("/media"))
        #expect(app.deploy.streamDrain == .seconds(120))
        #expect(app.http.files.assetOverlapReleases == 3 && app.http.files.assetOverlapTime == .seconds(3600))
    }

    @Test("They can be flags and variables")
    func text() throws {
        let loaded = try load(
            "",
            flags: ["static-paths": "/assets=dist", "gzip": "false", "ssl-certificate": "a.pem,b.pem", "ssl": "true"],
            environment: [
                "PASSENGER_SET_HEADERS": "{X-A: 1, X-B: '2'}", "PASSENGER_SSL_CERTIFICATE_KEY": "/a.key,/b.key",
                "PASSENGER_DEPLOY_ASSET_OVERLAP": "12h", "PASSENGER_ACCESS_LOG": "json",
            ])
        #expect(loaded.app.http.files.staticPaths == ["/assets": "dist"])
        #expect(!loaded.app.http.gzip)
        #expect(loaded.app.http.setHeaders == ["X-A": "1", "X-B": "2"])
        #expect(loaded.app.http.files.assetOverlapTime == .seconds(12 * 3600))
        #expect(loaded.app.http.files.assetOverlapReleases == 2)
        #expect(loaded.server.accessLog == .json)
        #expect(loaded.server.tls.certificates.map(\.key) == ["/a.key", "/b.key"])
        #expect(loaded.server.tls.certificates[1].chain.hasSuffix("/b.pem"))
    }

    @Test("Keys of the server end up there", arguments: ["text", "json", "off"])
    func server(format: String) throws {
        let server = try load(
            """
            proxy_protocol: true
            access_log: \(format)
            access_log_file: /var/log/access.log
            turbocaching_memory: 1MB
            server_names: [WWW.Example.com, "*.example.org", "[::1]", 10.0.0.1]
            """)
        #expect(server.server.proxyProtocol)
        #expect(server.server.accessLog.rawValue == format)
        #expect(server.server.accessLogFile == "/var/log/access.log")
        #expect(server.server.cacheMemoryLimit == 1 << 20)
        #expect(server.app.serverNames == ["www.example.com", "*.example.org", "[::1]", "10.0.0.1"])
    }

    @Test("A probe is for a name that a host can have")
    func probeHost() throws {
        #expect(try load("server_names: ['*.example.org', example.com]").app.health.host == "example.com")
        #expect(try load("server_names: ['*.example.org']").app.health.host == nil)
    }

    @Test("Static files can be switched off", arguments: ["off", "false", "no"])
    func noStaticFiles(text: String) throws {
        #expect(try load("static_files_dir: \(text)").app.http.files.staticFilesDirectory == nil)
    }

    @Test("Header fields are a mapping or Passenger's list of lines, and merged by name whatever its case")
    func headers() throws {
        let list = try load("set_headers: ['X-Frame-Options: DENY', 'X-Empty:']")
        #expect(list.app.http.setHeaders == ["X-Frame-Options": "DENY", "X-Empty": ""])
        let both = try load("set_headers: {X-A: '1'}", environment: ["PASSENGER_SET_HEADERS": "x-a=2"])
        #expect(both.app.http.setHeaders == ["x-a": "2"])
    }

    @Test("asset_overlap is a number, a time, both, or off")
    func overlap() throws {
        func files(_ text: String) throws -> FileSettings {
            try load("deploy: {asset_overlap: \(text)}").app.http.files
        }
        #expect(try files("5").assetOverlapReleases == 5)
        #expect(try files("off").assetOverlapReleases == 0)
        #expect(try files("{for: 30m}").assetOverlapTime == .seconds(1800))
        #expect(try files("{for: 30m}").assetOverlapReleases == 2)
    }

    @Test("The files of a Next.js app are found, unless the configuration says where they are")
    func nextJS() throws {
        let package = "{\"dependencies\": {\"next\": \"15\"}, \"scripts\": {\"start\": \"next start\"}}"
        let tree = try TemporaryTree(["package.json": package])
        #expect(try load(tree).app.http.files.staticPaths == ["/_next/static": ".next/static"])
        try tree.write("Passengerfile.yml", "static_paths: {/_next/static: build/static}")
        #expect(try load(tree).app.http.files.staticPaths == ["/_next/static": "build/static"])
    }

    @Test(
        "What would break requests or answers is refused, with its place",
        arguments: [
            (
                "base_uri: shop",
                "1:11 'base_uri' must be a path that starts with '/', without '..', '%', query or blanks, not 'shop'. "
                    + "For example: base_uri: /shop"
            ),
            (
                "base_uri: /a/../b",
                "1:11 'base_uri' must be a path that starts with '/', without '..', '%', query or blanks, not '/a/../b'. "
                    + "For example: base_uri: /shop"
            ),
            (
                "server_names: ['*.*.example.com']",
                "1:16 'server_names' must be a list of host names, not '*.*.example.com'. "
                    + "For example: server_names: [www.example.com, '*.example.org']"
            ),
            (
                "sticky_sessions_cookie_name: a b",
                "1:30 'sticky_sessions_cookie_name' must be a cookie's name, not 'a b'. "
                    + "For example: sticky_sessions_cookie_name: _passenger_route"
            ),
            (
                "set_headers: {Content-Length: 3}",
                "1:15 'set_headers': 'Content-Length' belongs to the connection and cannot be set. "
                    + "For example: set_headers: {X-Frame-Options: DENY}"
            ),
            (
                "set_headers: ['X']",
                "1:15 'set_headers': 'X' is not of the form 'Name: value'. "
                    + "For example: set_headers: {X-Frame-Options: DENY}"
            ),
            (
                "set_headers:\n  X-A: \"1\\r\\nX-B: 2\"",
                "2:8 'set_headers': contains a control character. For example: set_headers: {X-Frame-Options: DENY}"
            ),
            (
                "sticky_sessions_cookie_attributes: \"Secure;\\n\"",
                "1:36 'sticky_sessions_cookie_attributes' must be attributes of a cookie, without control characters, "
                    + "not 'Secure;\n'. For example: sticky_sessions_cookie_attributes: SameSite=Lax; Secure;"
            ),
            (
                "static_paths: {/a: ../b}",
                "1:20 'static_paths': '../b' is not a directory inside the app's. "
                    + "For example: static_paths: {/assets: dist/assets}"
            ),
            (
                "deploy: {asset_overlap: {release: 2}}",
                "1:26 'deploy.asset_overlap': 'release' is neither 'releases' nor 'for'. "
                    + "For example: deploy: {asset_overlap: {releases: 2, for: 24h}}"
            ),
        ])
    func refused(text: String, expected: String) {
        #expect(problems { try load(text) }.map(shown) == [expected])
    }

    @Test(
        "An app's own file in a deploy root may not open up places outside of it", arguments: ["static_roots", "ssl"])
    func scope(key: String) throws {
        let tree = try TemporaryTree(["Passengerfile.yml": "\(key): /srv"])
        try tree.makeDirectory(".passenger")
        let found = problems { try load(tree) }
        #expect(found.first?.message.hasPrefix("'\(key)' cannot be set here") == true, "\(found)")
    }

    @Test("What the server file says about places reaches the app's settings")
    func operatorRoots() throws {
        let tree = try TemporaryTree(["app/config.ru": "", "server.yml": "static_roots: [/srv/media]\nport: 1"])
        let layers = try load(tree, "app", serverFile: "server.yml").operatorLayers
        #expect(layers.defaults?.entries.map(\.key) == ["static_roots"])
    }
}
