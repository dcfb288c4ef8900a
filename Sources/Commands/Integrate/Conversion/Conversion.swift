import AdminAPI
import AppConfig
import Glibc
import Model

/// What becomes of a web server's configuration with Passenger's directives in it: our server file, the sites, and what a person
/// has to look at.
struct Conversion {
    var file: ServerFile
    /// By the name of the file that each is for.
    private(set) var sites: [(name: String, site: Site)] = []
    private(set) var notes: [ConversionNote] = []

    init(socket: String) { file = ServerFile(socket: socket) }

    mutating func note(_ statement: Statement, _ text: String) {
        let note = ConversionNote(statement.place, text)
        if !notes.contains(note) { notes.append(note) }
    }

    // MARK: Values

    /// What stands above all servers.
    mutating func takeGlobals(_ statements: [Statement]) {
        for statement in statements {
            guard let directive = PassengerDirectives.find(statement) else { continue }
            if directive.isGlobal, case .key(let key, let value) = directive.counterpart {
                if Self.isOfPackages(statement) { continue }
                guard let text = ValueWriter.text(statement.words.first ?? "", as: value, of: key, root: "/") else {
                    note(statement, "\(statement.name): '\(statement.written)' cannot be '\(key)' here")
                    continue
                }
                file.values[key] = text
                file.comments[key] = statement.comments
                file.comments["", default: []] += statement.after
                continue
            }
            file.comments["", default: []] += Self.isKey(directive) ? [] : statement.allComments
            if case .none(let reason) = directive.counterpart {
                note(statement, "\(statement.name) has no counterpart: \(reason)")
            }
        }
    }

    /// Directives about one app, outermost first. Which app it is has been read already.
    mutating func take(_ statements: [Statement], into app: inout FoundApp) {
        for statement in statements {
            guard let directive = PassengerDirectives.find(statement), !directive.isGlobal else { continue }
            let word = statement.words.first ?? ""
            switch directive.counterpart {
            // Of Passenger's packages, and gone with them.
            case .key("ruby", _) where Self.isOfPackages(statement): app.values["ruby"] = nil
            case .key(let key, let value):
                guard let text = ValueWriter.text(word, as: value, of: key, root: app.root) else {
                    note(statement, "\(statement.name): '\(statement.written)' cannot be '\(key)' here")
                    continue
                }
                app.values[key] = text
                app.comments[key] = statement.comments
            case .place:
                guard statement.isNamed("passenger_env_var") else { continue }
                takeVariable(statement, into: &app)
            case .none(let reason): note(statement, "\(statement.name) has no counterpart: \(reason)")
            case .site, .needsNothing: break
            }
        }
    }

    /// The Ruby of Passenger's packages.
    private static func isOfPackages(_ statement: Statement) -> Bool {
        statement.words.first?.hasSuffix("/passenger_free_ruby") == true
    }

