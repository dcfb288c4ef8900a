import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// Debian's nginx and apache2 with the sites that `passenger integrate` prints.
    @Suite(.serialized) struct WebServerTests {
        private static let asset = "app-0123456789abcdef0123456789abcdef.css"

        @Test(.timeLimit(.minutes(12)), arguments: WebServerSite.Kind.allCases)
        func `deploys behind a web server, its reloads, and an upgrade lose no request`(_ kind: WebServerSite.Kind)
            throws
        {
            let place = try Place()
            let socket = "\(place.path)/http.sock"
            let repository = try TestRepository(.ruby, in: place)
            try FileManager.default.createDirectory(
                atPath: "\(repository.path)/public/assets", withIntermediateDirectories: true)
            try repository.write("public/assets/\(Self.asset)", "of version 1\n")
            try repository.commit()
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let end = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(end.status == 0, "\(end.everything)")
            try server.start(["--min-instances", "2", "--socket-file", socket])
            try server.waitUntilServing(release: "1-", workers: 2)
            let web = try WebServerSite(
                kind, ["--server-name", "test", "--app-root", server.directory], socket: socket, of: server, in: place)
            let kept = try web.get("/assets/\(Self.asset)")
            #expect(kept.line == "of version 1" && kept.headers["cache-control"]?.contains("immutable") == true)
            #expect(kept.headers["x-request-id"] == nil && kept.headers["etag"] != nil)

            let load = try LoadGenerator(port: web.port, in: place)
            try load.waitForTraffic()
            try deploy(2, repository, server, load)
            try repository.git("rm", "-q", "public/assets/\(Self.asset)")
            try deploy(3, repository, server, load)
            var account = try load.stop()
            print("\(kind): deploys, \(account)")
            #expect(account.failures.isEmpty && account.backwards.isEmpty, "\(account)\n\(web.log)\n\(server.log)")
            #expect(account.versions == [1, 2, 3])
            // Its file is gone from `current`; the gateway has it of the release before.
            #expect(try web.get("/assets/\(Self.asset)").line == "of version 1")

            let reloads = try LoadGenerator(port: web.port, in: place, renews: true)
            try reloads.waitForTraffic()
            let workers = try server.workers().compactMap(\.pid).sorted()
            for _ in 0..<3 {
                try web.reload()
                try reloads.waitForTraffic()
            }
            #expect(try server.command("upgrade").status == 0, "\(server.log)")
            try reloads.waitForTraffic()
            // The next core counts a worker when it has answered it.
            try eventually("the same workers, all of them", evidence: { server.log }) {
                try server.workers().compactMap(\.pid).sorted() == workers
            }
            // Both at once.
            try repository.commitVersion(4)
            let deploy = try server.begin(["deploy", "--root", server.directory])
            while !deploy.hasEnded {
                try web.reload()
                try reloads.waitForTraffic(1)
            }
            #expect(try deploy.wait().status == 0, "\(deploy.log)")
            account = try reloads.stop()
            print("\(kind): reloads, \(account)")
            #expect(account.failures.isEmpty && account.backwards.isEmpty, "\(account)\n\(web.log)\n\(server.log)")
            #expect(account.newest == 4)
            try server.stop()
        }

        private func deploy(
            _ version: Int, _ repository: TestRepository, _ server: TestServer, _ load: LoadGenerator
        ) throws {
            try repository.commitVersion(version)
            let end = try server.command("deploy")
            try #require(end.status == 0, "\(end.everything)\n\(server.log)")
            try load.waitForTraffic()
        }

        /// Two apps on one host: a Rack app at its root, and a Python app of another user at /shop.
        private func twoApps(_ socket: String, in place: Place) throws -> TestServer {
            let blog = try place.copyApp(.ruby, as: "blog")
            let shop = try place.copyApp(.python, as: "shop")
            try "shop 1\n".write(toFile: "\(shop)/version.txt", atomically: false, encoding: .utf8)
            for (app, name) in [(blog, "blog"), (shop, "shop")] {
                let directory = "\(app)/public/.well-known"
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                for file in ["file.txt", ".env", ".well-known/known"] {
                    try "\(file) of \(name)\n".write(
                        toFile: "\(app)/public/\(file)", atomically: false, encoding: .utf8)
                }
                AppUser.own(app)
            }
            if OtherUsers.areThere { try OtherUsers.own(shop, by: OtherUsers.app) }
            return try TestServer(
                serverFile: """
                    socket_file: \(socket)
                    apps:
                      blog: {root: \(blog), server_names: [test]}
                      shop: {root: \(shop), server_names: [test], base_uri: /shop}
                    """, in: place)
        }

        @Test(.timeLimit(.minutes(6)), arguments: WebServerSite.Kind.allCases)
        func `two users' apps share a host, each with its files, and the web server sends those`(
            _ kind: WebServerSite.Kind
        ) throws {
            let place = try Place()
            let socket = "\(place.path)/http.sock"
            let server = try twoApps(socket, in: place)
            try server.start(["--socket-file", socket])
            let options = [
                "--server-name", "test", "--app-root", "\(place.path)/blog", "--sub-uri", "/shop=\(place.path)/shop",
            ]
            let web = try WebServerSite(kind, options, socket: socket, of: server, in: place)
            #expect(try web.get("/version").line == "1" && web.get("/").line == "hello from 1")
            #expect(try web.get("/shop/version").line == "shop 1")
            #expect(try web.get("/shop").status == 200 || web.get("/shop").text.contains("no such route"))
            #expect(try web.get("/shopping").text.contains("no such route: /shopping"))
            if OtherUsers.areThere {
                let other = try #require(OtherUsers.find(OtherUsers.app)).uid
                #expect(try web.get("/uid").text.contains("\"uid\":\(AppUser.uid)"))
                #expect(try web.get("/shop/uid").text.contains("\"uid\": \(other)"))
            }
            for (base, name) in [("", "blog"), ("/shop", "shop")] {
                let file = try web.get("\(base)/file.txt")
                #expect(file.line == "file.txt of \(name)")
                #expect(file.headers["server"]?.lowercased().contains(kind.rawValue) == true, "\(file.headers)")
                #expect(try web.get("\(base)/.well-known/known").line == ".well-known/known of \(name)")
                let hidden = try web.get("\(base)/.env")
                #expect(hidden.status == 404 && hidden.text.contains("no such route: /.env"), "\(hidden.text)")
                #expect(try web.get("\(base)/file.txt/more").text.contains("no such route: /file.txt/more"))
                let posted = try HTTPConnection(port: web.port).post("\(base)/file.txt", [1])
                #expect(posted.text.contains("no such route: /file.txt"), "\(posted)")
            }
            // The path and the query come as they were sent.
            let odd = try web.get("/a%2Fb%3Fc%25%20d")
            #expect(
                odd.text == "no such route: /a%2Fb%3Fc%25%20d\n" || odd.text == "no such route: /a/b?c% d\n", "\(odd)")
            #expect(try web.get("/headers?a=%3Fb&c=d%20e").text.contains("\"query\":\"a=%3Fb&c=d%20e\""))
            #expect(try web.get("/status?code=404").status == 404)
            // A path that climbs is the same one to both, or none.
            for climbing in ["/shop/../version", "/shop/%2e%2E/version", "/x/.."] {
                let answer = try web.get(climbing)
                #expect(
                    kind == .nginx
                        ? answer.status == 400 : answer.line == (climbing == "/x/.." ? "hello from 1" : "1"),
                    "\(climbing): \(answer)")
            }
            #expect(try web.get("/version?of=/../x").line == "1")

            // Without the server there is an answer, and with it again at once.
            try server.stop()
            #expect([502, 503].contains(try web.get("/version").status))
            #expect(try web.get("/file.txt").line == "file.txt of blog")
            try server.start(["--socket-file", socket])
            #expect(try web.get("/version").line == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)), arguments: WebServerSite.Kind.allCases)
        func `uploads, downloads and streams pass, and the app sees who asked`(_ kind: WebServerSite.Kind) throws {
            let place = try Place()
            let socket = "\(place.path)/http.sock"
            let server = TestServer(try place.copyApp(.ruby, as: "app"), in: place)
            try server.start(["--socket-file", socket, "--min-instances", "2"])
            try server.waitUntilServing(workers: 2)
            let web = try WebServerSite(
                kind, ["--server-name", "test", "--app-root", server.directory], socket: socket, of: server, in: place)
            let body = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 * $0 >> 7) }
            let file = "\(place.path)/body"
            try Data(body).write(to: URL(fileURLWithPath: file))
            let digest = try Clients.run(["sha256sum", file], in: place).output.prefix { $0 != " " }
            let connection = try HTTPConnection(port: web.port)
            #expect(try connection.post("/echo", body).line == "\(digest) 5000000")
            #expect(try connection.postChunked("/echo", body).line == "\(digest) 5000000")
            let url = "http://127.0.0.1:\(web.port)"
            #expect(
                try Clients.curl(
                    "-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary", "@\(file)",
                    "\(url)/echo",
                    in: place) == "\(digest) 5000000\n")
            #expect(try connection.get("/big?bytes=3000001").body.count == 3_000_001)
            let chunks = (0..<1000).map { "chunk \($0)\n" }.joined()
            #expect(try connection.get("/chunked?chunks=1000").text == chunks)

            // The web server keeps its connections to passenger: each of its processes needs one for clients who come in turn.
            func accepted() throws -> Double {
                let printed = try server.run("metrics", "--root", server.directory)
                let sum = Exposition(printed.output).sum("passenger_connections_accepted_total")
                try #require(sum > 0, "\(printed.everything)")
                return sum
            }
            let before = try accepted()
            for _ in 0..<40 { #expect(try web.get("/version").line == "1") }
            #expect(try accepted() - before <= 8, "40 requests")

            // It never ends: what comes has not been held back.
            do {
                let stream = try HTTPConnection(port: web.port)
                try stream.send("GET /stream HTTP/1.1\r\nHost: test\r\n\r\n")
                #expect(try stream.readLines(until: "tick 2").contains("tick 0"))
            }

            // Another address than the gateway's own word for a client on a Unix socket.
            let other = try Clients.curl(
                "--interface", "127.0.0.2", "-H", "X-Forwarded-For: 6.6.6.6", "\(url)/headers", in: place)
            #expect(other.contains("\"x-forwarded-for\":\"127.0.0.2\""), "\(other)")
            // Nobody chooses his address, and no forged header reaches the app.
            let forged = [
                "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test",
                "X-Forwarded-Port": "1", "X-Forwarded-Ssl": "on", "X-Forwarded-Scheme": "https", "X-Real-IP": "6.6.6.6",
                "X-Forwarded-Prefix": "/evil", "Forwarded": "for=6.6.6.6;proto=https", "X-Sendfile-Type": "X-Sendfile",
                "X-Accel-Mapping": "/=/", "Proxy": "evil.test",
            ]
            let seen = try web.get("/headers", headers: forged).text
            #expect(seen.contains("\"x-forwarded-for\":\"127.0.0.1\""), "\(seen)")
            #expect(seen.contains("\"x-forwarded-proto\":\"http\"") && seen.contains("\"host\":\"test\""), "\(seen)")
            for trace in ["6.6.6.6", "evil", "https", "\"on\"", "x-sendfile-type", "x-accel-mapping"] {
                #expect(!seen.contains(trace), "\(trace): \(seen)")
            }
            // Ours passes it on to clients of one's own making, and both logs have it.
            #expect(seen.contains("\"x-request-id\":"))
            try server.stop()
        }

        /// Redirects to https what did not come that way; sends files by the gateway's hand.
        private static let secureApp = """
            run lambda { |env|
              secure = env['rack.url_scheme'] == 'https'
              case env['PATH_INFO']
              when '/up' then [200, { 'content-type' => 'text/plain' }, ["up\\n"]]
              when '/sendfile'
                [200, { 'content-type' => 'text/plain', 'x-sendfile' => File.join(__dir__, 'storage/paid.txt') }, []]
              when '/accel'
                [200, { 'content-type' => 'text/plain', 'x-accel-redirect' => '/protected/paid.txt' }, []]
              else
                secure ? [200, { 'content-type' => 'text/plain' }, ["secure #{env['HTTP_X_FORWARDED_FOR']}\\n"]] :
                  [301, { 'location' => "https://#{env['HTTP_HOST']}#{env['PATH_INFO']}" }, []]
              end
            }
            """

        @Test(.timeLimit(.minutes(6)), arguments: WebServerSite.Kind.allCases)
        func `an app that insists on https does not loop, and files are sent in its stead`(
            _ kind: WebServerSite.Kind
        ) throws {
            let place = try Place()
            let socket = "\(place.path)/http.sock"
            let app = try place.copyApp(.ruby, as: "app")
            try Self.secureApp.write(toFile: "\(app)/config.ru", atomically: false, encoding: .utf8)
            try "accel_redirects: {/protected: storage}\nhealth: {path: /up}\n".write(
                toFile: "\(app)/Passengerfile.yml", atomically: false, encoding: .utf8)
            mkdir("\(app)/storage", 0o755)
            try "paid for\n".write(toFile: "\(app)/storage/paid.txt", atomically: false, encoding: .utf8)
            AppUser.own(app)
            let server = TestServer(app, in: place)
            try server.start(["--socket-file", socket])
            try server.waitUntilServing()
            let certificate = try Certificate(in: place)
            let web = try WebServerSite(
                kind, ["--server-name", "localhost", "--app-root", app], socket: socket, certificate: certificate,
                of: server, in: place)
            let url = "https://localhost:\(web.securePort)"
            for version in ["--http1.1", "--http2"] {
                let answer = try Clients.curl(
                    version, "--cacert", certificate.chain, "-w", "%{http_version} %{num_redirects}", "-L",
                    "\(url)/page",
                    in: place)
                #expect(answer == "secure 127.0.0.1\n\(version == "--http2" ? "2" : "1.1") 0", "\(answer)")
            }
            for path in ["/sendfile", "/accel"] {
                #expect(try Clients.curl("--cacert", certificate.chain, "\(url)\(path)", in: place) == "paid for\n")
                let part = try Clients.curl("--cacert", certificate.chain, "-r", "5-7", "\(url)\(path)", in: place)
                #expect(part == "for")
            }
            // Without TLS it is the web server that sends clients there.
            let plain = try web.get("/page?a=b", host: "localhost")
            #expect(plain.status == 301 && plain.headers["location"] == "https://localhost/page?a=b", "\(plain)")
            try server.stop()
        }

        @Test(
            .timeLimit(.minutes(6)),
            arguments: [(WebServerSite.Kind.nginx, "ruby"), (.nginx, "node"), (.apache, "ruby"), (.apache, "node")])
        func `WebSockets pass`(_ kind: WebServerSite.Kind, _ language: String) throws {
            let place = try Place()
            let socket = "\(place.path)/http.sock"
            let server = TestServer(try place.copyApp(at: "websocket/\(language)", as: "app"), in: place)
            try server.start(["--socket-file", socket])
            try server.waitUntilServing()
            let web = try WebServerSite(
                kind, ["--server-name", "test", "--app-root", server.directory], socket: socket, of: server, in: place)
            let python = try Clients.python(in: place)
            try Clients.run(
                [python, "\(Clients.directory)/real.py", "websockets", "ws://127.0.0.1:\(web.port)"], in: place)
            #expect(try web.get("/").text == "hello\n")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `an htaccess beside the files has its say before the app`() throws {
            let place = try Place()
            let socket = "\(place.path)/http.sock"
            let server = TestServer(try place.copyApp(.ruby, as: "app"), in: place)
            mkdir("\(server.directory)/public", 0o755)
            let rules = """
                RewriteEngine On
                RewriteRule ^old$ /version [L]
                RewriteRule ^gone/ - [G]
                RewriteRule ^moved/(.*)$ /status?code=418&of=$1 [L]
                RewriteRule ^away$ http://other.test/ [R=302,L]
                Header set X-From-Htaccess yes

                """
            try rules.write(toFile: "\(server.directory)/public/.htaccess", atomically: false, encoding: .utf8)
            try "a file\n".write(
                toFile: "\(server.directory)/public/file.txt", atomically: false, encoding: .utf8)
            AppUser.own(server.directory)
            try server.start(["--socket-file", socket])
            try server.waitUntilServing()
            let web = try WebServerSite(
                .apache, ["--server-name", "test", "--app-root", server.directory], socket: socket, of: server,
                in: place)
            #expect(try web.get("/old").line == "1")
            #expect(try web.get("/gone/far").status == 410)
            #expect(try web.get("/moved/x").line == "status 418")
            #expect(try web.get("/away").headers["location"] == "http://other.test/")
            for path in ["/version", "/file.txt"] {
                #expect(try web.get(path).headers["x-from-htaccess"] == "yes")
            }
            let hidden = try web.get("/.htaccess")
            #expect(hidden.status == 404 && hidden.text.contains("no such route"), "\(hidden)")
            // Changed rules are heeded at once, and touch no worker.
            let workers = try server.workers().compactMap(\.pid)
            try "RewriteEngine On\nRewriteRule ^version$ - [R=503,L]\n".write(
                toFile: "\(server.directory)/public/.htaccess", atomically: false, encoding: .utf8)
            #expect(try web.get("/version").status == 503 && web.get("/pid").status == 200)
            #expect(try server.workers().compactMap(\.pid) == workers)
            try server.stop()
        }

        private static let nginxBefore = """
            server {
                listen 127.0.0.1:PORT;
                server_name test;
                root DIR/blog/public;
                passenger_enabled on;
                passenger_env_var GREETING "hello; \\"you\\"";
                add_header X-Kept yes;
                location /plain/ { passenger_enabled off; alias DIR/plain/; }
                location ~ ^/shop(/.*|$) {
                    alias DIR/shop/public$1;
                    passenger_base_uri /shop;
                    passenger_app_root DIR/shop;
                    passenger_document_root DIR/shop/public;
                }
            }
            server {
                listen 127.0.0.1:PORT;
                server_name members;
                root DIR/blog/public;
                passenger_enabled on;
                location / { deny all; }
            }
            server { listen 127.0.0.1:PORT; server_name other; return 418; }

            """
        private static let apacheBefore = """
            PassengerMaxPoolSize 7
            <VirtualHost 127.0.0.1:PORT>
                ServerName test
                DocumentRoot DIR/blog/public
                SetEnv GREETING "hello; \\"you\\""
                PassengerFriendlyErrorPages off
                Header always set X-Kept yes
                Alias /plain DIR/plain
                <Directory DIR/plain>
                    PassengerEnabled off
                    Require all granted
                </Directory>
                <Directory DIR/blog/public>
                    Require all granted
                    Options -MultiViews
                </Directory>
                Alias /shop DIR/shop/public
                <Directory DIR/shop/public>
                    Require all granted
                </Directory>
                <Location /shop>
                    PassengerBaseURI /shop
                    PassengerAppRoot DIR/shop
                </Location>
            </VirtualHost>
            <VirtualHost 127.0.0.1:PORT>
                ServerName members
                DocumentRoot DIR/blog/public
                PassengerMinInstances 1
                <Directory DIR/blog/public>
                    Require all denied
                </Directory>
            </VirtualHost>
            <VirtualHost 127.0.0.1:PORT>
                ServerName other
                Redirect 410 /
            </VirtualHost>

            """

        @Test(.timeLimit(.minutes(6)), arguments: WebServerSite.Kind.allCases)
        func `what is made of Passenger's configuration serves the same apps`(_ kind: WebServerSite.Kind) throws {
            let place = try Place()
            let socket = "\(place.path)/http.sock"
            _ = try twoApps(socket, in: place)
            try "run ->(env) { [200, {}, [ENV['GREETING'].to_s]] }\n".write(
                toFile: "\(place.path)/blog/config.ru", atomically: false, encoding: .utf8)
            mkdir("\(place.path)/plain", 0o755)
            try "plain\n".write(toFile: "\(place.path)/plain/file.txt", atomically: false, encoding: .utf8)
            let commands = TestServer(place.path, in: place)
            var file = ""
            let web = try WebServerSite(
                kind,
                site: { port in
                    let before = kind == .nginx ? Self.nginxBefore : Self.apacheBefore
                    try before.replacing("DIR", with: place.path).replacing("PORT", with: "\(port)").write(
                        toFile: "\(place.path)/before.conf", atomically: false, encoding: .utf8)
                    let end = try commands.run(
                        "integrate", "--from", "\(place.path)/before.conf", "--socket", socket, "--output",
                        "\(place.path)/new")
                    try #require(end.status == 0 && end.errors.isEmpty, "\(end.everything)")
                    file = text(of: "\(place.path)/new/passenger.yml")
                    return text(of: "\(place.path)/new/before.conf")
                }, in: place)
            let server = try TestServer(serverFile: file, in: place)
            try server.start(["--socket-file", socket])
            #expect(try web.get("/any").text == "hello; \"you\"")
            #expect(
                try web.get("/shop/version").line == "shop 1" && web.get("/shop/file.txt").line == "file.txt of shop")
            #expect(try web.get("/plain/file.txt").line == "plain" && web.get("/plain/none").status == 404)
            let page = try web.get("/file.txt")
            #expect(page.line == "file.txt of blog")
            if kind == .apache { #expect(page.headers["x-kept"] == "yes") }
            #expect(try web.get("/", host: "other").status == (kind == .nginx ? 418 : 410))
            #expect(try web.get("/.env").text == "hello; \"you\"")
            // Whom the old site let in, and nobody else: to files and to the app.
            for path in ["/file.txt", "/any", "/"] {
                #expect(try web.get(path, host: "members").status == 403, "\(path)")
            }
            try server.stop()
        }
    }
}
