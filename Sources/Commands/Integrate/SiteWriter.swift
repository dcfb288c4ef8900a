import AdminAPI

/// Makes a site's text of the templates.
struct SiteWriter {
    let server: WebServer
    /// A template by its name, such as `app.conf`.
    let template: (String) throws -> String

    func text(_ site: Site) throws -> String {
        var values = common(site)
        values["for_whom"] = site.title.isEmpty ? "" : " for \(site.title)"
        values["others"] = site.others.joined(separator: "\n\n")
        values["modules"] = modules(site)
        values["servers"] = try site.servers.map { try text($0, of: site) }.joined(separator: "\n")
        return try SiteTemplate(template("site.conf")).filled(values)
    }

    private func text(_ server: SiteServer, of site: Site) throws -> String {
        var values = common(site)
        values["listen"] = self.server == .nginx ? lines("listen", server.listen) : server.listen.joined(separator: " ")
        values["server_names"] = names(server)
        values["root"] = server.root.map { self.server == .nginx ? "root \"\($0)\";" : "DocumentRoot \"\($0)\"" }
        values["tls"] = try server.tls?.joined(separator: "\n") ?? template("no-tls.conf")
        values["carried"] = server.carried.joined(separator: "\n")
        values["extra"] = server.extra.joined(separator: "\n")
        values["apps"] = try server.apps.map { try text($0, of: server, site) }.joined(separator: "\n")
        let frame = without(server.replaced, try template("server.conf"))
        guard !server.redirectFrom.isEmpty else {
            let comments = server.comments.map { "\($0)\n" }.joined()
            return comments + SiteTemplate(frame).filled(values)
        }
        var plain = values
        plain["listen"] =
            self.server == .nginx ? lines("listen", server.redirectFrom) : server.redirectFrom.joined(separator: " ")
        let redirect = SiteTemplate(try template("redirect.conf")).filled(plain)
        return redirect + "\n" + SiteTemplate(frame).filled(values)
    }

    private func text(_ app: SiteApp, of server: SiteServer, _ site: Site) throws -> String {
        var values = common(site)
        values["public"] = "\"\(app.publicDirectory)\""
        values["base_uri"] = app.baseURI
        values["inside"] = app.inside.joined(separator: "\n")
        let isRoot = app.baseURI == "/"
        guard self.server == .apache else {
            if !isRoot { values["public"] = "\"\(app.publicDirectory)/\"" }
            return try SiteTemplate(template(isRoot ? "app.conf" : "sub-uri.conf")).filled(values)
        }
        values["require"] = server.replaced.contains("Require") ? "" : "Require all granted"
        values["allow_override"] =
            server.replaced.contains("AllowOverride") ? "" : "AllowOverride AuthConfig FileInfo Indexes Limit"
        let pattern = "^" + app.baseURI.replacing(".", with: "\\.")
        values["exactly"] = "\(pattern)$"
        values["beneath"] = isRoot ? "^" : "\(pattern)(/|$)"
        values["target_exact"] = target(site, app.baseURI)
        values["target_sent"] = target(site, "%1")
        values["target_rewritten"] = target(site, "%{REQUEST_URI}")
        let mount = isRoot ? "" : try SiteTemplate(template("sub-uri.conf")).filled(values)
        return mount + (try SiteTemplate(template("app.conf")).filled(values))
    }

    private func common(_ site: Site) -> [String: String] {
        [
            "id": site.id, "socket": site.socket, "unix_socket": "\"unix:\(site.socket)\"",
            "backend": target(site, ""),
        ]
    }

    /// As mod_proxy writes a path on a Unix socket. The name is looked up nowhere: it tells sites apart.
    private func target(_ site: Site, _ path: String) -> String {
        "\"unix:\(site.socket)|http://\(site.id.replacing("_", with: "-"))\(path)\""
    }

    private func lines(_ name: String, _ arguments: [String]) -> String {
        arguments.map { "\(name) \($0);" }.joined(separator: "\n")
    }

    private func names(_ server: SiteServer) -> String {
        guard self.server == .apache else { return server.names.isEmpty ? "_" : server.names.joined(separator: " ") }
        // ServerName takes no wildcard.
        let name = server.names.first { !$0.hasPrefix("*") }
        let others = server.names.filter { $0 != name }
        return [name.map { "ServerName \($0)" }, others.isEmpty ? nil : "ServerAlias \(others.joined(separator: " "))"]
            .compactMap(\.self).joined(separator: "\n")
    }

    private func modules(_ site: Site) -> String {
        let speaksTLS = site.servers.contains { $0.tls?.isEmpty == false }
        return "proxy proxy_http rewrite headers" + (speaksTLS ? " ssl http2" : "")
    }

    /// A directive of nginx' may be there once only.
    private func without(_ names: Set<String>, _ text: String) -> String {
        guard !names.isEmpty else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            let word = line.drop { $0 == " " }.prefix { $0 != " " && $0 != ";" }
            return !names.contains(String(word))
        }.joined(separator: "\n")
    }
}
