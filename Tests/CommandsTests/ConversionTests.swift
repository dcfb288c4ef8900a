import AdminAPI
import Foundation
import Glibc
import Model
import Testing

@testable import AppConfig
@testable import Commands

/// `passenger integrate --from`: what becomes of configuration with Passenger's directives.
struct ConversionTests {
    /// A directory of the test's own, removed at its end.
    private final class Tree {
        let path: String

        init() throws {
            var template = Array("/tmp/cXXXXXX".utf8CString)
            try #require(mkdtemp(&template) != nil)
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ name: String, _ text: String) throws {
            let file = "\(path)/\(name)"
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            // DIR stands for this directory.
            try text.replacing("DIR", with: path).write(toFile: file, atomically: false, encoding: .utf8)
        }
    }

    private let tree: Tree

    init() throws {
        tree = try Tree()
        for app in ["blog", "shop"] { try tree.write("\(app)/public/index.html", "") }
    }

    private func convert(_ name: String, _ server: WebServer? = nil) throws -> ConversionOutput.Result {
        try ConversionOutput(
            path: "\(tree.path)/\(name)", socket: "/run/p.sock", server: server,
            templates: { IntegrateSiteTests.writer($0) }
        ).result()
    }

    /// The server file as the server itself reads it.
    private func loaded(_ result: ConversionOutput.Result) throws -> LoadedConfiguration {
        try tree.write("passenger.yml", try #require(result.files.first).text)
        let loaded = try ConfigLoader(workingDirectory: tree.path).loadServer(
            arguments: [:], environment: ["HOME": "/home/somebody"], directory: nil, serverFile: "passenger.yml")
        #expect(loaded.refused.isEmpty && loaded.warnings.isEmpty, "\(loaded.refused) \(loaded.warnings)")
        return loaded
    }

    private func notes(_ result: ConversionOutput.Result) -> [String] {
        result.notes.map { "\($0.place.file.dropFirst(tree.path.count + 1)):\($0.place.line): \($0.text)" }
    }

    private static let nginxSite = """
        server {
            listen 80;
            server_name blog.example.com;
            return 301 https://$host$request_uri;
        }
        server {
            listen 443 ssl http2;
            server_name blog.example.com .old.example.com ~^x(\\d+)$;
            root DIR/blog/public;
            ssl_certificate /etc/ssl/blog.pem;
            client_max_body_size 50m;
            passenger_enabled on;
            passenger_user blog;
            passenger_min_instances 3;
            passenger_memory_limit 400;
            passenger_env_var DATABASE_URL "postgres://x:y@z/db?a='b'&c=\\"d\\"#${e}";
            passenger_env_var EMPTY "";
            passenger_set_header X-Remote $remote_addr;
            passenger_max_request_time 30;
            passenger_read_timeout 300;
            passenger_debugger on;
            location /cable {
                passenger_app_group_name blog_cable;
                passenger_force_max_concurrent_requests_per_process 0;
            }
            location ^~ /admin { auth_basic "x"; passenger_max_request_time 5; }
            location /static/ { alias /srv/static/; passenger_enabled off; }
            location /files/ { internal; alias /srv/files/; }
            location /paid { internal; root DIR/blog/storage; }
            location ~ ^/shop(/.*|$) {
                alias DIR/shop/public$1;
                passenger_base_uri /shop;
                passenger_app_root DIR/shop;
                passenger_document_root DIR/shop/public;
                passenger_user shop;
                passenger_startup_file DIR/shop/bin/app.js;
            }
            location ~ \\.php$ { return 404; }
            location ~* \\.(css|js)$ { expires 1y; }
        }

        """

    @Test func `a whole configuration of nginx becomes a server file and a site, with what is left to do`() throws {
        try tree.write("nginx/sites-enabled/blog", Self.nginxSite)
        try tree.write(
            "nginx/nginx.conf",
            """
            events { worker_connections 10; }
            http {
                passenger_root /usr/lib/x;
                passenger_max_pool_size 12;
                passenger_default_user www-data;
                passenger_pre_start http://blog.example.com/shop/;
                include sites-enabled/*;
            }

            """)
        let result = try convert("nginx/nginx.conf")
        #expect(result.files.map(\.name) == ["passenger.yml", "blog.conf"])
        let loaded = try loaded(result)
        #expect(loaded.server.listen == [.unix(path: "/run/p.sock")] && loaded.maxPoolSize == 12)
        let apps = Dictionary(uniqueKeysWithValues: loaded.apps.map { ($0.name.rawValue, $0.settings) })
        let blog = try #require(apps["blog.example.com"])
        #expect(blog.directory == "\(tree.path)/blog" && blog.users.user == "blog")
        #expect(blog.serverNames == ["blog.example.com", "old.example.com", "*.old.example.com"])
        #expect(blog.pool.minInstances == 3 && blog.pool.memoryLimit == 400 << 20)
        #expect(blog.variables == ["DATABASE_URL": "postgres://x:y@z/db?a='b'&c=\"d\"#${e}", "EMPTY": ""])
        #expect(blog.http.maxRequestTime == .seconds(30) && blog.http.maxRequestBody == 50 << 20)
        #expect(blog.http.unlimitedConcurrencyPaths == ["/cable"])
        #expect(
            blog.http.files.accelRedirects == ["/paid": "storage/paid"]
                && blog.http.files.sendfileRoots == ["/srv/files"])
        let shop = try #require(apps["blog.example.com-shop"])
        #expect(shop.directory == "\(tree.path)/shop" && shop.http.baseURI == "/shop" && shop.users.user == "shop")
        #expect(
            result.files[0].text.contains("startup_file: \"bin/app.js\"") && shop.http.maxRequestTime == .seconds(30))

