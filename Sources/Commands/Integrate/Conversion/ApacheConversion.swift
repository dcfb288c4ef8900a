import AdminAPI

extension Conversion {
    /// A configuration of Apache's, whole or a site's file alone.
    mutating func takeApache(_ statements: [Statement]) {
        let level = spliced(statements)
        let globals = level.filter { PassengerDirectives.find($0) != nil }
        takeGlobals(globals)
        var order: [String] = []
        var sites: [String: Site] = [:]
        var converted: [Statement.Place] = []
        for host in level where host.isNamed("VirtualHost") {
            let inner = spliced(host.block ?? [])
            let root = Self.apacheWord("DocumentRoot", inner)
            // With Passenger's module every document root named `public` was tried as an app's.
            guard PassengerDirectives.isMentioned(in: host) || !globals.isEmpty && root?.hasSuffix("/public") == true
            else { continue }
            converted.append(host.place)
            let path = host.place.file
            let name = Self.apacheWord("ServerName", inner).map(Self.hostName)
            let title = name.flatMap { try? SafeText.serverName($0) } ?? Self.siteName(path)
            var site = sites[path] ?? Site(id: Site.id(for: title), title: title, socket: file.socket, servers: [])
            if sites[path] == nil { order.append(path) }
            if let server = apacheServer(host, inner, globals) { site.servers.append(server) }
            sites[path] = site
        }
        for path in order {
            guard var site = sites[path], !site.servers.isEmpty else { continue }
            for statement in level where statement.place.file == path && !converted.contains(statement.place) {
                if PassengerDirectives.isMentioned(in: statement)
                    || statement.isNamed("LoadModule") && statement.words.first == "passenger_module"
                {
                    // Directives of Passenger's have been read; what else such a section has would be lost.
                    guard PassengerDirectives.find(statement) == nil else { continue }
                    file.comments["", default: []] += statement.allComments
                    if statement.isNamed("Macro") {
                        note(
                            statement, "the macro '\(statement.words.first ?? "")' is written out where it is used here"
                        )
                    }
                } else {
                    site.others.append(Self.apacheText(statement))
                }
            }
            add(site, from: path)
        }
        preStart(globals)
    }

    private mutating func apacheServer(
        _ host: Statement, _ inner: [Statement], _ globals: [Statement]
    ) -> SiteServer? {
        let root = inner.last { $0.isNamed("DocumentRoot") }
        if inner.contains(where: { $0.isNamed("VirtualDocumentRoot") || $0.isNamed("VirtualDocumentRootIP") }) {
            note(host, "this host is not carried over: \(Self.manyApps)")
            return nil
        }
        guard root.map({ (try? SafeText.path($0.words.first ?? "", "the root")) != nil }) ?? true else {
            note(host, "this host is not carried over: its DocumentRoot cannot be written again safely")
            return nil
        }
        let directory = root?.words.first.map(Self.withoutSlash)
        var words: [String] = []
        for statement in inner where statement.isNamed("ServerName") || statement.isNamed("ServerAlias") {
            words += statement.words.map(Self.hostName)
        }
        let names = serverNames(words, host)
        var block = SiteServer(names: words, listen: [host.written], root: directory, tls: [], apps: [])
        block.comments = host.comments
        // Who may come is said by the old configuration, here or above all hosts. A section of ours for the same directory would have
        // the last word about it.
        block.replaced = ["Require", "AllowOverride"]
        let own = inner.filter { PassengerDirectives.find($0) != nil }
        let sections = inner.filter { $0.isNamed("Location") || $0.isNamed("Directory") || $0.isNamed("LocationMatch") }
        let aliases = Self.aliases(inner)
        let mounted = subURIs(own, sections, aliases, directory, globals + own, names, of: inner, &block)

        let main = sections.filter { Self.isMain($0, directory) }.flatMap { spliced($0.block ?? []) }
        let scope = globals + own + main.filter { PassengerDirectives.find($0) != nil }
        let isEnabled =
            scope.last { $0.isNamed("PassengerEnabled") }.flatMap { ValueWriter.flag($0.words.first) } ?? true
        let isApp = directory?.hasSuffix("/public") == true || mounted.isEmpty
        var app: FoundApp?
        if isEnabled,
            let appRoot = Self.apacheWord("PassengerAppRoot", own + main) ?? (isApp ? directory.map(Self.parent) : nil)
        {
            var found = FoundApp(root: Self.withoutSlash(appRoot), serverNames: names)
            take(scope, into: &found)
            if let directory, let root {
                setFiles(directory, of: &found, root)
                block.apps.insert(SiteApp(publicDirectory: directory), at: 0)
            }
            app = found
        }
        carry(inner, directory, mounted, into: &block, &app)
        if let app, directory != nil { file.add(app) }
        block.comments += host.after
        guard !block.apps.isEmpty else {
            note(host, "no app of Passenger's is found in this host")
            return nil
        }
        return block
    }