    mutating func takeVariable(_ statement: Statement, into app: inout FoundApp) {
        let name = statement.words.first ?? ""
        let isName =
            !name.isEmpty
            && name.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0)) || $0 == "_"
            }
        guard isName, !name.hasPrefix("PASSENGER_"), !("0"..."9").contains(name.prefix(1)) else {
            return note(statement, "'\(name)' cannot be the name of an environment variable here")
        }
        app.environment[name] = statement.words.count > 1 ? statement.words[1] : ""
        app.comments["envvars.\(name)"] = statement.comments
    }

    /// Whether the server file has it for an app, and its comment with it.
    static func isKey(_ directive: PassengerDirective) -> Bool {
        if case .key = directive.counterpart { return !directive.isGlobal }
        return directive.nginx == "passenger_env_var"
    }

    /// Comments of a statement that is not written again, for which there is no better place than above its server.
    static func homeless(_ statement: Statement) -> [String] {
        let isKept = PassengerDirectives.find(statement).map(isKey) ?? false
        return isKept ? statement.after : statement.allComments
    }

    /// A path's own settings: here they are the app's.
    mutating func takeLocal(_ statements: [Statement], path: String?, into app: inout FoundApp) {
        for statement in statements {
            guard let directive = PassengerDirectives.find(statement) else { continue }
            if statement.isNamed("passenger_force_max_concurrent_requests_per_process")
                || statement.isNamed("PassengerForceMaxConcurrentRequestsPerProcess"), statement.words == ["0"],
                let path, path != "/", (try? SafeText.baseURI(path)) != nil
            {
                if !app.unlimitedPaths.contains(path) { app.unlimitedPaths.append(path) }
                continue
            }
            switch directive.counterpart {
            case .key(let key, _):
                note(
                    statement,
                    "\(statement.name) for \(path ?? "a part of the app"): '\(key)' is the whole app's here")
            case .none(let reason)
            where !statement.name.lowercased().hasSuffix("groupname")
                && !statement.name.hasSuffix("group_name"):
                note(statement, "\(statement.name) has no counterpart: \(reason)")
            case .none, .place, .site, .needsNothing: break
            }
        }
    }

    /// The names that both sides can have.
    mutating func serverNames(_ words: [String], _ statement: Statement) -> [String] {
        words.flatMap { word -> [String] in
            if word == "_" || word.isEmpty { return [] }
            // nginx' short form of a domain and all below it.
            let names = word.hasPrefix(".") ? [String(word.dropFirst()), "*\(word)"] : [word]
            return names.compactMap { name in
                guard let safe = try? SafeText.serverName(name), Self.isServerName(safe) else {
                    note(statement, "'\(name)' cannot be one of 'server_names' here")
                    return nil
                }
                return safe
            }
        }
    }

    private static func isServerName(_ name: String) -> Bool {
        KeyTable.all.first { $0.name == "server_names" }?.takes(name) == true
    }

    /// Where its files lie, as the app's own setting when that is not `public`.
    mutating func setFiles(_ directory: String, of app: inout FoundApp, _ statement: Statement) {
        guard directory != app.root + "/public" else { return }
        if let inside = ValueWriter.pathInApp(directory, app.root), directory.hasPrefix("/") {
            app.values["static_files_dir"] = JSONText.quoted(inside)
        } else {
            app.values["static_files_dir"] = "\"off\""
            note(statement, "\(directory) is not in \(app.root): the web server alone sends files from there")
        }
    }

    mutating func preStart(_ statements: [Statement]) {
        for statement in statements
        where statement.isNamed("passenger_pre_start") || statement.isNamed("PassengerPreStart") {
            let url = statement.words.first ?? ""
            let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
            let host = rest.prefix { $0 != "/" && $0 != ":" }.lowercased()
            let path = String(rest.drop { $0 != "/" })
            guard let app = file.app(host: host, path: path) else {
                note(statement, "\(statement.name): no app here is for \(url)")
                continue
            }
            file.setDefault("min_instances", "1", app: app)
        }
    }

    /// Of a site with as many apps as there are directories.
    static let manyApps =
        "its root depends on the request. Apps of one directory, each for the host of its name, are 'apps_dir' in the server file"

    // MARK: Places

    /// Two directories may each have a file of that name.
    mutating func add(_ site: Site, from path: String) {
        let name = Self.siteName(path)
        let isFree = !sites.contains { $0.name == name }
        sites.append((isFree ? name : "\(sites.count + 1)-\(name)", site))
    }

    static func parent(_ path: String) -> String {
        let parts = path.split(separator: "/").dropLast()
        return "/" + parts.joined(separator: "/")
    }

    /// `blog` of `/etc/nginx/sites-enabled/blog.conf`.
    static func siteName(_ file: String) -> String {
        let name = file.split(separator: "/").last.map(String.init) ?? "site"
        return (name.hasSuffix(".conf") ? String(name.dropLast(5)) : name) + ".conf"
    }

    /// The directory of an app that a link in the document root leads to, as Passenger has it for sub-URIs.
    static func linkedFiles(_ documentRoot: String?, _ base: String) -> String? {
        guard let documentRoot, let real = realpath(documentRoot + base, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