        let site = result.files[1].text
        for line in [
            "return 301 https://$host$request_uri;", "listen 443 ssl http2;", "root \"\(tree.path)/blog/public\";",
            "server_name blog.example.com .old.example.com ~^x(\\d+)$;", "ssl_certificate /etc/ssl/blog.pem;",
            "client_max_body_size 50m;", "auth_basic \"x\";", "alias /srv/static/;", "location ~ \\.php$ {",
            "location ^~ /shop/ {", "alias \"\(tree.path)/shop/public/\";", "proxy_set_header X-Remote $remote_addr;",
            "proxy_read_timeout 300;",
            "expires 1y;\n        try_files $passenger_blog_example_com_file @passenger_blog_example_com;",
            "alias /srv/static/;\n    }", "return 404;\n    }",
        ] {
            #expect(site.contains(line), "\(line)\n\(site)")
        }
        for gone in ["passenger_enabled", "client_max_body_size 1g", "proxy_read_timeout 1h", "internal;", "{{"] {
            #expect(!site.contains(gone), "\(gone)\n\(site)")
        }
        #expect(
            notes(result) == [
                "nginx/nginx.conf:5: passenger_default_user has no counterpart: An app runs as its `user`, or as the owner of its directory.",
                "nginx/sites-enabled/blog:8: '~^x(\\d+)$' cannot be one of 'server_names' here",
                "nginx/sites-enabled/blog:21: passenger_debugger has no counterpart: Enterprise's.",
                "nginx/sites-enabled/blog:26: passenger_max_request_time for /admin: 'max_request_time' is the whole app's here",
                "nginx/sites-enabled/blog:28: /srv/files is not in the app: have a link there lead to it, and say accel_redirects: {/files: LINK}",
            ])
    }

    private static let apacheSite = """
        LoadModule passenger_module /x/mod_passenger.so
        <IfModule mod_passenger.c>
          PassengerRoot /usr/x
          PassengerMaxPoolSize 10
          PassengerLveMinUid 500
        </IfModule>
        Define BASE DIR/blog
        <VirtualHost *:80>
          ServerName blog.example.com:80
          Redirect permanent / https://blog.example.com/
        </VirtualHost>
        <IfModule mod_ssl.c>
        <VirtualHost *:443>
          ServerName https://blog.example.com
          ServerAlias www.blog.example.com \\
             *.blog.example.com
          DocumentRoot ${BASE}/public
          SSLCertificateFile "/etc/ssl/b log.pem"
          SetEnv SECRET "abc \\"def\\": #x"
          passengeruser blog
          PassengerMinInstances 2
          PassengerErrorOverride on
          XSendFile On
          XSendFilePath /srv/media/
          <Directory DIR/blog/public>
            AllowOverride all
            PassengerMaxRequests 1000
          </Directory>
          <Location /cable>
            PassengerForceMaxConcurrentRequestsPerProcess 0
          </Location>
          Alias /shop DIR/shop/public
          <Location /shop>
            PassengerBaseURI /shop
            PassengerAppRoot DIR/shop
            PassengerAppType wsgi
            SetEnv SECRET theirs
          </Location>
          <Directory /usr/share/phpmyadmin>
             PassengerEnabled off
             Require local
          </Directory>
        </VirtualHost>
        </IfModule>

        """

    @Test func `a site of Apache's becomes a server file and a site, with what is left to do`() throws {
        try tree.write("site.conf", Self.apacheSite)
        let result = try convert("site.conf")
        let loaded = try loaded(result)
        #expect(loaded.maxPoolSize == 10)
        let apps = Dictionary(uniqueKeysWithValues: loaded.apps.map { ($0.name.rawValue, $0.settings) })
        let blog = try #require(apps["blog.example.com"])
        #expect(blog.directory == "\(tree.path)/blog" && blog.users.user == "blog" && blog.pool.maxRequests == 1000)
        #expect(blog.serverNames == ["blog.example.com", "www.blog.example.com", "*.blog.example.com"])
        #expect(blog.variables == ["SECRET": "abc \"def\": #x"] && blog.http.files.sendfileRoots == ["/srv/media"])
        #expect(blog.http.unlimitedConcurrencyPaths == ["/cable"])
        let shop = try #require(apps["blog.example.com-shop"])
        #expect(result.files[0].text.contains("    app_type: wsgi\n"))
        #expect(shop.http.baseURI == "/shop" && shop.variables == ["SECRET": "theirs"])
        #expect(shop.pool.minInstances == 2)

        let site = result.files[1].text
        for line in [
            "<VirtualHost *:443>", "ServerName blog.example.com\n", "Redirect permanent / https://blog.example.com/",
            "SSLCertificateFile \"/etc/ssl/b log.pem\"", "AllowOverride all",
            "DocumentRoot \"\(tree.path)/blog/public\"",
            "Require local\n        RewriteEngine Off", "Alias /shop \"\(tree.path)/shop/public\"",
            "ProxyErrorOverride On",
            "Define BASE ",
        ] {
            #expect(site.contains(line), "\(line)\n\(site)")
        }
        for gone in [
            "PassengerMin", "passengeruser", "XSendFile", "mod_passenger", "SECRET", "AllowOverride AuthConfig", "{{",
        ] {
            #expect(!site.contains(gone), "\(gone)\n\(site)")
        }
        #expect(
            notes(result) == [
                "site.conf:5: PassengerLveMinUid has no counterpart: CloudLinux' LVE and CageFS are not supported."
            ])
    }

    @Test func `macros of Apache's are written out where they are used`() throws {
        try tree.write(
            "conf/macros.conf",
            """
            # One site a line.
            <Macro Site $name $na %{dir}>
              # Of $name.
              <VirtualHost *:80>
                ServerName $name
                ServerAlias www.$name $na
                DocumentRoot %{dir}/public
                Use Limits $na 3
                PassengerLveMinUid 1
              </VirtualHost>
            </Macro>
            <Macro Limits $name $count>
              PassengerMinInstances $count
              SetEnv WHO "$name $$"
            </Macro>
            <Macro Plain>
              Require local
            </Macro>
            """)
        try tree.write(
            "sites-enabled/all.conf",
            """
            # The blog.
            use site blog.test "blog.lan" DIR/blog
            Use Site shop.test shop.lan DIR/shop # not a comment
            Use Nowhere x
            UndefMacro Limits
            """)
        try tree.write("apache2.conf", "Include conf/macros.conf\nInclude sites-enabled/*.conf\n")
        var result = try convert("apache2.conf", .apache)
        #expect(
            notes(result) == [
                "sites-enabled/all.conf:3: the macro 'Site' takes 3 arguments, and gets 7",
                "sites-enabled/all.conf:4: the macro 'Nowhere' is not found here: what it says is not looked at",
                "sites-enabled/all.conf:2: PassengerLveMinUid has no counterpart: CloudLinux' LVE and CageFS are not supported.",
            ])
        let description = try #require(result.notes.last).description
        #expect(
            description.contains("all.conf:2 (macro Site, \(tree.path)/conf/macros.conf:9): Pass"), "\(description)")
        var apps = try loaded(result).apps.map(\.settings)
        #expect(
            apps.map(\.serverNames) == [["blog.test", "www.blog.test", "blog.lan"]] && apps[0].pool.minInstances == 3)
        #expect(apps[0].variables == ["WHO": "blog.lan $$"])
        let site = try #require(result.files.first { $0.name == "all.conf" }).text
        for line in [
            "# The blog.\n# Of blog.test.\n<VirtualHost *:80>", "ServerAlias www.blog.test blog.lan", "Use Nowhere x",
        ] {
            #expect(site.contains(line), "\(line)\n\(site)")
        }
        #expect(!site.contains("Use Site blog") && !site.contains("Use Limits") && !site.contains("<Macro"), "\(site)")

        // In the site's own file, where the definition goes with it unless Passenger is spoken of in it.
        try tree.write(
            "one.conf",
            "<Macro Loop>\nUse Loop\n</Macro>\n<Macro P $d>\nPassengerAppRoot $d\n</Macro>\n<Macro Plain>\nRequire local\n</Macro>\n"
                + "<VirtualHost *:80>\nServerName a.test\nDocumentRoot DIR/blog/public\nUse P DIR/blog\nUse Loop\n"
                + "<Location /x>\nUse Plain\n</Location>\n</VirtualHost>\n")
        result = try convert("one.conf", .apache)
        apps = try loaded(result).apps.map(\.settings)
        #expect(apps.map(\.directory) == ["\(tree.path)/blog"])
        let one = result.files[1].text
        for line in ["<Macro Plain>\n    Require local\n</Macro>", "<Location /x>\n        Require local\n"] {
            #expect(one.contains(line), "\(line)\n\(one)")
        }
        #expect(!one.contains("PassengerAppRoot"))
        #expect(
            notes(result).contains("one.conf:14: the macro 'loop' uses itself")
                || notes(result).contains { $0.contains("'loop' uses itself") }, "\(notes(result))")
        #expect(
            notes(result).contains("one.conf:4: the macro 'P' is written out where it is used here"), "\(notes(result))"
        )
    }

    @Test func `macros that make more of themselves end at a bound`() throws {
        var text = "<Macro M0>\n" + String(repeating: "ServerAlias x\n", count: 40) + "</Macro>\n"
        for level in 1...10 {
            text += "<Macro M\(level)>\n" + String(repeating: "Use M\(level - 1)\n", count: 40) + "</Macro>\n"
        }
        try tree.write(
            "bomb.conf",
            text + "<VirtualHost *:80>\nDocumentRoot DIR/blog/public\nPassengerUser x\nUse M10\n</VirtualHost>\n")
        let result = try convert("bomb.conf", .apache)
        #expect(notes(result).contains { $0.contains("macros make too many statements") })
    }

    @Test(arguments: [
        ("^/shop(/.*)?$", "$1", true), ("^/shop/?(.*)$", "/$1", true), ("^/shop(.*)", "$1", true),
        ("^/shop/?$", "", true),
        ("^/(shop|store)(.*)$", "$2", false), ("^/sh.p(.*)$", "$1", false), ("/shop(.*)$", "$1", false),
    ])
    func `an AliasMatch that is an Alias leads to an app as one does`(
        _ pattern: String, _ rest: String, _ isPlain: Bool
    ) throws {
        try tree.write(
            "site.conf",
            """
            <VirtualHost *:80>
              ServerName a.test
              DocumentRoot DIR/blog/public
              AliasMatch \(pattern) DIR/shop/public\(rest)
              ScriptAliasMatch ^/cgi/(.*) /usr/lib/cgi-bin/$1
              <Location /shop>
                PassengerBaseURI /shop
              </Location>
            </VirtualHost>
            """)
        let result = try convert("site.conf")
        let site = result.files[1].text
        #expect(site.contains("ScriptAliasMatch ^/cgi/(.*) /usr/lib/cgi-bin/$1"))
        #expect(site.contains("AliasMatch \(pattern)") == !isPlain, "\(site)")
        let shop = try loaded(result).apps.first { $0.settings.http.baseURI == "/shop" }
        #expect((shop?.settings.directory == "\(tree.path)/shop") == isPlain)
        #expect(notes(result).contains { $0.contains("its files are not found") } == !isPlain, "\(notes(result))")
    }

    @Test func `what location / says of who may come holds for files and for the app`() throws {
        try tree.write(
            "site.conf",
            """
            server {
                server_name a.test;
                root DIR/blog/public;
                passenger_enabled on;
                passenger_ruby /usr/bin/passenger_free_ruby;
                location / {
                    auth_basic "Members"; # since the leak
                    auth_basic_user_file /etc/htpasswd;
                    add_header X-Frame-Options DENY;
                    rewrite ^/old /new;
                    proxy_pass http://x;
                    try_files $uri =404;
                }
                location /shop {
                    alias DIR/shop/public;
                    passenger_base_uri /shop;
                    passenger_app_root DIR/shop;
                    allow 10.0.0.0/8;
                    deny all;
                    expires 1d;
                }
            }
            """)
        let result = try convert("site.conf")
        #expect(!result.files[0].text.contains("ruby"), "\(result.files[0].text)")
        let site = result.files[1].text
        #expect(
            site.contains(
                "location / {\n        # since the leak\n        auth_basic \"Members\";\n        auth_basic_user_file /etc/htpasswd;\n"
                    + "        add_header X-Frame-Options DENY;\n        rewrite ^/old /new;\n        try_files $passenger"
            ),
            "\(site)")
        let named = site[try #require(site.range(of: "location @")).lowerBound...]
        #expect(named.contains("auth_basic_user_file /etc/htpasswd;") && named.contains("X-Frame-Options"))
        #expect(!named.contains("rewrite ^/old") && !site.contains("proxy_pass http://x"))
        for location in [
            "location = /shop {\n", "location ^~ /shop/ {\n        alias \"\(tree.path)/shop/public/\";\n",
        ] {
            #expect(site.contains("\(location)        allow 10.0.0.0/8;\n        deny all;\n"), "\(location)\n\(site)")
        }
        #expect(
            notes(result) == [
                "site.conf:11: 'proxy_pass' of 'location /' is not carried over",
                "site.conf:12: 'try_files' of 'location /' is not carried over",
                "site.conf:20: 'expires' of the location of /shop is for files alone here, not for the app's answers",
            ], "\(notes(result))")
    }

    @Test(arguments: [
        "server { server_name ~^(?<a>.+)\\.x$; root /srv/$a/public; passenger_enabled on; }\nserver { root DIR/blog/public; passenger_enabled on; }",
        "<VirtualHost *:80>\nPassengerMinInstances 1\nVirtualDocumentRoot /srv/%1/public\n</VirtualHost>\n"
            + "<VirtualHost *:80>\nPassengerMinInstances 1\nDocumentRoot DIR/blog/public\n</VirtualHost>\n",
    ])
    func `a site of as many apps as there are directories is told what it is here`(_ text: String) throws {
        try tree.write("site.conf", text)
        let result = try convert("site.conf")
        #expect(
            notes(result).contains { $0.hasPrefix("site.conf:1: ") && $0.contains("'apps_dir'") }, "\(notes(result))")
        #expect(try loaded(result).apps.count == 1)
    }

    /// Of two sections for a directory the later one has the last word, and one for a directory inside of it as well.
    @Test(arguments: ["DIR/blog/public", "DIR/blog", "DIR"])
    func `who may come to a site of Apache's is said by the old configuration alone`(_ directory: String) throws {
        try tree.write(
            "site.conf",
            """
            PassengerDefaultRuby /usr/bin/passenger_free_ruby
            <Directory \(directory)>
              Require valid-user
              AllowOverride None
            </Directory>
            <VirtualHost *:80>
              ServerName a.test
              DocumentRoot DIR/blog/public
              PassengerMinInstances 1
              <Directory \(directory)>
                Require ip 10.0.0.0/8
              </Directory>
            </VirtualHost>
            """)
        let result = try convert("site.conf")
        let site = result.files[1].text
        #expect(!site.contains("Require all granted") && !site.contains("AllowOverride AuthConfig"), "\(site)")
        #expect(site.contains("Require valid-user") && site.contains("Require ip 10.0.0.0/8"))
        #expect(!result.files[0].text.contains("ruby"), "\(result.files[0].text)")
    }

    @Test func `comments stay with what they are about, in the site or in the server file`() throws {
        try tree.write(
            "site.conf",
            """
            # Written by the admins.
            map $x $y { default 1; } # of the map
            # The blog's own.
            server {
                # 443 is elsewhere
                listen 80;
                server_name blog.test;
                root DIR/blog/public;
                passenger_enabled on; # since 2014
                # It leaks.
                passenger_memory_limit 400;
                passenger_env_var KEY value; # from the vault
                # A year.
                location /assets { expires 1y; # one
                    # passenger_app_root /old;
                }
                # Nobody else.
                location /cable { passenger_force_max_concurrent_requests_per_process 0; }
                # The end. {{id}}
            }
            """)
        let result = try convert("site.conf")
        let file = result.files[0].text
        for text in ["    # It leaks.\n    memory_limit: ", "      # from the vault\n      \"KEY\": \"value\""] {
            #expect(file.contains(text), "\(text)\n\(file)")
        }
        #expect(try loaded(result).apps[0].settings.pool.memoryLimit == 400 << 20)
        let site = result.files[1].text
        for text in [
            "# Written by the admins.\n# of the map\nmap $x $y {", "\n# The blog's own.\n", "# 443 is elsewhere\n",
            "# since 2014\n", "# Nobody else.\n", "# The end. {{id}}\n",
            "# A year.\n    location /assets {\n        # one\n        expires 1y;\n        # passenger_app_root /old;\n",
        ] {
            #expect(site.contains(text), "\(text)\n\(site)")
        }
        // Whoever reads it finds each once.
        for word in ["admins", "blog's own", "leaks", "vault", "A year", "The end", "2014"] {
            let count = (file + site).components(separatedBy: word).count - 1
            #expect(count == 1, "\(word): \(count)\n\(file)\n\(site)")
        }
    }

    @Test func `a link in the document root is an app at that path, as it was`() throws {
        mkdir("\(tree.path)/www", 0o755)
        symlink("\(tree.path)/shop/public", "\(tree.path)/www/shop")
        try tree.write(
            "site.conf",
            "server { server_name a.test; root DIR/www; passenger_enabled on; passenger_base_uri /shop;\npassenger_base_uri /none; }"
        )
        let result = try convert("site.conf")
        let apps = try loaded(result).apps
        #expect(apps.map(\.settings.directory) == ["\(tree.path)/shop"] && apps[0].settings.http.baseURI == "/shop")
        #expect(notes(result).contains { $0.hasPrefix("site.conf:2: the app at /none is not carried over") })
        #expect(result.files[1].text.contains("root \"\(tree.path)/www\";"))
    }

    @Test(arguments: [
        "passenger_min_instances many;", "passenger_start_timeout 1m;", "passenger_custom_error_page /etc/page.html;",
        "passenger_env_var 'A B' c;", "passenger_spawn_method fast;", "passenger_user 'a b';",
    ])
    func `what cannot be a value here is said, and not written`(_ directive: String) throws {
        try tree.write("site.conf", "server { root DIR/blog/public; passenger_enabled on;\n\(directive) }")
        let result = try convert("site.conf")
        #expect(notes(result).count == 1 && notes(result)[0].hasPrefix("site.conf:2: "), "\(notes(result))")
        #expect(try loaded(result).apps.count == 1)
    }

    @Test(arguments: [
        "\"/srv/$app/public\"", "'/srv/{a}/public'", "'/srv/a\"b/public'", "'/srv/a\nb/public'", "/srv/../public",
        "relative",
    ])
    func `a directory that a site could not name is not carried over`(_ root: String) throws {
        try tree.write(
            "site.conf",
            "server { root \(root); passenger_enabled on; }\nserver { root DIR/blog/public; passenger_enabled on; }")
        let result = try convert("site.conf")
        #expect(notes(result).contains { $0.contains("not carried over") })
        #expect(try loaded(result).apps.map(\.settings.directory) == ["\(tree.path)/blog"])
    }

    @Test func `an app's value never becomes more than a value`() throws {
        let evil = "x\\n  root: /\\napps: {}"
        try tree.write(
            "site.conf",
            "server { root DIR/blog/public; passenger_enabled on; passenger_env_var A \"\(evil)\"; passenger_app_start_command \"\(evil) \\\"]}\"; }"
        )
        let result = try convert("site.conf")
        let app = try #require(try loaded(result).apps.first).settings
        #expect(app.variables == ["A": "x\n  root: /\napps: {}"] && app.directory == "\(tree.path)/blog")
    }

    @Test func `a file that includes itself, that is too large or no file, ends the reading`() throws {
        try tree.write("a.conf", "include a.conf;\nserver { root DIR/blog/public; passenger_enabled on; }")
        let result = try convert("a.conf", .nginx)
        #expect(notes(result).contains { $0.contains("include each other too deep") } && result.files.count > 1)
        try tree.write("big.conf", String(repeating: "# passenger_enabled\n", count: 60_000))
        #expect(throws: ControlError.self) { try self.convert("big.conf", .nginx) }
        #expect(throws: ControlError.self) { try self.convert("blog", .nginx) }
        #expect(mkfifo("\(tree.path)/fifo", 0o600) == 0)
        #expect(throws: ControlError.self) { try self.convert("fifo", .apache) }
        try tree.write("plain.conf", "server { listen 80; }")
        #expect(throws: ControlError.self) { try self.convert("plain.conf") }
    }

    @Test func `what others can have put there is not read for root`() throws {
        try tree.write("etc/sites-enabled/own", "server { root DIR/blog/public; passenger_enabled on; }")
        try tree.write("home/theirs", "server { root DIR/shop/public; passenger_enabled on; }")
        symlink("\(tree.path)/home/theirs", "\(tree.path)/etc/sites-enabled/theirs")
        try tree.write("etc/nginx.conf", "http { include sites-enabled/*; }")
        chmod("\(tree.path)/home", 0o777)
        let result = try convert("etc/nginx.conf")
        #expect(try loaded(result).apps.map(\.settings.directory) == ["\(tree.path)/blog"])
        #expect(notes(result).contains { $0.contains("theirs is not read: others may write in") }, "\(notes(result))")
    }

    @Test func `files are written where there are none, all or nothing`() throws {
        try tree.write("site.conf", "server { root DIR/blog/public; passenger_enabled on; }")
        let result = try convert("site.conf")
        let output = "\(tree.path)/new"
        try ConversionOutput.write(result, to: output)
        #expect(try FileManager.default.contentsOfDirectory(atPath: output).sorted() == ["passenger.yml", "site.conf"])
        try "mine".write(toFile: "\(output)/site.conf", atomically: false, encoding: .utf8)
        unlink("\(output)/passenger.yml")
        let error = #expect(throws: ControlError.self) { try ConversionOutput.write(result, to: output) }
        #expect(error?.code == .refused)
        #expect(try FileManager.default.contentsOfDirectory(atPath: output) == ["site.conf"])
        #expect(try String(contentsOfFile: "\(output)/site.conf", encoding: .utf8) == "mine")
        // One that cannot be written takes those before it with it.
        var unfit = result
        unfit.files.append((name: "not-there/site.conf", text: ""))
        let failure = #expect(throws: ControlError.self) {
            try ConversionOutput.write(unfit, to: "\(tree.path)/other")
        }
        #expect(failure?.code == .failed)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(tree.path)/other") == [])
    }

    /// Statements by the hundred, of which no one makes sense with the others.
    @Test
    func `whatever is in a configuration, what comes of it can be read again, and nothing of Passenger's is left`()
        throws
    {
        var state: UInt64 = 0x5EED
        func any<Element>(_ elements: [Element]) -> Element {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return elements[Int(state >> 33) % elements.count]
        }
        let words = [
            "on", "off", "5", "/srv/a", "'a \"b\"'", "\"x\\n y\"", "/x", "$y", "rack", "smart", "é", "-1", "{}",
        ]
        let nginxNames =
            PassengerDirectives.all.compactMap(\.nginx) + ["add_header", "root", "alias", "server_name", "internal"]
        let apacheNames =
            PassengerDirectives.all.compactMap(\.apache) + [
                "SetEnv", "Alias", "Header", "ServerAlias", "XSendFilePath",
            ]
        var converted = 0
        for round in 0..<150 {
            func nginx() -> String {
                (0..<4).map { _ in "\(any(nginxNames)) \(any(words.filter { $0 != "{}" })) \(any(["", "z"]));" }.joined(
                    separator: "\n")
            }
            func apache() -> String {
                (0..<4).map { _ in "\(any(apacheNames)) \(any(words)) \(any(["", "z"]))" }.joined(separator: "\n")
            }
            let place = any(["/", "/cable", "~ ^/x", "= /y", "^~ /files/"])
            try tree.write(
                "n.conf",
                """
                \(nginx())
                server { server_name a.test; root DIR/blog/public; passenger_enabled on;
                \(nginx())
                location \(place) { \(nginx()) } location /z { passenger_enabled on; \(nginx()) } }
                server { root DIR/shop/public; passenger_enabled on; }
                """)
            try tree.write(
                "a.conf",
                """
                \(apache())
                <VirtualHost *:80>
                DocumentRoot DIR/blog/public
                \(apache())
                <Location \(any(["/", "/shop", "/cable"]))>
                \(apache())
                </Location>
                <Directory \(any(["DIR/blog/public", "/srv"]))>
                \(apache())
                </Directory>
                </VirtualHost>
                <VirtualHost *:81>
                DocumentRoot DIR/shop/public
                PassengerEnabled on
                </VirtualHost>
                """)
            for (name, server) in [("n.conf", WebServer.nginx), ("a.conf", .apache)] {
                // Where every server's directory is nonsense, there is nothing to convert, which is said.
                guard let result = try? convert(name, server) else { continue }
                converted += 1
                try tree.write("passenger.yml", result.files[0].text)
                // Values may be wrong together, which is said of an app; the file itself is one.
                #expect(throws: Never.self, "round \(round)\n\(result.files[0].text)") {
                    _ = try ConfigLoader(workingDirectory: tree.path).loadServer(
                        arguments: [:], environment: ["HOME": "/home/x"], directory: nil, serverFile: "passenger.yml")
                }
                let statements =
                    server == .nginx
                    ? try NginxSyntax.statements(result.files[1].text, file: "f")
                    : try ApacheSyntax.statements(result.files[1].text, file: "f")
                #expect(
                    !statements.contains { PassengerDirectives.isMentioned(in: $0) },
                    "round \(round)\n\(result.files[1].text)")
            }
        }
        #expect(converted > 150, "\(converted) of 300")
    }
}
