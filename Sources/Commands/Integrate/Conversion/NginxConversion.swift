import AdminAPI

extension Conversion {
    /// A configuration of nginx', whole or a site's file alone.
    mutating func takeNginx(_ statements: [Statement]) {
        let top = Self.spliced(statements)
        let whole = top.filter { $0.name == "http" }
        let level = top.filter { $0.name != "http" } + whole.flatMap { Self.spliced($0.block ?? []) }
        // A file with an `http` block goes on; one that is a site is replaced.
        let kept = Set(whole.map(\.place.file))
        let globals = level.filter { PassengerDirectives.find($0) != nil }
        takeGlobals(globals)
        let isEnabled = Self.isEnabled(globals) ?? false
        var order: [String] = []
        var sites: [String: Site] = [:]
        for server in level where server.name == "server" && (isEnabled || PassengerDirectives.isMentioned(in: server))
        {
            let path = server.place.file
            let names = (server.block ?? []).first { $0.name == "server_name" }?.words ?? []
            let title = names.first { (try? SafeText.serverName($0)) != nil } ?? Self.siteName(path)
            let site = sites[path] ?? Site(id: Site.id(for: title), title: title, socket: file.socket, servers: [])
            if sites[path] == nil { order.append(path) }
            var changed = site
            if let block = nginxServer(server, globals, id: site.id) { changed.servers.append(block) }
            sites[path] = changed
        }
        for path in order {
            guard var site = sites[path], !site.servers.isEmpty else { continue }
            if kept.contains(path) {
                note(
                    Statement(name: "", words: [], written: "", place: .init(file: path, line: 1)),
                    "take out the servers that \(Self.siteName(path)) has now, and passenger_* above them")
            } else {
                let converted = level.filter { isEnabled || PassengerDirectives.isMentioned(in: $0) }.map(\.place)
                site.others = level.filter { $0.place.file == path && !converted.contains($0.place) }
                    .map { Self.nginxText($0) }
            }
            add(site, from: path)
        }
        preStart(globals)
    }

    private mutating func nginxServer(_ server: Statement, _ globals: [Statement], id: String) -> SiteServer? {
        let inner = Self.spliced(server.block ?? [])
        let own = inner.filter { PassengerDirectives.find($0) != nil }
        let locations = inner.filter { $0.name == "location" }
        let main = locations.filter { $0.words == ["/"] && PassengerDirectives.isMentioned(in: $0) }
            .flatMap { Self.spliced($0.block ?? []) }
        var names: [String] = []
        for statement in inner where statement.name == "server_name" {
            names += serverNames(statement.words, statement)
        }
        let root = (inner + main).last { $0.name == "root" }
        guard root.map({ (try? SafeText.path($0.words.first ?? "", "the root")) != nil }) ?? true else {
            let isMany = root?.words.first?.contains("$") == true
            note(
                server,
                "this server is not carried over: "
                    + (isMany ? Self.manyApps : "its root cannot be written again safely"))
            return nil
        }
        var block = SiteServer(
            names: inner.filter { $0.name == "server_name" }.map(\.written),
            listen: inner.filter { $0.name == "listen" }.map(\.written), root: root?.words.first, tls: [], apps: [])
        if block.listen.isEmpty { block.listen = ["80"] }
        block.comments = server.comments
        let scope = globals + own + main
        var app = rootApp(scope, root, names, server, isEnabled: Self.isEnabled(scope) ?? false)
        if app != nil, let files = Self.word("passenger_document_root", scope) ?? root?.words.first {
            block.apps.append(SiteApp(publicDirectory: files))
            block.root = files
        }
        takeLinkedApps(own, root?.words.first, scope, names, &block)
        for location in locations {
            take(location, scope, names, id: id, into: &block, &app)
        }
        for statement in inner + main where statement.name == "client_max_body_size" {
            if let size = Self.size(statement.words.first ?? "") { app?.values["max_request_body"] = size }
        }
        if let app { file.add(app) }
        carry(inner, main, into: &block)
        block.comments += server.after
        guard !block.apps.isEmpty else {
            note(server, "no app of Passenger's is found in this server")
            return nil
        }
        return block
    }