    /// Apps below a path, by PassengerBaseURI. Gives their files, by path.
    private mutating func subURIs(
        _ own: [Statement], _ sections: [Statement], _ aliases: [String: String], _ root: String?, _ scope: [Statement],
        _ names: [String], of host: [Statement], _ block: inout SiteServer
    ) -> [String: String] {
        var mounted: [String: String] = [:]
        let inSections = sections.map { (spliced($0.block ?? []), $0) }
        for (inner, section) in [(own, nil)] + inSections.map({ ($0.0, Optional($0.1)) }) {
            for statement in inner where PassengerDirectives.find(statement)?.apache == "PassengerBaseURI" {
                guard let base = statement.words.first.flatMap({ try? SafeText.baseURI($0) }) else {
                    note(statement, "'\(statement.written)' cannot be a base URI here")
                    continue
                }
                if base == "/" { continue }
                let directory = section == nil ? nil : Self.apacheWord("PassengerAppRoot", inner)
                let linked = aliases[base] == nil ? Self.linkedFiles(root, base) : nil
                if let linked {
                    note(
                        statement,
                        "files of \(base) are sent from \(linked) itself: who may come has to be said in a <Directory> of it"
                    )
                }
                let found = aliases[base] ?? linked ?? directory.map { "\($0)/public" }
                guard let files = found.flatMap({ try? SafeText.path($0, "the files") }) else {
                    note(statement, "the app at \(base) is not carried over: its files are not found")
                    continue
                }
                var app = FoundApp(
                    root: directory.map(Self.withoutSlash) ?? Self.parent(files), baseURI: base, serverNames: names)
                let local = inSections.filter {
                    $0.1.words.first == base || $0.1.words.first.map(Self.withoutSlash) == files
                }
                take(scope + local.flatMap(\.0), into: &app)
                for statement in host + local.flatMap(\.0) where statement.isNamed("SetEnv") {
                    takeVariable(statement, into: &app)
                }
                setFiles(files, of: &app, statement)
                file.add(app)
                block.apps.append(SiteApp(baseURI: base, publicDirectory: files))
                mounted[base] = files
            }
        }
        return mounted
    }

    private mutating func carry(
        _ inner: [Statement], _ root: String?, _ mounted: [String: String], into block: inout SiteServer,
        _ app: inout FoundApp?
    ) {
        for statement in inner {
            if PassengerDirectives.find(statement) != nil {
                block.comments += Self.homeless(statement)
                if statement.isNamed("PassengerErrorOverride"), ValueWriter.flag(statement.words.first) == true {
                    block.extra.append("ProxyErrorOverride On")
                }
                continue
            }
            switch statement.name.lowercased() {
            case "servername", "serveralias", "documentroot":
                block.comments += statement.allComments
                continue
            case "alias" where mounted[Self.withoutSlash(statement.words.first ?? "")] != nil,
                "aliasmatch" where Self.plainMatch(statement).map { mounted[$0.base] == $0.directory } == true:
                // The template's own.
                block.comments += statement.allComments
                continue
            case "setenv":
                guard var found = app else { break }
                takeVariable(statement, into: &found)
                app = found
                continue
            case "xsendfile", "xsendfilepath":
                // passenger's own to follow.
                if statement.isNamed("XSendFilePath"), let path = statement.words.first {
                    app?.sendfileRoots.append(Self.withoutSlash(path))
                }
                block.comments += statement.allComments
                continue
            case "location", "directory":
                carrySection(statement, root, mounted, into: &block, &app)
                continue
            default:
                if PassengerDirectives.isMentioned(in: statement) {
                    note(statement, "<\(statement.name)> with Passenger's directives inside is not carried over")
                    continue
                }
            }
            block.carried.append(Self.apacheText(statement))
        }
    }

    private mutating func carrySection(
        _ section: Statement, _ root: String?, _ mounted: [String: String], into block: inout SiteServer,
        _ app: inout FoundApp?
    ) {
        let inner = spliced(section.block ?? [])
        let own = inner.filter { PassengerDirectives.find($0) != nil }
        var others = inner.filter { PassengerDirectives.find($0) == nil }
        let path = Self.withoutSlash(section.words.first ?? "")
        let isAppsFiles = path == root || mounted.values.contains(path)
        if isAppsFiles || mounted[path] != nil || Self.isMain(section, root) {
            for statement in others where statement.isNamed("SetEnv") && Self.isMain(section, root) {
                guard var found = app else { break }
                takeVariable(statement, into: &found)
                app = found
            }
            others.removeAll { $0.isNamed("SetEnv") }
        }
        let isOff = own.last { $0.isNamed("PassengerEnabled") }.flatMap { ValueWriter.flag($0.words.first) } == false
        if isOff, path != root {
            others.append(
                Statement(name: "RewriteEngine", words: ["Off"], written: "Off", block: nil, place: section.place))
        } else if !own.isEmpty, !Self.isMain(section, root), mounted[path] == nil, !mounted.values.contains(path) {
            if var found = app {
                takeLocal(own, path: section.isNamed("Location") ? path : nil, into: &found)
                app = found
            } else {
                note(section, "<\(section.name) \(section.written)> is about no app that is found here")
            }
        }
        var kept = section
        kept.comments += own.flatMap(Self.homeless)
        guard !others.isEmpty else { return block.comments += kept.comments + kept.after }
        kept.block = others
        block.carried.append(Self.apacheText(kept))
    }

