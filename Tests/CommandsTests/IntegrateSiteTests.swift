import AdminAPI
import ArgumentParser
import Foundation
import Testing

@testable import Commands

/// Sites that are printed anew.
struct IntegrateSiteTests {
    private func text(_ arguments: String...) throws -> String {
        let server = try #require(WebServer(rawValue: arguments[0]))
        let options = try SiteOptions.parse(Array(arguments.dropFirst()))
        return try Self.writer(server).text(try options.site(for: server))
    }

    static func writer(_ server: WebServer) -> SiteWriter {
        SiteWriter(server: server) { name in
            try String(contentsOfFile: "\(SourceTree.path)/templates/\(server.rawValue)/\(name)", encoding: .utf8)
        }
    }

    @Test func `nginx' site has the app's files, names and socket, and no place is left over`() throws {
        let site = try text(
            "nginx", "--server-name", "Blog.example.com", "--server-name", "*.example.org", "--app-root",
            "/srv/my blog",
            "--socket", "/run/x.sock", "--address", "::1", "--port", "8080")
        for line in [
            "server \"unix:/run/x.sock\";", "listen [::1]:8080;", "server_name blog.example.com *.example.org;",
            "root \"/srv/my blog/current/public\";",
            "try_files $passenger_blog_example_com_file @passenger_blog_example_com;",
            "socket_file: /run/x.sock",
        ] {
            #expect(site.contains(line), "\(line)\n\(site)")
        }
        #expect(!site.contains("{{") && !site.contains("}}") && !site.contains("\n\n\n") && site.hasSuffix("}\n"))
    }

    @Test func `Apache's site gives wildcards to ServerAlias, and mounts further apps`() throws {
        let site = try text(
            "apache", "--server-name", "*.example.com", "--server-name", "example.com", "--base-uri", "/shop.old/",
            "--app-root", "/srv/shop", "--sub-uri", "/api=/srv/api")
        for line in [
            "<VirtualHost *:80>", "ServerName example.com\n", "ServerAlias *.example.com\n",
            "Alias /shop.old \"/srv/shop/current/public\"",
            "RewriteRule ^/shop\\.old$ \"unix:/run/passenger/http.sock|http://passenger-example-com/shop.old\" [P]",
            "<Directory \"/srv/api/current/public\">", "RewriteRule ^/api(/|$) ",
        ] {
            #expect(site.contains(line), "\(line)\n\(site)")
        }
        // What the host serves beside them is not ours to say.
        #expect(!site.contains("DocumentRoot") && !site.contains("{{") && !site.contains("\n\n\n"))
    }

    @Test(arguments: WebServer.allCases)
    func `with a certificate the site speaks TLS, and the plain port sends clients there`(_ server: WebServer) throws {
        let site = try text(
            server.rawValue, "--ssl-certificate", "/etc/ssl/a.pem", "--ssl-certificate-key", "/etc/ssl/a.key")
        #expect(site.contains("\"/etc/ssl/a.pem\"") && site.contains("\"/etc/ssl/a.key\"") && site.contains("443"))
        #expect(site.contains("301") && site.contains("80") && !site.contains("--ssl-certificate"))
    }

    @Test(arguments: [
        ["--server-name", "a;b"], ["--server-name", "a b"], ["--server-name", "a\nb"], ["--server-name", ""],
        ["--server-name=-x"], ["--app-root", "/srv/$blog"], ["--app-root", "/srv/\"x"],
        ["--app-root", "/srv/../etc"],
        ["--app-root", "/srv/x\ny"], ["--app-root", "/srv/{x}"], ["--app-root", "/srv/*"],
        ["--app-root", "/srv/%{HTTP_HOST}"],
        ["--public", "/srv/x\\"], ["--base-uri", "shop"], ["--base-uri", "/a b"], ["--base-uri", "/a(b"],
        ["--base-uri", "/a//b"], ["--base-uri", "/a/../b"], ["--base-uri", "/$a"], ["--socket", "/run/a:b"],
        ["--socket", "/run/a|b"], ["--socket", "/run/a b"], ["--address", "1.2.3.4;"], ["--sub-uri", "/shop"],
        ["--sub-uri", "/shop=/srv/`x`"], ["--socket", "/" + String(repeating: "a", count: 107)],
    ])
    func `what would mean something to a web server is refused`(_ arguments: [String]) throws {
        let options = try SiteOptions.parse(arguments)
        for server in WebServer.allCases {
            do {
                _ = try options.site(for: server)
                Issue.record("\(arguments) was taken")
            } catch {
                #expect(error.code == .usage)
            }
        }
    }

    @Test func `a place with a value of several lines indents them, and one without goes with its line`() {
        let template = SiteTemplate("a {\n    {{many}}\n    {{none}}\n\n    x {{one}} y;\n\n    {{none}}\n}\n")
        #expect(
            template.filled(["many": "1;\n\n2;", "one": "{{many}}"])
                == "a {\n    1;\n\n    2;\n\n    x {{many}} y;\n}\n")
    }
}

enum SourceTree {
    /// This file lies in Tests/CommandsTests.
    static let path = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
}