    private mutating func rootApp(
        _ scope: [Statement], _ root: Statement?, _ names: [String], _ server: Statement, isEnabled: Bool
    ) -> FoundApp? {
        guard isEnabled else { return nil }
        let files = Self.word("passenger_document_root", scope) ?? root?.words.first
        // With sub-URIs the root itself may be a plain site.
        let isApp = files?.hasSuffix("/public") == true || scope.allSatisfy { !$0.isNamed("passenger_base_uri") }
        guard let directory = Self.word("passenger_app_root", scope) ?? (isApp ? files.map(Self.parent) : nil) else {
            if isApp { note(server, "this server says neither 'root' nor 'passenger_app_root'") }
            return nil
        }
        guard directory.hasPrefix("/") else {
            note(server, "the app's directory '\(directory)' is not absolute")
            return nil
        }
        var app = FoundApp(root: directory, serverNames: names)
        take(scope, into: &app)
        if let files { setFiles(files, of: &app, root ?? server) }
        return app
    }

    /// `passenger_base_uri` of a server: a link of that name in its root leads to the app's files.
    private mutating func takeLinkedApps(
        _ own: [Statement], _ root: String?, _ scope: [Statement], _ names: [String], _ block: inout SiteServer
    ) {
        for statement in own where statement.name == "passenger_base_uri" {
            guard let base = statement.words.first.flatMap({ try? SafeText.baseURI($0) }), base != "/" else {
                note(statement, "'\(statement.written)' cannot be a base URI here")
                continue
            }
            guard let files = Self.linkedFiles(root, base), (try? SafeText.path(files, "the files")) != nil else {
                note(
                    statement,
                    "the app at \(base) is not carried over: \(root ?? "the root")\(base) leads to no directory here")
                continue
            }
            var app = FoundApp(root: Self.parent(files), baseURI: base, serverNames: names)
            take(scope.filter { !$0.isNamed("passenger_app_root") }, into: &app)
            file.add(app)
            block.apps.append(SiteApp(baseURI: base, publicDirectory: files))
        }
    }

    private mutating func take(
        _ location: Statement, _ scope: [Statement], _ names: [String], id: String, into block: inout SiteServer,
        _ rootApp: inout FoundApp?
    ) {
        let inner = Self.spliced(location.block ?? [])
        let own = inner.filter { PassengerDirectives.find($0) != nil }
        let others = inner.filter { PassengerDirectives.find($0) == nil }
        let isMain = location.words == ["/"]
        guard PassengerDirectives.isMentioned(in: location) else {
            if takeInternal(location, inner, &rootApp) { return block.comments += location.allComments }
            if isMain, rootApp != nil { return takeMain(location, inner, into: &block) }
            // Passenger was on in there as well: what is no file went to the app, and so did former releases' assets.
            let isPassed = rootApp != nil && !inner.contains { Self.answers.contains($0.name) }
            return block.carried.append(
                isPassed ? Self.passing(location, inner, id) : Self.nginxText(location))
        }
        if isMain { return takeMain(location, inner, into: &block) }
        guard Self.isEnabled(own) ?? Self.isEnabled(scope) ?? false else {
            var kept = location
            kept.comments += own.flatMap(\.allComments)
            return block.carried.append(Self.nginxText(kept, without: own))
        }
        let prefix = location.words.first { $0.hasPrefix("/") }.flatMap { try? SafeText.baseURI($0) }
        if own.contains(where: { $0.name == "passenger_base_uri" || $0.name == "passenger_app_root" }) {
            return takeSubURI(location, inner, scope, names, prefix, &block)
        }
        guard var app = rootApp else { return note(location, "the app of this location is not found") }
        takeLocal(own, path: prefix, into: &app)
        rootApp = app
        var kept = location
        kept.comments += own.flatMap(\.allComments)
        guard !others.isEmpty else { return block.comments += kept.comments + kept.after }
        block.carried.append(Self.passing(kept, others, id))
    }

    /// What `location /` says beside Passenger: who may come, what answers get. Here there are two such places, for files and for the
    /// app's answers.
    private mutating func takeMain(_ location: Statement, _ inner: [Statement], into block: inout SiteServer) {
        block.comments += location.comments + location.after
        guard let index = block.apps.firstIndex(where: { $0.baseURI == "/" }) else {
            return note(location, "'location /' is not carried over: there is no app at the root")
        }
        for statement in inner where statement.name != "root" {
            if PassengerDirectives.find(statement) != nil {
                block.comments += Self.homeless(statement)
            } else if Self.isInPlace(statement) {
                block.apps[index].inside.append(Self.nginxText(statement))
                if Self.ofAnswers.contains(statement.name) { block.extra.append(Self.nginxText(statement)) }
            } else {
                block.comments += statement.allComments
                note(statement, "'\(statement.name)' of 'location /' is not carried over")
            }
        }
    }