    // MARK: Text

    /// With what is included or conditional put in its place, where Passenger or a host is spoken of in it.
    private mutating func spliced(_ statements: [Statement]) -> [Statement] {
        var whole: [Statement] = []
        for statement in statements {
            let isCondition = ["ifmodule", "ifdefine", "ifversion"].contains(statement.name.lowercased())
            let isInclude = statement.isNamed("Include") || statement.isNamed("IncludeOptional")
            guard isCondition || isInclude, let block = statement.block, Self.isWorthALook(statement) else {
                whole.append(statement)
                continue
            }
            let isAboutPassenger = statement.written.contains("passenger")
            if isCondition, statement.written.hasPrefix("!") {
                if !isAboutPassenger {
                    note(statement, "<\(statement.name) \(statement.written)> is not carried over")
                }
                continue
            }
            whole += spliced(block).commented(as: statement)
        }
        return whole
    }

    private static func isWorthALook(_ statement: Statement) -> Bool {
        PassengerDirectives.isMentioned(in: statement)
            || (statement.block ?? []).contains { $0.isNamed("VirtualHost") || isWorthALook($0) }
    }

    static func apacheText(_ statement: Statement) -> String {
        let head = statement.written.isEmpty ? statement.name : "\(statement.name) \(statement.written)"
        let isInclude = statement.isNamed("Include") || statement.isNamed("IncludeOptional")
        guard let block = statement.block, !isInclude else { return commented(statement, head) }
        let inner = block.isEmpty ? "" : indented(block.map { apacheText($0) }) + "\n"
        return commented(statement, "<\(head)>\n\(inner)</\(statement.name)>")
    }

    private static func isMain(_ section: Statement, _ root: String?) -> Bool {
        let path = withoutSlash(section.words.first ?? "")
        if section.isNamed("Location") { return path == "/" }
        return section.isNamed("Directory") && (path == root || path == root.map(parent))
    }

    private static func aliases(_ statements: [Statement]) -> [String: String] {
        var aliases: [String: String] = [:]
        for statement in statements where statement.isNamed("Alias") && statement.words.count == 2 {
            aliases[withoutSlash(statement.words[0])] = withoutSlash(statement.words[1])
        }
        for statement in statements where statement.isNamed("AliasMatch") {
            guard let (base, directory) = plainMatch(statement) else { continue }
            aliases[base] = aliases[base] ?? directory
        }
        return aliases
    }

    /// `AliasMatch ^/shop(/.*)?$ /srv/shop/public$1`, which says no more than an `Alias` of /shop would.
    static func plainMatch(_ statement: Statement) -> (base: String, directory: String)? {
        guard statement.isNamed("AliasMatch"), statement.words.count == 2, statement.words[0].hasPrefix("^") else {
            return nil
        }
        var pattern = statement.words[0].dropFirst()
        let (target, isRest) =
            statement.words[1].hasSuffix("$1")
            ? (statement.words[1].dropLast(2), true) : (statement.words[1][...], false)
        var endings = [
            "/?(.*)$", "/?(.*)", "/(.*)$", "/(.*)", "(/.*)?$", "(/.*|$)", "($|/.*)", "(/.*)$", "(.*)$", "(.*)",
        ]
        if !isRest { endings = ["/?$", "/$", "$"] }
        guard let ending = endings.first(where: { pattern.hasSuffix($0) }) else { return nil }
        pattern = pattern.dropLast(ending.count)
        let base = pattern.replacing("\\.", with: ".").replacing("\\-", with: "-")
        guard let safe = try? SafeText.baseURI(String(base)), safe != "/", !target.contains("$"),
            // A dot that is not escaped is any character.
            !pattern.replacing("\\.", with: "").contains(".")
        else { return nil }
        return (safe, withoutSlash(String(target)))
    }

    private static func apacheWord(_ name: String, _ statements: [Statement]) -> String? {
        statements.last { $0.isNamed(name) }?.words.first
    }

    private static func withoutSlash(_ path: String) -> String {
        path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// `https://www.example.com:443` names a host too.
    private static func hostName(_ word: String) -> String {
        let rest = word.firstRange(of: "://").map { word[$0.upperBound...] } ?? word[...]
        return String(rest.prefix { $0 != ":" })
    }
}