    /// Whether it can stand in a location that sends files and passes on what is none.
    private static func isInPlace(_ statement: Statement) -> Bool {
        let isOther = statement.name.hasSuffix("_pass") || PassengerDirectives.isMentioned(in: statement)
        return !isOther
            && !["alias", "root", "try_files", "location", "internal", "index", "disable_symlinks"].contains(
                statement.name)
    }

    /// Of requests to the app too, which are answered in a location of their own.
    private static let ofAnswers: Set<String> = [
        "allow", "deny", "satisfy", "auth_basic", "auth_basic_user_file", "auth_request", "limit_req", "limit_conn",
        "add_header", "expires", "error_page", "access_log", "error_log", "limit_rate", "limit_rate_after", "charset",
        "gzip",
        "gzip_types", "more_set_headers", "more_clear_headers",
    ]

    private static func passing(_ location: Statement, _ statements: [Statement], _ id: String) -> String {
        let body = statements.map { nginxText($0) } + ["try_files $\(id)_file @\(id);"]
        return commented(location, "location \(location.written) {\n\(indented(body))\n}")
    }

    /// Statements of a location that has answers, or files, of its own.
    private static let answers: Set<String> = [
        "alias", "root", "location", "try_files", "return", "rewrite", "internal", "proxy_pass", "fastcgi_pass",
        "uwsgi_pass",
        "scgi_pass", "grpc_pass", "memcached_pass", "stub_status", "autoindex", "empty_gif", "mp4", "flv",
        "dav_methods",
        "js_content", "perl", "error_page", "include",
    ]

    private mutating func takeSubURI(
        _ location: Statement, _ inner: [Statement], _ scope: [Statement], _ names: [String], _ prefix: String?,
        _ block: inout SiteServer
    ) {
        block.comments += location.comments + inner.flatMap(Self.homeless) + location.after
        let base = Self.word("passenger_base_uri", inner).flatMap { try? SafeText.baseURI($0) } ?? prefix
        let alias = Self.word("alias", inner).map { $0.prefix { $0 != "$" } }.map(String.init)
        let directory = Self.word("passenger_app_root", inner)
        let files = Self.word("passenger_document_root", inner) ?? alias ?? directory.map { "\($0)/public" }
        guard let base, base != "/", let files = files.flatMap({ try? SafeText.path($0, "the files") }) else {
            return note(
                location, "the app of this location is not carried over: its path or its directory is not found")
        }
        var app = FoundApp(root: directory ?? Self.parent(files), baseURI: base, serverNames: names)
        let outer = scope.filter { !["passenger_app_root", "passenger_base_uri"].contains($0.name) }
        take(outer + inner.filter { PassengerDirectives.find($0) != nil }, into: &app)
        setFiles(files, of: &app, location)
        file.add(app)
        var mounted = SiteApp(baseURI: base, publicDirectory: files)
        for statement in inner where PassengerDirectives.find(statement) == nil {
            if Self.isInPlace(statement) {
                mounted.inside.append(Self.nginxText(statement))
                guard Self.onlyAnswers.contains(statement.name) else { continue }
                note(
                    statement,
                    "'\(statement.name)' of the location of \(base) is for files alone here, not for the app's answers")
            } else if !["alias", "root", "try_files"].contains(statement.name) {
                note(statement, "'\(statement.name)' of the location of \(base) is not carried over")
            }
        }
        block.apps.append(mounted)
    }

    /// They come to nothing in a location that another one answers for.
    private static let onlyAnswers: Set<String> = [
        "add_header", "expires", "more_set_headers", "more_clear_headers", "charset",
    ]

    /// What only X-Accel-Redirect leads to: passenger follows that itself, to directories of the app.
    private mutating func takeInternal(
        _ location: Statement, _ inner: [Statement], _ app: inout FoundApp?
    ) -> Bool {
        guard inner.contains(where: { $0.name == "internal" }), var changed = app,
            let path = location.words.last.flatMap({ try? SafeText.baseURI($0) }),
            let directory = Self.word("alias", inner) ?? Self.word("root", inner).map({ $0 + path }),
            directory.hasPrefix("/"), !directory.contains("$")
        else { return false }
        if let inside = ValueWriter.pathInApp(directory, changed.root), directory.hasPrefix(changed.root + "/") {
            changed.accelRedirects[path] = inside
        } else {
            if !changed.sendfileRoots.contains(directory) { changed.sendfileRoots.append(directory) }
            note(
                location,
                "\(directory) is not in the app: have a link there lead to it, and say accel_redirects: {\(path): LINK}"
            )
        }
        app = changed
        return true
    }

    /// Statements of a server that are not about which app it is for.
    private mutating func carry(_ inner: [Statement], _ main: [Statement], into block: inout SiteServer) {
        var carried: [String] = []
        // What has been found in locations comes last.
        defer { block.carried.insert(contentsOf: carried, at: 0) }
        for statement in inner {
            if let line = Self.proxyLine(statement) {
                block.extra.append(line)
                if statement.name == "passenger_read_timeout" { block.replaced.insert("proxy_read_timeout") }
            }
            let isOurs = ["server_name", "listen", "root", "location"].contains(statement.name)
            guard !isOurs, PassengerDirectives.find(statement) == nil else {
                if statement.name != "location" { block.comments += Self.homeless(statement) }
                continue
            }
            if statement.name == "try_files" {
                block.comments += statement.allComments
                note(statement, "'try_files' is not carried over: what is no file goes to passenger")
            } else if PassengerDirectives.isMentioned(in: statement) {
                note(statement, "'\(statement.name)' with Passenger's directives inside is not carried over")
            } else {
                carried.append(Self.nginxText(statement))
                if Self.inTemplate.contains(statement.name) { block.replaced.insert(statement.name) }
            }
        }
        for statement in main {
            if let line = Self.proxyLine(statement) { block.extra.append(line) }
        }
    }

    /// What the site says as well: the old file's words count.
    private static let inTemplate: Set<String> = [
        "client_max_body_size", "client_header_timeout", "client_body_timeout", "proxy_connect_timeout",
        "proxy_send_timeout", "proxy_read_timeout",
    ]

    private static func proxyLine(_ statement: Statement) -> String? {
        switch statement.name {
        case "passenger_set_header": "proxy_set_header \(statement.written);"
        case "passenger_pass_header": "proxy_pass_header \(statement.written);"
        case "passenger_ignore_headers": "proxy_ignore_headers \(statement.written);"
        case "passenger_ignore_client_abort": "proxy_ignore_client_abort \(statement.written);"
        case "passenger_intercept_errors": "proxy_intercept_errors \(statement.written);"
        case "passenger_read_timeout": "proxy_read_timeout \(statement.written);"
        default: nil
        }
    }

    // MARK: Text

    /// With what is included put in its place, where Passenger is spoken of in it.
    private static func spliced(_ statements: [Statement]) -> [Statement] {
        statements.flatMap { statement in
            guard statement.name == "include", let inner = statement.block,
                PassengerDirectives.isMentioned(in: statement)
            else { return [statement] }
            return spliced(inner).commented(as: statement)
        }
    }

    static func nginxText(_ statement: Statement, without dropped: [Statement] = []) -> String {
        let head = statement.written.isEmpty ? statement.name : "\(statement.name) \(statement.written)"
        guard let block = statement.block, statement.name != "include" else { return commented(statement, "\(head);") }
        let inner = block.filter { inner in !dropped.contains { $0.place == inner.place && $0.name == inner.name } }
        return commented(
            statement, inner.isEmpty ? "\(head) {\n}" : "\(head) {\n\(indented(inner.map { nginxText($0) }))\n}")
    }

    static func commented(_ statement: Statement, _ text: String) -> String {
        (statement.comments + [text] + statement.after).joined(separator: "\n")
    }

    static func indented(_ lines: [String]) -> String {
        lines.flatMap { $0.split(separator: "\n") }.map { "    \($0)" }.joined(separator: "\n")
    }

    private static func isEnabled(_ statements: [Statement]) -> Bool? {
        statements.last { $0.name == "passenger_enabled" }.flatMap { ValueWriter.flag($0.words.first) }
    }

    private static func word(_ name: String, _ statements: [Statement]) -> String? {
        guard let word = statements.last(where: { $0.name == name })?.words.first else { return nil }
        return word.count > 1 && word.hasSuffix("/") ? String(word.dropLast()) : word
    }

    /// `10m`, as our sizes are.
    private static func size(_ word: String) -> String? {
        let digits = word.prefix { ("0"..."9").contains($0) }
        let unit = word.dropFirst(digits.count).lowercased()
        guard !digits.isEmpty, ["", "k", "m", "g"].contains(unit) else { return nil }
        return digits + (unit.isEmpty ? "" : "\(unit.uppercased())B")
    }
}

extension [Statement] {
    /// With the comments of what they take the place of.
    func commented(as statement: Statement) -> [Statement] {
        guard !isEmpty else { return [] }
        var whole = self
        whole[0].comments = statement.comments + whole[0].comments
        whole[whole.count - 1].after += statement.after
        return whole
    }
}
